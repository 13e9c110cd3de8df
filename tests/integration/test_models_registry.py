"""Against real MLflow: a SQLite backend with files beside it, and a real server on the loopback interface."""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contracts.errors import BadSource, NotFound
from contracts.params import EvaluateParams, Params
from contracts.results import Decision, Features
from models import evaluate, model_card, score
from models.evaluation import flat_metrics
from models.registry import (
    Tracking,
    Version,
    alias_moves,
    champion_version,
    history,
    load_champion,
    log_training_run,
    publish,
    registered_name,
    release,
)
from tests.synthetic_risk import Walk, walk_worth
from tests.synthetic_risk import walk as fitted_walk

NAME = "ulsan-chemical_release"
AT = datetime(2026, 6, 9, 1, tzinfo=UTC)
LATER = datetime(2026, 6, 10, 1, tzinfo=UTC)

DOWNSTREAM = """
import importlib.util, sys
sys.path.append(sys.argv[5])  # the libraries, without the .pth file that makes our rooms importable
for ours in ("contracts", "features", "models", "ingest", "flows"):
    assert importlib.util.find_spec(ours) is None, ours
import mlflow, pandas as pd
from mlflow.environment_variables import MLFLOW_ALLOW_PICKLE_DESERIALIZATION
MLFLOW_ALLOW_PICKLE_DESERIALIZATION.set(False)
mlflow.set_tracking_uri(sys.argv[1])
got = mlflow.pyfunc.load_model(sys.argv[2]).predict(pd.read_parquet(sys.argv[3]))
got.to_parquet(sys.argv[4])
"""


@pytest.fixture(scope="module")
def walk() -> Walk:
    return fitted_walk()


def golden_rows(walk: Walk) -> Features:
    return walk.city.features.take(walk.parts.test[:40])


def logged_run(walk: Walk, tracking: Tracking, files: tuple[Path, ...] = ()) -> str:
    evaluation = evaluate(
        walk.trial.probability, walk.trial.judged, baselines=walk.trial.baselines, params=EvaluateParams(replicates=40)
    )
    return log_training_run(
        tracking,
        experiment="ulsan",
        run_name="chemical_release",
        params=Params().flat(),
        metrics=flat_metrics(evaluation),
        provenance={**walk.fitted.model.provenance, "store_versions": {"readings": 3}},
        files=files,
        texts={"card.md": model_card(NAME, walk.fitted, evaluation, walk_worth(), promotion())},
    )


def promotion(kind: str = "promote", at: datetime = AT) -> Decision:
    return Decision(kind=kind, subject=NAME, reasons=("better",), decided_at=at)  # type: ignore[arg-type]


def published(walk: Walk, tracking: Tracking, at: datetime = AT) -> Version:
    return publish(
        tracking,
        walk.fitted.model,
        name=NAME,
        run_id=logged_run(walk, tracking),
        golden=golden_rows(walk),
        card="# card",
        entry={"pilot": {}, "params": {}},
        at=at,
    )


def test_a_downstream_service_loads_and_scores_without_our_code(walk: Walk, tracking: Tracking, tmp_path: Path) -> None:
    release(tracking, published(walk, tracking), promotion())
    (described,) = tmp_path.rglob("MLmodel")
    assert str(tmp_path) not in described.read_text()
    assert str(Path(__file__).parents[2]) not in described.read_text()
    features = walk.city.features.take(walk.parts.test[:500])
    frame = pd.DataFrame(features.values, columns=list(features.names))
    shuffled = frame[list(reversed(frame.columns))].astype("float64")
    shuffled.to_parquet(tmp_path / "rows.parquet")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    arguments = [
        tracking.uri,
        f"models:/{NAME}@champion",
        str(tmp_path / "rows.parquet"),
        str(tmp_path / "got.parquet"),
    ]
    script = elsewhere / "downstream.py"
    script.write_text(DOWNSTREAM)
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(script), *arguments, sysconfig.get_path("purelib")],
        cwd=elsewhere,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    got = pd.read_parquet(tmp_path / "got.parquet")
    ours = score(walk.fitted.model, features, name=NAME, version="1")
    for column in ("probability", "low", "high"):
        np.testing.assert_array_equal(got[column].to_numpy(), ours[column].to_numpy())
    assert got["band"].tolist() == ours["band"].tolist()


def test_a_released_model_is_loaded_and_scores_the_same(walk: Walk, tracking: Tracking) -> None:
    version = published(walk, tracking)
    assert champion_version(tracking, NAME) is None
    assert champion_version(tracking, NAME, alias="challenger") == version
    assert release(tracking, version, promotion())
    model, loaded = load_champion(tracking, NAME)
    assert loaded == version
    features = golden_rows(walk)
    pd.testing.assert_frame_equal(
        score(model, features, name=NAME, version="1"), score(walk.fitted.model, features, name=NAME, version="1")
    )


