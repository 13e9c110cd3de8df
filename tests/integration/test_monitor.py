"""The check on a small simulated Ulsan by the command line: recorded, repeatable, and readable when it cannot judge."""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest

from flows.server import answers, together
from flows.services import pages_service, prefect_service
from flows.settings import load_settings
from tests.integration.small_city import copy_city, foresafe, foresafe_alone
from tests.integration.test_deployments import post

pytestmark = pytest.mark.slow
MODEL = "ulsan-chemical_release"


@pytest.fixture(scope="module")
def city(small_city: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_city(small_city, tmp_path_factory.mktemp("monitor") / "city")


def records(home: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (home / "var" / "monitor" / "ulsan" / name).read_text().splitlines()]


def check(home: Path, *options: str) -> dict[str, Any]:
    done = foresafe("monitor", "ulsan", "--direct", *options, home=home)
    assert done.returncode == 0, done.stderr
    return records(home, "windows.jsonl")[-1]


@pytest.fixture(scope="module")
def window(city: Path) -> dict[str, Any]:
    return check(city, "--at", "2025-08-20T00:00", "--page")


def test_a_window_is_judged_kept_once_logged_and_shown(city: Path, window: dict[str, Any]) -> None:
    assert window["version"] == "1"
    assert window["drift_share"] is not None, window["states"]
    assert window["learning_z"] is not None, window["states"]
    assert window["numbers"]["estimated.log_loss"] > 0
    assert "100% of the judged forecasts were not kept" in window["states"]["forecasts"]
    assert "Evidently" not in window["states"]
    page = (city / "var" / "monitor" / "ulsan" / "report.html").read_text()
    assert "ulsan, chemical_release: the week until 2025-08-19 15:00 UTC" in page
    assert "reference rows, at random" in page
    lines = len(records(city, "windows.jsonl"))
    assert check(city, "--at", "2025-08-20T00:00", "--no-page") == window
    assert len(records(city, "windows.jsonl")) == lines
    assert [made["subject"] for made in records(city, "decisions.jsonl")] == [MODEL] * lines
    assert _series(city)["realised.log_loss"] == [window["numbers"]["realised.log_loss"]]


def test_a_decision_to_train_is_told_and_the_run_links_to_its_page(city: Path, tmp_path: Path) -> None:
    """Through Prefect, on a real server, by a monitor that is easily convinced: what prefect.yaml answers."""
    home = copy_city(city, tmp_path / "eager")
    params = home / "params.yaml"
    eager = "min_ripe_incidents: 10, persist: 1, of_last: 1, loss_z: 0.0001"
    params.write_text(params.read_text().replace("min_ripe_incidents: 10", eager))
    settings = load_settings(home, {})
    with together(prefect_service(settings), pages_service(settings)) as addresses:
        done = foresafe_alone("monitor", "ulsan", "--at", "2025-08-20T00:00", "--page", home=home)
        assert done.returncode == 0, done.stderr
        api = addresses["Prefect"] + "/api"
        asked = {"filter": {"event": {"prefix": ["foresafe."]}}}
        (event,) = first_told(f"{api}/events/filter", asked)
        (page,) = post(f"{api}/artifacts/filter", {"artifacts": {"key": {"any_": ["monitor-ulsan"]}}})
        (table,) = post(f"{api}/artifacts/filter", {"artifacts": {"key": {"any_": ["decisions-ulsan"]}}})
        (link,) = re.findall(r"\[report.html\]\((.*?)\)", page["data"])
        assert link == addresses["Pages"] + "/monitor/ulsan/report.html"
        assert answers(link)
    (made,) = records(home, "decisions.jsonl")
    assert event["event"] == "foresafe.retrain.requested"
    assert event["resource"]["foresafe.pilot"] == "ulsan", "by which the automation chooses"
    assert event["payload"] == {key: made[key] for key in ("subject", "kind", "reasons", "decided_at", "key")}
    assert event["id"] == str(uuid5(NAMESPACE_URL, made["key"])), "told again, it is the same event"
    assert json.loads(table["data"])[0]["mlflow"] == _series_run(home).info.run_id, "no MLflow server: its id alone"


def first_told(url: str, asked: dict[str, Any]) -> list[dict[str, Any]]:
    """Events, once there is one: Prefect's server writes them down a little after it took them."""
    end = time.monotonic() + 60
    while not (events := post(url, asked)["events"]) and time.monotonic() < end:
        time.sleep(0.5)
    return list(events)


@pytest.mark.usefixtures("window")
def test_decisions_are_listed_with_their_reasons(city: Path) -> None:
    done = foresafe("decisions", "ulsan", home=city)
    assert done.returncode == 0, done.stderr
    assert MODEL in done.stdout
    assert "2025-08-20 00:00 KST" in done.stdout


def test_what_is_not_there_is_a_recorded_state(city: Path, tmp_path: Path) -> None:
    """A reference that is gone, then no champion, then an empty store: each is said; no crash and no all-clear."""
    home = copy_city(city, tmp_path / "copy")
    for folder in (home / "var" / "mlflow").rglob("reference"):
        shutil.rmtree(folder)
    window = check(home, "--at", "2025-08-20T00:00")
    assert "the reference is gone" in window["states"]["reference"]
    assert window["drift_share"] is None
    assert window["learning_z"] is not None, "performance is judged all the same"

    home = copy_city(city, tmp_path / "without models")  # of the one above, this process has the database open
    (home / "var" / "mlflow" / "mlflow.db").unlink()
    window = check(home, "--at", "2025-08-21T00:00")
    assert window["states"]["model"] == f"no champion of {MODEL} yet: train and release one"
    assert records(home, "decisions.jsonl")[-1]["kind"] == "nothing"

    shutil.rmtree(home / "var" / "store")
    window = check(home, "--at", "2025-08-22T00:00")
    assert "no readings and no incidents" in window["states"]["store"]
    assert "no readings" in records(home, "decisions.jsonl")[-1]["reasons"][-1]


def _series_run(home: Path) -> Any:
    from models.registry.client import Tracking, connect

    client = connect(Tracking(f"sqlite:///{home / 'var' / 'mlflow' / 'mlflow.db'}"))
    experiment = client.get_experiment_by_name("ulsan-monitor")
    (run,) = client.search_runs([experiment.experiment_id])
    return run


def _series(home: Path) -> dict[str, list[float]]:
    from models.registry.client import Tracking, connect

    client, run = connect(Tracking(f"sqlite:///{home / 'var' / 'mlflow' / 'mlflow.db'}")), _series_run(home)
    return {key: [m.value for m in client.get_metric_history(run.info.run_id, key)] for key in run.data.metrics}
