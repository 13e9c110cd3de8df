"""DVC and Prefect conduct the same stages: the runnable commands of README.md on a small city, in a clean clone.

Its first block is a data scientist's, with a real `dvc repro` and an experiment; the others are an operator's, with
real flows on a real server. Flood has no incident in sixty days of winter: it is refused, and all commands go on.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from flows.server import Use
from flows.services import prefect_service
from flows.settings import load_settings
from ingest.store import Store
from tests.integration.checkout import Checkout, environment, small_checkout
from tests.integration.test_readme import runnable_of_the_readme

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
STAGES = ("simulate", "ingest", "features", "train", "evaluate", "track", "score", "report")
EXPERIMENT = "dvc exp run -S train.learning_rate=0.1"
EXIT_CODES = {"foresafe train ulsan": 1}  # some hazard was refused and the others went on
Said = dict[str, subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return small_checkout(tmp_path_factory.mktemp("conductors") / "foresafe")


def walked(checkout: Checkout, commands: list[str]) -> Said:
    """Each command as it stands, in the clone, with this environment's programs and the clone's code on the paths."""
    said = {}
    for command in commands:
        said[command] = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=checkout.home,
            env=environment({"PYTHONPATH": str(checkout.home)}),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        code, words = said[command].returncode, said[command].stdout[-2000:] + said[command].stderr[-2000:]
        assert code == EXIT_CODES.get(command, 0), f"{command}\n{words}"
    return said


@pytest.fixture(scope="module")
def by_dvc(checkout: Checkout) -> Said:
    return walked(checkout, runnable_of_the_readme()[0])


@pytest.fixture(scope="module")
def digests(checkout: Checkout, by_dvc: Said) -> dict[str, str]:
    """Of the boosters that the experiment left."""
    return booster_digests(checkout)


@pytest.fixture(scope="module")
def by_prefect(checkout: Checkout, digests: dict[str, str]) -> Iterator[Said]:
    """On one server for all of them, as on a platform that is up."""
    with Use(prefect_service(load_settings(checkout.home, {}))) as use:
        use.address()
        yield walked(checkout, [command for block in runnable_of_the_readme()[1:] for command in block])


def booster_digests(checkout: Checkout) -> dict[str, str]:
    found = sorted((checkout.home / "var" / "models" / "ulsan").glob("*/booster-*.txt"))
    return {str(path.relative_to(checkout.home)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def test_repro_leaves_everything_and_nothing_more_to_do(checkout: Checkout, by_dvc: Said) -> None:
    assert all(f"Running stage '{stage}'" in by_dvc["dvc repro"].stdout for stage in STAGES)
    var = checkout.home / "var"
    assert (var / "report" / "ulsan" / "index.html").stat().st_size > 10_000
    scores = pd.read_parquet(var / "scores" / "ulsan" / "scores.parquet")
    assert scores["probability"].between(0, 1).all()
    geojson = json.loads((var / "scores" / "ulsan" / "scores.geojson").read_text(encoding="utf-8"))
    assert len(geojson["features"]) == len(scores)
    assert "up to date" in checkout.done("dvc", "status")
    assert checkout.done("dvc", "config", "core.analytics").strip() == "false"


def test_an_experiment_reruns_only_training_and_what_follows(checkout: Checkout, by_dvc: Said) -> None:
    said = by_dvc[EXPERIMENT].stdout
    for stage in ("simulate", "ingest", "features"):
        assert f"Stage '{stage}' didn't change" in said
    for stage in ("train", "evaluate", "track", "score", "report"):
        assert f"Running stage '{stage}'" in said
    assert "learning_rate: 0.1" in (checkout.home / "params.yaml").read_text(encoding="utf-8")
    assert "traffic_accident.json" in by_dvc["dvc metrics diff"].stdout


def test_metrics_and_plots_show(checkout: Checkout, by_dvc: Said, tmp_path: Path) -> None:
    shown = json.loads(checkout.done("dvc", "metrics", "show", "--json"))
    traffic = shown[""]["data"]["var/metrics/ulsan/traffic_accident.json"]["data"]
    assert {"log_loss", "brier_skill", "average_precision", "ece", "climatology", "attainable_share"} <= set(traffic)
    checkout.done("dvc", "plots", "show", "--out", str(tmp_path / "plots"))
    page = (tmp_path / "plots" / "index.html").read_text(encoding="utf-8")
    assert "Do the forecasts come true?" in page
    assert list((tmp_path / "plots").rglob("*skill.png"))


def test_a_hazard_without_incidents_is_left_out_and_said_so(checkout: Checkout, by_dvc: Said) -> None:
    """The others are trained all the same."""
    last = json.loads((checkout.home / "var" / "last" / "ulsan" / "train.json").read_text(encoding="utf-8"))
    refused = {outcome["name"]: outcome["refused"] for outcome in last}
    assert "train.min_incidents" in refused["flood"]
    assert not refused["traffic_accident"]


def test_prefect_trains_the_very_same_model(checkout: Checkout, digests: dict[str, str], by_prefect: Said) -> None:
    """Same stages, same store, same parameters: the same bytes; and every run is recorded."""
    refused = by_prefect["foresafe train ulsan"].stderr
    assert refused.startswith("refused: flood")
    assert "Traceback" not in refused
    assert digests
    assert booster_digests(checkout) == digests
    assert_recorded(checkout.home / "var" / "prefect" / "prefect.db")


def assert_recorded(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        runs = dict(connection.execute("select name, state_name from flow_run").fetchall())
        tasks = dict(connection.execute("select name, state_name from task_run").fetchall())
        artifacts = {row[0] for row in connection.execute("select key from artifact where key is not null")}
    assert runs == {"ingest ulsan": "Completed", "train ulsan": "Partly", "score ulsan": "Completed"}
    assert tasks["ingest process"] == tasks["train traffic_accident"] == tasks["score"] == "Completed"
    assert tasks["train flood"] == "Failed"
    assert {"ingest-ulsan", "feeds-ulsan", "train-ulsan", "models-ulsan", "score-ulsan", "scores-ulsan"} <= artifacts


@pytest.mark.usefixtures("by_prefect")
def test_scoring_again_keeps_one_forecast(checkout: Checkout) -> None:
    """Whoever conducts it."""
    for more in ((), ("--direct",)):
        scored = checkout.foresafe("score", "ulsan", "--as-of", "2025-02-20T09:00", *more)
        assert scored.returncode == 0, scored.stderr
        assert "as of 2025-02-20 09:00 KST" in scored.stdout
    kept = Store(checkout.home / "var" / "store" / "ulsan").scores()
    assert kept.height == kept.unique(["asset_id", "hazard", "as_of", "version"]).height
