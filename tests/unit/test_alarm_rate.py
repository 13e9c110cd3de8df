"""A pilot that asks people for more than they can act on is refused with a way out."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from contracts.alarm_rate import ACCEPTABLE_PER_DAY, too_many
from contracts.errors import BadPilot
from contracts.pilot import load_pilot

ROOT = Path(__file__).parents[2]


def test_the_ceiling_is_one_in_ten_minutes_for_one_person() -> None:
    assert ACCEPTABLE_PER_DAY == 24 * 60 / 10
    assert too_many([100, 44], operators=1) == ""
    assert "145, above 144 a day" in too_many([100, 45], operators=1)
    assert too_many([100, 45], operators=2) == ""


def test_a_pilot_above_the_ceiling_is_refused_and_told_what_to_do(tmp_path: Path) -> None:
    document = yaml.safe_load((ROOT / "pilots" / "ulsan" / "pilot.yaml").read_text(encoding="utf-8"))
    document["hazards"]["flood"]["alerts_per_day"] = 500
    folder = tmp_path / "ulsan"
    folder.mkdir()
    (folder / "pilot.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    with pytest.raises(BadPilot, match=r"alerts_per_day over all hazards is 560, above 144 a day.*operators"):
        load_pilot(folder)
    document["operators"] = 4
    (folder / "pilot.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    assert load_pilot(folder).operators == 4


@pytest.mark.parametrize("folder", sorted((ROOT / "pilots").glob("*/pilot.yaml")), ids=lambda p: p.parent.name)
def test_our_own_pilots_keep_the_ceiling(folder: Path) -> None:
    pilot = load_pilot(folder.parent)
    assert too_many((h.alerts_per_day for h in pilot.hazards.values()), operators=pilot.operators) == ""
