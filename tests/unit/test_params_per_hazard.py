"""One hazard's own training parameters: on top of the others, checked like them, and what its model says of itself."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pydantic import ValidationError

from contracts.errors import BadPilot, NotFound
from contracts.params import TrainParams, load_params
from flows.places import chosen_hazards, hazard_names
from flows.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
OWN = TrainParams(num_leaves=15, per_hazard={"flood": {"num_leaves": 7, "negative_share": 0.5}})


def test_a_hazards_own_keys_lie_on_top() -> None:
    assert (OWN.of("flood").num_leaves, OWN.of("flood").negative_share) == (7, 0.5)
    assert OWN.of("fire_explosion") == TrainParams(num_leaves=15)
    assert OWN.of("flood").per_hazard == {}


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"num_leafs": 7}, r"per_hazard\.flood\.num_leafs: unknown key; did you mean 'num_leaves'"),
        ({"num_leaves": 1}, r"per_hazard\.flood\.num_leaves: .*greater than or equal to 2"),
        ({"hazards": ["flood"]}, r"per_hazard\.flood\.hazards: only parameters of LightGBM"),
    ],
)
def test_they_are_checked_like_the_others(keys: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TrainParams(per_hazard={"flood": keys})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "pilots" / "ulsan", tmp_path / "pilots" / "ulsan")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return tmp_path


def override(home: Path, text: str) -> None:
    (home / "pilots" / "ulsan" / "params.yaml").write_text(f"train: {{per_hazard: {text}}}\n")


def test_an_unknown_hazard_is_named(home: Path) -> None:
    settings = load_settings(home, {})
    override(home, "{floods: {num_leaves: 7}}")
    with pytest.raises(NotFound, match=r"train\.per_hazard: no hazard 'floods'; allowed: did you mean 'flood'"):
        hazard_names(settings, "ulsan")
    override(home, "{flood: {num_leaves: 7}}")
    assert chosen_hazards(settings, "ulsan", ["flood"]) == ("flood",)
    with pytest.raises(NotFound, match=r"no hazard 'flod'"):
        chosen_hazards(settings, "ulsan", ["flod"])


def test_a_fault_says_in_which_file(home: Path) -> None:
    override(home, "{flood: {num_leaves: 0}}")
    with pytest.raises(BadPilot, match=r"pilots/ulsan/params\.yaml: .*per_hazard\.flood\.num_leaves"):
        load_params(home, "ulsan")
