"""The platform by itself: real servers, real deployments, and nobody who touches anything."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from flows.server import answers
from tests.integration.moving_town import CHANGED, FIRST, SEEN, TRAINED, Town, make_town, with_town
from tests.integration.moving_town import MODEL as TOWN_MODEL
from tests.integration.small_city import ROOT, environment, foresafe, foresafe_alone

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
MODEL = "ulsan-traffic_accident"
PARAMS = """
simulate: {days: 60}
spine: {history_days: 7}
split: {calibrate_days: 10, test_days: 10, folds: 1, fold_days: 5}
train: {hazards: [traffic_accident], num_iterations: 20, min_data_in_leaf: 50, seeds: [1], num_threads: 1}
evaluate: {block_days: 2, replicates: 20}
release: manual
"""


@dataclass
class Platform:
    """A city that is up; `heard` is what its operator's webhook got."""

    home: Path
    command: subprocess.Popen[str]
    addresses: dict[str, str]
    heard: list[dict[str, str]] = field(default_factory=list)

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Prefect's API: POST with a body, GET without."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.addresses['Prefect']}/api/{path}", data, {"Content-Type": "application/json"}
        )
        return until(lambda: _answer(request))[0]

    def runs(self, deployment: str) -> list[Any]:
        """Runs that are more than planned, oldest first."""
        found = self.ask("flow_runs/filter", {"sort": "START_TIME_ASC", **self._named(deployment)})
        return [run for run in found if run["state_name"] != "Scheduled" or not run["auto_scheduled"]]

    def start(self, deployment: str, **parameters: Any) -> None:
        (found,) = self.ask("deployments/filter", self._named(deployment))
        self.ask(f"deployments/{found['id']}/create_flow_run", {"parameters": parameters})

    def artifact(self, key: str) -> Any:
        """The newest of that key."""
        found = self.ask("artifacts/latest/filter", {"artifacts": {"key": {"any_": [key]}}})
        (artifact,) = found
        return artifact

    @contextmanager
    def time_passes(self, deployment: str) -> Iterator[None]:
        """In this block the server starts a paused deployment by its own schedule; afterwards it is idle."""
        (found,) = self.ask("deployments/filter", self._named(deployment))
        self.ask(f"deployments/{found['id']}/resume_deployment", {})
        yield
        self.ask(f"deployments/{found['id']}/pause_deployment", {})
        at_work = {"flow_runs": {"state": {"type": {"any_": ["RUNNING", "PENDING"]}}}, **self._named(deployment)}
        until(lambda: not self.ask("flow_runs/filter", at_work))

    @staticmethod
    def _named(deployment: str) -> dict[str, Any]:
        flow, name = deployment.split("/")
        return {"flows": {"name": {"any_": [flow]}}, "deployments": {"name": {"any_": [name]}}}


def _answer(request: urllib.request.Request) -> tuple[Any] | None:
    """None where the server asks to be asked again (503, its SQLite is locked), as Prefect's own client does."""
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return (json.loads(reply.read() or "null"),)
    except urllib.error.HTTPError as refusal:
        if refusal.code != HTTPStatus.SERVICE_UNAVAILABLE:
            raise
        return None


def until(happens: Callable[[], Any], *, within_seconds: float = 120) -> Any:
    end = time.monotonic() + within_seconds
    while time.monotonic() < end:
        if found := happens():
            return found
        time.sleep(0.5)
    pytest.fail(f"did not happen within {within_seconds:.0f} s")


