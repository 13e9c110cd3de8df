"""prefect.yaml is deployed to a real server, scheduled by it, and a deployment is run by a real worker."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import time
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from flows.server import Use
from flows.services import prefect_service
from flows.settings import load_settings
from tests.integration.checkout import PROJECT, Checkout

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SCHEDULES = {
    "backtest/ulsan-monthly": ("0 5 1 * *", "Asia/Seoul"),
    "ingest/ulsan-hourly": ("5 * * * *", "Asia/Seoul"),
    "monitor/ulsan-hourly": ("30 * * * *", "Asia/Seoul"),
    "score/ulsan-hourly": ("15 * * * *", "Asia/Seoul"),
    "train/ulsan-weekly": ("30 3 * * 1", "Asia/Seoul"),
}


def post(url: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as reply:
        return json.load(reply)


def scheduled(api: str, within_seconds: float = 90) -> list[Any]:
    """The runs that the server's own scheduler has planned, once there are any of each deployment."""
    until = time.monotonic() + within_seconds
    while time.monotonic() < until:
        runs: list[Any] = post(f"{api}/flow_runs/filter", {"limit": 200})
        if len({run["deployment_id"] for run in runs if run["state_type"] == "SCHEDULED"}) == len(SCHEDULES):
            return runs
        time.sleep(1)
    return []


def test_the_deployments_are_deployed_scheduled_and_runnable(tmp_path: Path) -> None:
    settings = load_settings(PROJECT, {"FORESAFE_STATE": str(tmp_path / "var")})
    here = Checkout(PROJECT)
    with Use(prefect_service(settings)) as use:
        api = use.address() + "/api"
        known = {"PREFECT_API_URL": api, "PREFECT_HOME": str(tmp_path / "home"), "FORESAFE_HOME": str(PROJECT)}
        here.done("prefect", "work-pool", "create", "foresafe", "--type", "process", **known)
        here.done("prefect", "--no-prompt", "deploy", "--all", **known)
        deployed = post(f"{api}/deployments/filter", {})
        flows = {flow["id"]: flow["name"] for flow in post(f"{api}/flows/filter", {})}
        plans = {f"{flows[d['flow_id']]}/{d['name']}": d["schedules"][0]["schedule"] for d in deployed}
        assert {name: (plan["cron"], plan["timezone"]) for name, plan in plans.items()} == SCHEDULES
        assert scheduled(api), "the server's scheduler plans runs"
        a_dead_run_and_three_late_ones_are_settled(here, api, tmp_path / "var" / "prefect" / "prefect.db", known)
        run_by_worker(here, api, {**known, "FORESAFE_STATE": str(tmp_path / "var")})


def a_dead_run_and_three_late_ones_are_settled(here: Checkout, api: str, database: Path, known: dict[str, str]) -> None:
    """As after a power cut: the dead run gives its place back, and of three late runs the newest is left."""
    named = {"flows": {"name": {"any_": ["ingest"]}}, "sort": "EXPECTED_START_TIME_ASC"}
    late = [run["id"] for run in post(f"{api}/flow_runs/filter", named)][:3]
    (deployment,) = post(f"{api}/deployments/filter", {"flows": named["flows"]})
    dead = post(f"{api}/deployments/{deployment['id']}/create_flow_run", {"parameters": {"pilot": "ulsan"}})["id"]
    for state in ("PENDING", "RUNNING"):
        assert post(f"{api}/flow_runs/{dead}/set_state", {"state": {"type": state}})["status"] == "ACCEPT"
    ended = subprocess.Popen(["true"])
    ended.wait()
    connection = sqlite3.connect(database, timeout=30)
    with closing(connection), connection:
        connection.execute("update flow_run set infrastructure_pid = ? where id = ?", (str(ended.pid), dead))
        for hours, run in enumerate(late):
            connection.execute(
                "update flow_run set expected_start_time = datetime('now', ?) where id = ?",
                (f"-{9 - hours} hours", run),
            )
    script = "from prefect import get_client; from flows.backlog import settle\n"
    script += "with get_client(sync_client=True) as client: settle(client, 'foresafe')"
    (database.parent / "settled.py").write_text(script, encoding="utf-8")
    here.done("settled", PYTHONPATH=f"{database.parent}:{PROJECT}", **known)
    states = {run["id"]: run["state_name"] for run in post(f"{api}/flow_runs/filter", {"limit": 200})}
    assert states[dead] == "Crashed"
    assert [states[run] for run in late] == ["Cancelled", "Cancelled", "Scheduled"]
    assert post(f"{api}/flow_runs/{late[2]}/set_state", {"state": {"type": "PENDING"}})["status"] == "ACCEPT", (
        "a free place"
    )
    post(f"{api}/flow_runs/{late[2]}/set_state", {"state": {"type": "CANCELLED"}})


def run_by_worker(here: Checkout, api: str, known: dict[str, str]) -> None:
    """A pilot that does not exist: the run reaches our code, in the project's folder, and is refused in its words."""
    asked = ("deployment", "run", "ingest/ulsan-hourly", "--param", "pilot=atlantis")
    here.done("prefect", *asked, **known)
    here.done("prefect", "worker", "start", "--pool", "foresafe", "--run-once", within_seconds=180, **known)
    runs = post(f"{api}/flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": ["FAILED"]}}}})
    assert [run["parameters"]["pilot"] for run in runs] == ["atlantis"]
    assert "no pilot 'atlantis'" in runs[0]["state"]["message"]
