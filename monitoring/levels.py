"""How high sensors read by day, freed of their usual daily course; and whether days lie beyond all of the past."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from contracts.results import BoolArray, Float32Array, FloatArray, IntArray
from monitoring.panel import SensorDays

AT_LOWEST = 0.5  # of past hours at the lowest value (no rain): such a level has no range to leave


@dataclass(frozen=True)
class Levels:
    """Of S sensors. course: (24, S) usual daily course. day: (D, S) median of a day around it. within: (D, S)
    standard deviation of a day's own hours. judged: (S,) there is a past to judge by."""

    course: FloatArray
    day: FloatArray
    within: FloatArray
    judged: BoolArray
    recent: int

    @property
    def past(self) -> FloatArray:
        return self.day[: -self.recent]

    @property
    def now(self) -> FloatArray:
        return self.day[-self.recent :]


def levels_of(panel: SensorDays, *, recent_days: int) -> Levels:
    """Days around each sensor's own usual course. A day of which less than half the usual hours are known is none."""
    past = panel.hourly[:-recent_days]
    known = ~np.isnan(past)
    course = known_mean(past, known, axis=0)
    overall = known_mean(past.reshape(-1, past.shape[2]), known.reshape(-1, past.shape[2]), axis=0)
    course = np.where(np.isnan(course), overall, course)
    around = panel.hourly - course
    there = ~np.isnan(around)
    hours = there.sum(axis=1)
    usual = np.maximum(np.median(hours[:-recent_days], axis=0), 1)
    whole = hours >= usual / 2
    day = np.where(whole, _middle(around, hours), np.nan)
    within = np.sqrt(known_mean((panel.hourly - known_mean(panel.hourly, there, axis=1)[:, None]) ** 2, there, axis=1))
    lowest = np.nanmin(np.where(known, past, np.inf), axis=(0, 1))
    at_lowest = (known & (past <= lowest)).sum(axis=(0, 1)) / np.maximum(known.sum(axis=(0, 1)), 1)
    enough = whole[:-recent_days].sum(axis=0) >= len(past) / 2
    stuck = (panel.low == panel.high)[-recent_days:].any(axis=0)
    judged = enough & whole[-recent_days:].all(axis=0) & (at_lowest < AT_LOWEST) & ~stuck
    return Levels(course, day, within, judged, recent_days)


def outside(past: FloatArray, now: FloatArray, margin: float) -> FloatArray:
    """(...) +1 or -1 where every recent day lies beyond the past's second most extreme days by a margin, else 0.

    past: (days, ...); now: (recent days, ...). The most extreme day is left out: it may have been a fault itself.
    """
    low, high = reach(past)
    room = margin * (high - low) + 1e-9 + 1e-6 * np.maximum(np.abs(low), np.abs(high))
    above, below = (now > high + room).all(axis=0), (now < low - room).all(axis=0)
    return np.asarray(above.astype(np.float64) - below)


def reach(past: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The second lowest and second highest day of each column; NaN where fewer than two days are known."""
    low = np.sort(np.where(np.isnan(past), np.inf, past), axis=0)[1]
    high = np.sort(np.where(np.isnan(past), -np.inf, past), axis=0)[-2]
    return np.where(np.isfinite(low), low, np.nan), np.where(np.isfinite(high), high, np.nan)


def across_sensors(values: FloatArray) -> FloatArray:
    """(D,) over the sensors that have the day; NaN, and no warning, where none has."""
    some = ~np.isnan(values).all(axis=1)
    out = np.full(len(values), np.nan)
    out[some] = np.nanmedian(values[some], axis=1)
    return out


def known_mean(values: Float32Array | FloatArray, known: BoolArray, *, axis: int) -> FloatArray:
    """Mean of the known values; NaN, and no warning, where there is none."""
    n = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis, dtype=np.float64)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


def _middle(around: Float32Array | FloatArray, known: IntArray) -> FloatArray:
    """(D, S) median over the hours, which one spike does not move. known: (D, S) hours that are not NaN."""
    ordered = np.sort(around, axis=1)  # NaN last
    last = np.maximum(known - 1, 0)
    lower = np.take_along_axis(ordered, (last // 2)[:, None], axis=1)[:, 0].astype(np.float64)
    upper = np.take_along_axis(ordered, ((last + 1) // 2)[:, None], axis=1)[:, 0].astype(np.float64)
    return np.asarray((lower + upper) / 2)
