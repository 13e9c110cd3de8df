"""The demo's second act on a small city: what it tells is what happened, and a second time it only tells."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.small_city import copy_city, environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
# The looks are days without a sensor fault, of which the partners have many: those come first, and hold all else back.
STORY = """
from flows.second_act import Story, play
from flows.server import Use
from flows.services import prefect_service
from flows.settings import load_settings
from simulation import Opening, Recalibration

settings, story = load_settings(), Story(
    days=44,
    opening=Opening("8730c1223ffffff", plants=12, day=14),
    recalibration=Recalibration(("voc_ppb", "h2s_ppb"), factor=4.0, day=14),
    looks=(16, 42, 43, 44),
)
with Use(prefect_service(settings)):  # one for all, as in the demo
    play(settings, "ulsan", story)
"""


def played(home: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", STORY],
        cwd=home,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=540,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def home(small_city: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In autumn so short a history has no season to compare with, so nothing halves the limit, and a month's incidents
    of so quick a model tell little: the limit is lowered here, as what is told is tested and not what is seen."""
    home = copy_city(small_city, tmp_path_factory.mktemp("second-act") / "city")
    params = home / "params.yaml"
    params.write_text(params.read_text(encoding="utf-8").replace("monitor: {", "monitor: {loss_z: 1.2, "))
    return home


@pytest.fixture(scope="module")
def told(home: Path) -> str:
    return played(home)


@pytest.fixture(scope="module")
def act(home: Path, told: str) -> Any:
    return json.loads((home / "var" / "monitor" / "ulsan" / "second_act.json").read_text(encoding="utf-8"))


def findings(home: Path) -> list[tuple[str, str, str]]:
    lines = (home / "var" / "monitor" / "ulsan" / "windows.jsonl").read_text(encoding="utf-8").splitlines()
    found = [(w["at"][:10], f["kind"], f["metric"]) for w in map(json.loads, lines) for f in w["findings"]]
    return sorted(set(found))


def test_both_changes_are_seen_two_days_later(home: Path, act: Any) -> None:
    first = act["decisions"][0]["decided_at"][:10]
    seen = [(kind, metric) for at, kind, metric in findings(home) if at == first]
    assert ("new_asset", "") in seen
    assert {"voc_ppb", "h2s_ppb"} <= {metric for _, metric in seen}


def test_what_was_asked_for_was_done_and_is_told_as_it_ended(home: Path, act: Any, told: str) -> None:
    (asked,) = act["asked"].values()
    assert asked["kind"] in ("retrain", "recalibrate")
    (outcome,) = act["trained"]
    verdict = outcome["result"]["kind"]
    assert {"promote": "released as version 2", "refuse": "not released"}[verdict] in told
    answered = (home / "var" / "monitor" / "ulsan" / "answered.jsonl").read_text(encoding="utf-8")
    assert json.loads(answered.splitlines()[0])["key"] == asked["decision"]


def test_the_new_model_recovered_what_the_change_cost(act: Any) -> None:
    before, after = act["recovered"]["chemical_release"]
    assert before["new model"] is None, "it may have seen those rows"
    assert after["new model"] < after["old model"]
    assert after["new share"] > after["old share"]


def test_a_second_time_it_only_tells(home: Path, act: Any, told: str) -> None:
    windows = home / "var" / "monitor" / "ulsan" / "windows.jsonl"
    before = windows.read_bytes()
    assert "What monitoring saw and decided" in played(home)
    assert windows.read_bytes() == before