@pytest.fixture(scope="module")
def webhook() -> Iterator[tuple[str, list[dict[str, str]]]]:
    heard: list[dict[str, str]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", heard
    server.shutdown()
    server.server_close()


def started(home: Path, **variables: str) -> tuple[subprocess.Popen[str], dict[str, str]]:
    """`foresafe up` when it is ready, and its addresses."""
    command = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "up"],
        cwd=home,
        env=environment(PYTHONUNBUFFERED="1", **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert command.stdout is not None
    watch = threading.Timer(240, command.kill)
    watch.start()
    said = ""
    for line in command.stdout:
        said += line
        if "Ctrl-C" in line:
            break
    watch.cancel()
    addresses = dict(re.findall(r"^(\w+) +(http://127\.0\.0\.1:\d+)$", said, re.MULTILINE))
    assert set(addresses) == {"Prefect", "MLflow", "Pages", "Worker"}, said
    return command, addresses


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, webhook: tuple[str, list[dict[str, str]]]) -> Iterator[Platform]:
    home = tmp_path_factory.mktemp("operating")
    shutil.copytree(ROOT / "pilots" / "ulsan", home / "pilots" / "ulsan")
    (home / "pilots" / "ulsan" / "params.yaml").unlink(missing_ok=True)
    (home / "params.yaml").write_text(PARAMS, encoding="utf-8")
    make_town(home)
    (home / "prefect.yaml").write_text(with_town((ROOT / "prefect.yaml").read_text(encoding="utf-8")), encoding="utf-8")
    town = [["ingest", "town", "--direct"], ["train", "town", "--direct"]]
    for command in (["simulate"], ["ingest", "ulsan", "--direct"], *town):
        done = foresafe(*command, home=home)
        assert done.returncode == 0, done.stderr
    url, heard = webhook
    command, addresses = started(home, FORESAFE_NOTIFY_URL=url)
    with command:
        try:
            yield Platform(home, command, addresses, heard)
        finally:
            command.terminate()


def emit(platform: Platform, event: str, *reasons: str) -> None:
    """As the monitor flow does, from a process of its own."""
    script = (
        "import json, sys; from flows.events import tell; from prefect.events.worker import EventsWorker;"
        "tell(sys.argv[1], pilot='ulsan', hazard='traffic_accident', decision=json.loads(sys.argv[2]));"
        "EventsWorker.drain_all(timeout=20, at_exit=False)"
    )
    key = f"{MODEL}|1|{reasons[0]}"
    decision = json.dumps({"subject": MODEL, "kind": "retrain", "reasons": reasons, "decided_at": "", "key": key})
    known = environment(PREFECT_API_URL=platform.addresses["Prefect"] + "/api", PREFECT_HOME=str(platform.home / "x"))
    subprocess.run(
        [sys.executable, "-c", script, event, decision], cwd=platform.home, env=known, check=True, capture_output=True
    )


def decided(platform: Platform, model: str = MODEL) -> list[tuple[str, str]]:
    """(kind, by) of every decision about a model, as the MLflow server shows them."""
    where = platform.addresses["MLflow"] + "/api/2.0/mlflow"
    with urllib.request.urlopen(f"{where}/model-versions/search", timeout=30) as reply:
        versions = json.load(reply).get("model_versions", [])
    tags = [tag for version in versions if version["name"] == model for tag in version.get("tags", [])]
    found = [json.loads(tag["value"]) for tag in tags if tag["key"].startswith("decided.")]
    return [(decision["kind"], decision["by"]) for decision in found]


@pytest.fixture(scope="module")
def trained(platform: Platform) -> Any:
    """The training run that two events asked for."""
    emit(platform, "foresafe.retrain.requested", "gas moved", "weather moved")
    emit(platform, "foresafe.retrain.requested", "gas moved again")
    ended = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
    (run,) = until(lambda: [run for run in platform.runs("train/ulsan-weekly") if run["state_type"] in ended])
    return run


def test_an_event_ends_in_a_recorded_decision_and_two_in_one_training(platform: Platform, trained: Any) -> None:
    assert trained["state_name"] == "Completed", trained["state"]["message"]
    asked = {"pilot": "ulsan", "why": "gas moved; weather moved", "decision": f"{MODEL}|1|gas moved"}
    assert trained["parameters"] == asked
    ((kind, by),) = decided(platform)
    assert by == "the gate"
    assert kind in ("wait", "refuse"), "with `release: manual` the gate itself releases nothing"
    assert len(platform.runs("train/ulsan-weekly")) == 1, "the second event came within the hour"
    state = json.loads(foresafe_alone("status", "ulsan", "--json", home=platform.home).stdout)
    assert {flow["flow"]: flow["state"] for flow in state["flows"]}["train"] == "done"
    assert all(server["up"] for server in state["servers"])
    if kind == "wait":
        said = foresafe_alone("approve", MODEL, "1", "--why", "looks right", home=platform.home)
        assert said.returncode == 0, said.stderr
        assert decided(platform)[-1][0] == "promote"


