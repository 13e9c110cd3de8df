"""DVC and Prefect conduct the same stages: real `dvc repro`, then real flows on a real server, on a small city."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path

import pandas as pd
import pytest

from tests.integration.checkout import Checkout, small_checkout

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
STAGES = ("simulate", "ingest", "features", "train", "evaluate", "track", "score", "report")


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """`dvc repro` from a clean clone."""
    checkout = small_checkout(tmp_path_factory.mktemp("conductors") / "foresafe")
    said = checkout.done("dvc", "repro", within_seconds=600)
    assert all(f"Running stage '{stage}'" in said for stage in STAGES)
    return checkout


def booster_digests(checkout: Checkout) -> dict[str, str]:
    found = sorted((checkout.home / "var" / "models" / "ulsan").glob("*/booster-*.txt"))
    return {str(path.relative_to(checkout.home)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def test_repro_leaves_everything_and_nothing_more_to_do(reproduced: Checkout) -> None:
    var = reproduced.home / "var"
    assert (var / "report" / "ulsan" / "index.html").stat().st_size > 10_000
    scores = pd.read_parquet(var / "scores" / "ulsan" / "scores.parquet")
    assert scores["probability"].between(0, 1).all()
    geojson = json.loads((var / "scores" / "ulsan" / "scores.geojson").read_text(encoding="utf-8"))
    assert len(geojson["features"]) == len(scores)
    assert "up to date" in reproduced.done("dvc", "status")
    assert reproduced.done("dvc", "config", "core.analytics").strip() == "false"


def test_metrics_and_plots_show(reproduced: Checkout, tmp_path: Path) -> None:
    shown = json.loads(reproduced.done("dvc", "metrics", "show", "--json"))
    traffic = shown[""]["data"]["var/metrics/ulsan/traffic_accident.json"]["data"]
    assert {"log_loss", "brier_skill", "average_precision", "ece", "climatology", "attainable_share"} <= set(traffic)
    reproduced.done("dvc", "plots", "show", "--out", str(tmp_path / "plots"))
    page = (tmp_path / "plots" / "index.html").read_text(encoding="utf-8")
    assert "Do the forecasts come true?" in page
    assert list((tmp_path / "plots").rglob("*skill.png"))


def test_a_hazard_without_incidents_is_left_out_and_said_so(reproduced: Checkout) -> None:
    """Sixty days of winter have no flood: the others are trained all the same."""
    last = json.loads((reproduced.home / "var" / "last" / "ulsan" / "train.json").read_text(encoding="utf-8"))
    refused = {outcome["name"]: outcome["refused"] for outcome in last}
    assert "train.min_incidents" in refused["flood"]
    assert not refused["traffic_accident"]


def test_prefect_trains_the_very_same_model(reproduced: Checkout) -> None:
    """Same stages, same store, same parameters: the same bytes; and every run is recorded."""
    by_dvc = booster_digests(reproduced)
    ingested = reproduced.foresafe("ingest", "ulsan")
    assert ingested.returncode == 0, ingested.stderr
    trained = reproduced.foresafe("train", "ulsan")
    assert trained.returncode == 1, "flood was refused, the others went on"
    assert trained.stderr.startswith("refused: flood")
    assert "Traceback" not in trained.stderr
    scored = reproduced.foresafe("score", "ulsan", "--as-of", "2025-02-20T09:00")
    assert scored.returncode == 0, scored.stderr
    assert "as of 2025-02-20 09:00 KST" in scored.stdout
    assert booster_digests(reproduced) == by_dvc
    assert_recorded(reproduced.home / "var" / "prefect" / "prefect.db")


def assert_recorded(database: Path) -> None:
    connection = sqlite3.connect(database)
    try:
        runs = dict(connection.execute("select name, state_name from flow_run").fetchall())
        tasks = dict(connection.execute("select name, state_name from task_run").fetchall())
        artifacts = {row[0] for row in connection.execute("select key from artifact where key is not null")}
    finally:
        connection.close()
    assert runs == {"ingest ulsan": "Completed", "train ulsan": "Partly", "score ulsan": "Completed"}
    assert tasks["ingest process"] == tasks["train traffic_accident"] == tasks["score"] == "Completed"
    assert tasks["train flood"] == "Failed"
    assert {"ingest-ulsan", "feeds-ulsan", "train-ulsan", "models-ulsan", "score-ulsan", "scores-ulsan"} <= artifacts


def test_scoring_again_keeps_one_forecast(reproduced: Checkout) -> None:
    arguments = ("score", "ulsan", "--direct", "--as-of", "2025-02-21T09:00+09:00")
    for _ in range(2):
        assert reproduced.foresafe(*arguments).returncode == 0
    counted = "from ingest.store import Store; from pathlib import Path;"
    counted += "f = Store(Path('var/store/ulsan')).scores(); k = ['asset_id', 'hazard', 'as_of', 'version'];"
    script = reproduced.home / "counted.py"
    script.write_text(counted + "print(f.height, f.unique(k).height)", encoding="utf-8")
    rows, once = reproduced.done("counted").split()
    script.unlink()
    assert rows == once


def test_an_experiment_reruns_only_training_and_what_follows(reproduced: Checkout) -> None:
    said = reproduced.done("dvc", "exp", "run", "-S", "train.learning_rate=0.1", within_seconds=600)
    for stage in ("simulate", "ingest", "features"):
        assert f"Stage '{stage}' didn't change" in said
    for stage in ("train", "evaluate", "track", "score", "report"):
        assert f"Running stage '{stage}'" in said
    assert "learning_rate: 0.1" in (reproduced.home / "params.yaml").read_text(encoding="utf-8")
