"""Only the base rate moves: monitoring asks for a recalibration, the gate passes it, and the alias moves."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.asked import asked_for
from flows.settings import load_settings
from flows.tracking import tracking_of
from models.risk_model import RiskModel
from tests.integration.moving_town import CHANGED, FIRST, MODEL, NAME, SEEN, TRAINED, Town, make_town
from tests.integration.small_city import foresafe, foresafe_alone

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def told(home: Path, *command: str) -> str:
    run = foresafe if "--direct" in command or command[0] == "history" else foresafe_alone
    done = run(*command, home=home)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """With a champion of the usual rate, in files that show the other one."""
    home = tmp_path_factory.mktemp("rate")
    (home / "params.yaml").write_text("{}")
    town = make_town(home, rate_alone=True)
    told(home, "ingest", NAME, "--direct")
    told(home, "train", NAME, "--direct")
    town.share(TRAINED, SEEN)
    told(home, "ingest", NAME, "--direct")
    return town


@pytest.fixture(scope="module")
def asked(town: Town) -> dict[str, Any]:
    told(town.home, "monitor", NAME, "--direct")
    (decision,) = town.decisions(day=SEEN)
    return decision


def test_a_rate_that_moved_asks_for_no_retraining(asked: dict[str, Any]) -> None:
    assert asked["kind"] == "recalibrate", asked["reasons"]
    assert "a recalibration would save" in asked["reasons"][0]
    late = datetime.fromisoformat(asked["inputs"]["since"]) - (FIRST + timedelta(days=CHANGED))
    assert timedelta(0) <= late <= timedelta(days=4), "as far back as the judged days go"


def test_the_recalibrated_champion_is_released_by_the_gate(town: Town, asked: dict[str, Any], tmp_path: Path) -> None:
    """Through Prefect, on a server that the command starts, into a registry that is real."""
    told(town.home, "train", NAME, "--asked")
    before, now = released(town, "1"), released(town, "2")
    assert champion(town).version == "2"
    assert "version 2, since" in told(town.home, "history", MODEL)
    assert before.boosters == now.boosters, "the boosters keep their bytes"
    assert now.provenance["line"]["intercept"] > 0.5, "more leaks, at every site"
    assert now.provenance["recalibrated_from"]["version"] == "1"
    assert asked_for(load_settings(town.home, {}), NAME) == {}, "answered"
    assert "equal, byte for byte" in told(town.home, "rebuild", MODEL, "2")


def test_what_was_answered_is_not_done_again(town: Town) -> None:
    told(town.home, "train", NAME, "--asked")
    assert champion(town).version == "2"


def champion(town: Town) -> Any:
    from models.registry import champion_version

    return champion_version(tracking_of(load_settings(town.home, {})), MODEL)


def released(town: Town, version: str) -> RiskModel:
    from models.registry import load_version
    from models.registry.versions import find_version

    tracking = tracking_of(load_settings(town.home, {}))
    return load_version(tracking, find_version(tracking, MODEL, version))