def test_a_decision_is_trained_for_once(platform: Platform, trained: Any) -> None:
    """The same decision may ask again hours later, when nothing new has arrived."""
    before = {run["id"] for run in platform.runs("train/ulsan-weekly")}
    platform.start("train/ulsan-weekly", pilot="ulsan", decision=trained["parameters"]["decision"])
    (again,) = until(
        lambda: [
            run
            for run in platform.runs("train/ulsan-weekly")
            if run["id"] not in before and run["state_type"] == "COMPLETED"
        ]
    )
    assert "before" in again["state"]["message"]


def test_a_training_links_to_its_mlflow_run(platform: Platform, trained: Any) -> None:
    (row,) = json.loads(platform.artifact("models-ulsan")["data"])
    (run,) = re.findall(r"^\[run\]\((.*)/#/runs/(\w+)\)$", row["mlflow"])
    assert run[0] == platform.addresses["MLflow"]
    assert answers(f"{run[0]}/api/2.0/mlflow/runs/get?run_id={run[1]}")
    assert row["mlflow"] in platform.artifact("train-ulsan")["data"]


def test_the_history_is_replayed_by_its_deployment(platform: Platform, trained: Any) -> None:
    """What the training built reaches into two months."""
    platform.start("backtest/ulsan-monthly", pilot="ulsan")
    until(lambda: ended(platform, "backtest/ulsan-monthly"))
    (run,) = platform.runs("backtest/ulsan-monthly")
    assert run["state_name"] == "Completed", run["state"]["message"]
    (row,) = json.loads(platform.artifact("skill-ulsan")["data"])
    assert (row["hazard"], row["months"]) == ("traffic_accident", 2)
    link = platform.addresses["Pages"] + "/backtest/ulsan/index.html"
    assert f"[index.html]({link})" in platform.artifact("backtest-ulsan")["data"]
    assert answers(link)


def test_three_runs_at_once_are_one_run(platform: Platform) -> None:
    before = len(platform.runs("ingest/ulsan-hourly"))
    for _ in range(3):
        platform.start("ingest/ulsan-hourly", pilot="ulsan")
    names = until(lambda: (found := ended(platform, "ingest/ulsan-hourly")) and len(found) == before + 3 and found)
    assert sorted(names).count("Cancelled") == 2, "the first was still at work"


def ended(platform: Platform, deployment: str) -> list[str]:
    kinds = ("COMPLETED", "FAILED", "CANCELLED", "CRASHED")
    return [run["state_name"] for run in platform.runs(deployment) if run["state_type"] in kinds]


def test_the_operator_hears_of_a_failed_run_and_of_a_call(platform: Platform) -> None:
    platform.start("train/ulsan-weekly", pilot="atlantis")
    emit(platform, "foresafe.person.called", "sensor voc-3 is stuck at 4.2 ppb")
    until(lambda: any("needs you: ulsan-traffic_accident" in told["subject"] for told in platform.heard))
    until(lambda: any("no pilot 'atlantis'" in told["body"] for told in platform.heard))
    assert "sensor voc-3 is stuck at 4.2 ppb" in [told["body"] for told in platform.heard]


def test_the_operator_hears_at_once_of_a_scheduled_run_that_failed(platform: Platform) -> None:
    """Prefect's own automations would tell up to 15 minutes later: they wait for the event of the run's first state,
    which a scheduled run has none of."""
    with platform.time_passes("ingest/lost-ingest"):
        until(lambda: ended(platform, "ingest/lost-ingest"))
        until(lambda: told(platform, "ingest atlantis ended as Failed"))


def test_the_operator_hears_once_of_a_killed_run(platform: Platform) -> None:
    before = {run["id"] for run in platform.runs("train/ulsan-weekly")}
    platform.start("train/ulsan-weekly", pilot="ulsan")
    (run,) = until(
        lambda: [
            run
            for run in platform.runs("train/ulsan-weekly")
            if run["id"] not in before and run["state_type"] == "RUNNING" and run["infrastructure_pid"]
        ]
    )
    os.kill(int(run["infrastructure_pid"].rpartition(":")[2]), signal.SIGKILL)
    until(lambda: told(platform, "train ulsan ended as Crashed"))
    time.sleep(5)  # an automation would come later
    assert told(platform, "train ulsan ended as Crashed") == 1


def told(platform: Platform, words: str) -> int:
    return sum(words in heard["subject"] for heard in platform.heard)


def test_the_worker_logs_with_run_ids(platform: Platform, trained: Any) -> None:
    lines = (platform.home / "var" / "worker" / "server.log").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines if line.startswith("{")]
    assert trained["id"] in {record.get("flow_run_id") for record in records}


