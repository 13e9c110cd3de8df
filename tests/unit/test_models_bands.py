from __future__ import annotations

import numpy as np
import pytest

from contracts.errors import NotEnoughData
from models.bands import Bands, alarm_bands

RISK = np.random.default_rng(1).beta(0.5, 30, 20 * 24 * 30)


def test_the_budget_is_kept_on_the_calibration_part() -> None:
    bands = alarm_bands(RISK, days=30, alerts_per_day=5)
    assert (bands.high <= RISK).sum() == 150
    assert (bands.elevated <= RISK).sum() == 600
    assert (bands.extreme <= RISK).sum() == 37
    names, counts = np.unique(bands.names(RISK), return_counts=True)
    assert dict(zip(names.tolist(), counts.tolist(), strict=True)) == {
        "elevated": 450,
        "extreme": 37,
        "high": 113,
        "low": len(RISK) - 600,
    }


def test_equal_risks_are_alerted_together_or_not_at_all() -> None:
    bands = alarm_bands(np.repeat([0.1, 0.01], [40, 960]), days=10, alerts_per_day=3)
    assert bands.names(np.array([0.1, 0.01])).tolist() == ["elevated", "low"]
    assert bands.high > 0.1


def test_a_budget_beyond_all_rows_alerts_on_everything() -> None:
    bands = alarm_bands(RISK[:10], days=1, alerts_per_day=100)
    assert np.all(RISK[:10] >= bands.extreme)


def test_bands_are_data() -> None:
    bands = Bands(elevated=0.1, high=0.2, extreme=0.3)
    assert Bands.from_json(bands.to_json()) == bands


def test_no_row_is_refused() -> None:
    with pytest.raises(NotEnoughData, match="no calibration row"):
        alarm_bands(np.array([]), days=1, alerts_per_day=1)