def test_a_refusal_is_kept_and_the_champion_stays(walk: Walk, tracking: Tracking) -> None:
    first = published(walk, tracking)
    release(tracking, first, promotion())
    second = published(walk, tracking, at=LATER)
    assert not release(tracking, second, promotion("refuse", LATER))
    assert champion_version(tracking, NAME) == first
    moves = [(move.version, move.alias, move.moved_at) for move in alias_moves(tracking, NAME)]
    assert moves == [("1", "challenger", AT), ("1", "champion", AT), ("2", "challenger", LATER)]


def test_a_model_that_scores_otherwise_when_fresh_is_not_registered(
    walk: Walk, tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.risk_model.Bands.names", lambda self, p: np.full(len(p), "extreme", dtype=object))
    with pytest.raises(BadSource, match=r"fresh process: band of golden row"):
        published(walk, tracking)
    assert champion_version(tracking, NAME, alias="challenger") is None


def test_broken_booster_text_ends_only_the_fresh_process(walk: Walk, tracking: Tracking) -> None:
    good = walk.fitted.model
    model = replace(good, boosters=good.boosters)
    _ = model.parsed  # what this process computes with; the text that is uploaded is cut off
    object.__setattr__(model, "boosters", tuple(text[: len(text) // 3] for text in good.boosters))
    run_id = logged_run(walk, tracking)
    with pytest.raises(BadSource, match="fails in a fresh process"):
        publish(tracking, model, name=NAME, run_id=run_id, golden=golden_rows(walk), card="", entry={}, at=AT)
    assert champion_version(tracking, NAME, alias="challenger") is None


def test_changed_files_are_noticed_before_they_are_parsed(walk: Walk, tracking: Tracking, tmp_path: Path) -> None:
    release(tracking, published(walk, tracking), promotion())
    (booster,) = (tmp_path / "artifacts").rglob("booster-1.txt")
    booster.write_bytes(booster.read_bytes().replace(b"leaf_value=0", b"leaf_value=1", 1) + b" ")
    with pytest.raises(BadSource, match="SHA-256"):
        load_champion(tracking, NAME)
    (manifest,) = (tmp_path / "artifacts").rglob("manifest.json")
    manifest.write_text(json.dumps({"format": 1, "files": {}}))
    with pytest.raises(BadSource, match="not the one that was registered"):
        load_champion(tracking, NAME)


def test_what_a_run_keeps(walk: Walk, tracking: Tracking, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    picture = tmp_path / "skill.png"
    picture.write_bytes(b"png")
    run_id = logged_run(walk, tracking, files=(picture,))
    run = MlflowClient(tracking_uri=tracking.uri).get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params == Params().flat()
    assert {"test.log_loss", "test.log_loss.low", "test.climatology.brier"} <= run.data.metrics.keys()
    assert run.data.tags["data_instant"] == "2026-06-09T00:00:00+00:00"
    assert json.loads(run.data.tags["store_versions"]) == {"readings": 3}
    assert len(list((tmp_path / "artifacts").rglob("skill.png"))) == 1
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_missing_model_is_named_with_those_there_are(walk: Walk, tracking: Tracking) -> None:
    published(walk, tracking)
    with pytest.raises(NotFound, match=f"did you mean '{NAME}'"):
        load_champion(tracking, "ulsan-chemical_releas")
    with pytest.raises(NotFound, match="no champion of"):
        load_champion(tracking, NAME)
    with pytest.raises(NotFound, match="no model 'x'"):
        history(tracking, "x")


def test_names() -> None:
    assert registered_name("ulsan", "flood") == "ulsan-flood"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Tracking]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    uri = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{tmp_path / 'server.db'}"]
    command += ["--artifacts-destination", str(tmp_path / "server-artifacts")]
    log = (tmp_path / "server.log").open("wb")
    child = subprocess.Popen(
        ["/usr/bin/env", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false", *command], stdout=log, stderr=log, cwd=tmp_path
    )
    try:
        _wait_until_healthy(uri, child)
        yield Tracking(uri=uri)
    finally:
        child.terminate()
        child.wait(timeout=30)
        log.close()


def _wait_until_healthy(uri: str, child: subprocess.Popen[bytes]) -> None:
    for _ in range(240):
        assert child.poll() is None, "the MLflow server ended"
        try:
            with urllib.request.urlopen(f"{uri}/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    pytest.fail("the MLflow server is not healthy after 2 minutes")


@pytest.mark.slow
def test_the_same_way_through_a_real_server(walk: Walk, server: Tracking) -> None:
    version = published(walk, server)
    release(server, version, promotion())
    model, loaded = load_champion(server, NAME)
    assert loaded == version
    assert model.boosters == walk.fitted.model.boosters
    assert [move.alias for move in alias_moves(server, NAME)] == ["challenger", "champion"]