def an_hour_passes(platform: Platform, town: Town, *, until_day: int) -> None:
    """Ingest comes by its schedule, and then monitoring by its own."""
    before = ended(platform, "ingest/town-ingest").count("Completed")
    with platform.time_passes("ingest/town-ingest"):
        until(lambda: ended(platform, "ingest/town-ingest").count("Completed") > before)
    with platform.time_passes("monitor/town-monitor"):
        until(lambda: town.decisions(day=until_day))


def test_a_drift_in_the_shared_files_ends_in_a_new_champion_and_a_season_does_not(platform: Platform) -> None:
    """Files come; ingest and monitoring are scheduled, and the decision's event starts the training. Nobody starts a
    run, emits an event or moves an alias."""
    town = Town(platform.home)
    assert decided(platform, TOWN_MODEL) == [("promote", "the gate")]
    town.share(TRAINED, CHANGED)
    an_hour_passes(platform, town, until_day=CHANGED)
    assert {decision["kind"] for decision in town.decisions()} == {"nothing"}
    assert "the forecasts hold" in town.decisions(day=CHANGED)[0]["reasons"][0]

    town.share(CHANGED, SEEN)
    an_hour_passes(platform, town, until_day=SEEN)
    until(lambda: ended(platform, "train/town-train"))
    (run,) = platform.runs("train/town-train")
    assert run["state_name"] == "Completed", run["state"]["message"]
    (asked,) = [decision for decision in town.decisions() if decision["kind"] == "retrain"]
    assert run["parameters"]["decision"] == asked["key"]
    assert "could be learnt from age" in run["parameters"]["why"]
    late = datetime.fromisoformat(asked["inputs"]["since"]) - (FIRST + timedelta(days=CHANGED))
    assert timedelta(0) <= late <= timedelta(days=4), "as far back as the judged days go"
    assert decided(platform, TOWN_MODEL) == [("promote", "the gate")] * 2
    assert "version 2, since" in foresafe_alone("history", TOWN_MODEL, home=platform.home).stdout
    rebuilt = foresafe_alone("rebuild", TOWN_MODEL, "2", home=platform.home)
    assert "equal, byte for byte" in rebuilt.stdout, "its cut in time is in its entry" + rebuilt.stdout + rebuilt.stderr


def test_only_pages_are_served_and_their_links_work(platform: Platform) -> None:
    address = platform.addresses["Pages"]
    with urllib.request.urlopen(address, timeout=10) as reply:
        links = re.findall(r'href="(/[^"]+)"', reply.read().decode())
    assert "/docs/ulsan/index.html" in links
    assert all(answers(address + link) for link in links)
    for hidden in ("/mlflow/mlflow.db", "/docs/../mlflow/mlflow.db", "/docs/%2e%2e/mlflow/mlflow.db", "/store/"):
        assert not answers(address + hidden)


def test_a_killed_worker_comes_back_and_up_twice_is_refused(platform: Platform) -> None:
    again = foresafe_alone("up", home=platform.home)
    assert again.returncode == 2
    assert "the platform is up already" in again.stderr
    (worker,) = [pid for pid, words in processes(platform.home) if "worker start" in words and "keeper" not in words]
    os.kill(worker, signal.SIGKILL)
    until(lambda: not answers(platform.addresses["Worker"] + "/health"))
    until(lambda: answers(platform.addresses["Worker"] + "/health"))


def test_stopped_in_the_middle_of_a_training_nothing_is_left(platform: Platform) -> None:
    """Last in this module: it takes the platform down."""
    before = len(platform.runs("train/ulsan-weekly"))
    platform.start("train/ulsan-weekly", pilot="ulsan")
    until(lambda: [run for run in platform.runs("train/ulsan-weekly")[before:] if run["state_type"] == "RUNNING"])
    assert foresafe_alone("down", home=platform.home).returncode == 0
    assert platform.command.wait(60) == 0
    assert processes(platform.home) == []
    assert not any(answers(address) for address in platform.addresses.values())


def processes(home: Path) -> list[tuple[int, str]]:
    """Every living process whose environment or command line names this folder: ours, whatever its parent."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        except OSError:
            continue
        if str(home).encode() in words and int(folder.name) != os.getpid():
            found.append((int(folder.name), (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()))
    return found
