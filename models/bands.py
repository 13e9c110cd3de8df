"""Alarm bands from a budget: how many alerts a day people can act on, not 0.5."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from contracts.errors import NotEnoughData
from contracts.results import FloatArray
from models.pyfunc import band_names

ELEVATED_TIMES_BUDGET = 4.0
EXTREME_TIMES_BUDGET = 0.25


@dataclass(frozen=True)
class Bands:
    """The least probability of each band. An alert is a row in `high` or `extreme`; below `elevated` is low."""

    elevated: float
    high: float
    extreme: float

    def names(self, probability: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
        """(n,) of low, elevated, high, extreme."""
        return band_names(self.to_json(), probability)

    def to_json(self) -> dict[str, float]:
        return {"elevated": self.elevated, "high": self.high, "extreme": self.extreme}

    @classmethod
    def from_json(cls, document: Mapping[str, float]) -> Bands:
        return cls(**document)


def alarm_bands(probability: FloatArray, *, days: float, alerts_per_day: float) -> Bands:
    """Thresholds such that the given rows raise at most `alerts_per_day` alerts a day.

    high: the budget; elevated: four times as many rows; extreme: a quarter of it.

    Args:
        probability: (m,) on the calibration part, every asset and hour of it.
        days: how long that part is.

    Raises:
        NotEnoughData: no row.
    """
    if len(probability) == 0 or days <= 0:
        raise NotEnoughData("no calibration row to set alarm bands on", where="bands")
    shares = (ELEVATED_TIMES_BUDGET, 1.0, EXTREME_TIMES_BUDGET)
    falling = np.sort(probability)[::-1]
    elevated, high, extreme = (budget_threshold(falling, budget=share * alerts_per_day * days) for share in shares)
    return Bands(elevated=elevated, high=high, extreme=extreme)


def budget_threshold(falling: FloatArray, *, budget: float) -> float:
    """The least value that at most `budget` rows reach; above all where that is none. falling: sorted, not empty.

    Equal rows are alerted together or not at all.
    """
    allowed = int(budget)
    if allowed >= len(falling):
        return float(falling[-1])
    beyond = falling[allowed]  # the first row over the budget: everything above it is within
    within = falling[falling > beyond]
    return float(within[-1]) if len(within) else float(np.nextafter(falling[0], 2.0))
