"""Has what the model is fed, or what it forecasts, moved? A window of days against the reference's days of one season.

The unit is a window, never a row: rows of a day are alike and days in a row are too, so a test over rows finds
something every day. Two distances are taken of every feature: the shift of its mean in standard deviations of its
rows, and the population stability index of its ten bins. Each is set against the same distance of every stretch of
reference days that is as long, held against the rest of the reference: what this season does by itself. A feature has
moved only if

- the distance is large enough to matter (`min_shift`, `min_psi`),
- it is larger than any such stretch of the reference ever was,
- and it is significant: t tests of the mean shift and of the logarithm of the index over whole windows, as many as
  fit into the reference side by side (Welch's idea with windows as observations), twice the smaller p, then Benjamini
  and Hochberg (1995) over the features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import t as student

from contracts.params import MonitorParams
from contracts.results import BoolArray, FloatArray, IntArray
from monitoring.profile import BINS, Days
from monitoring.reference import FORECAST, Reference

YEAR_DAYS = 365.2425
FULL_WINDOW = 0.7  # of a stretch's days must be there for it to count as one
LEAST_WINDOWS = 3  # side by side, or there is nothing to compare with
HALF_ROW = 0.5  # in every bin, so that an empty one is not infinitely far


@dataclass(frozen=True)
class Moved:
    """One feature: its distances, what the reference's own stretches reached, and the verdict."""

    name: str
    rows: int
    shift: float
    psi: float
    usual_shift: float
    usual_psi: float
    p_adjusted: float
    moved: bool
    importance: float


@dataclass(frozen=True)
class DriftReport:
    """features: those that could be judged. share: of the model's importance in features that moved.

    state: empty, or why nothing could be judged. unjudged: feature -> why not it.
    """

    features: tuple[Moved, ...] = ()
    share: float = 0.0
    forecast_moved: bool = False
    reference_days: int = 0
    state: str = ""
    unjudged: Mapping[str, str] | None = None

    @property
    def moved(self) -> tuple[Moved, ...]:
        """The features that moved, the most important first."""
        found = [feature for feature in self.features if feature.moved]
        return tuple(sorted(found, key=lambda feature: (-feature.importance, feature.name)))

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def measure_drift(reference: Reference, current: Days, *, params: MonitorParams) -> DriftReport:
    """The window `current`, on the reference's scale, against the reference's days of the same season.

    The window's own days are never part of what it is held against.
    """
    if not len(current.day):
        return DriftReport(state="the window is empty: there is no row to compare")
    season = same_season(reference.days, current.day, within=params.season_days)
    width = int(current.day[-1] - current.day[0]) + 1
    stretches = _stretches(season.day, width)
    apart = _side_by_side(season.day, stretches, width)
    if len(season.day) < params.min_reference_days or apart < LEAST_WINDOWS:
        return DriftReport(
            reference_days=len(season.day),
            state=f"not enough reference of this season: {len(season.day)} of {params.min_reference_days} days within "
            f"{params.season_days} days of the calendar, {apart} of {LEAST_WINDOWS} stretches of {width} days",
        )
    return _compared(reference, season, current, stretches, apart, params)


def same_season(days: Days, current: IntArray, *, within: int) -> Days:
    """The days whose place in the year is at most `within` days from the window's middle, without the window itself."""
    middle = float(current.mean())
    away = np.abs((days.day - middle + YEAR_DAYS / 2) % YEAR_DAYS - YEAR_DAYS / 2)
    inside = (days.day >= current.min()) & (days.day <= current.max())
    return days.take(np.flatnonzero((away <= within) & ~inside).astype(np.int64))


def _compared(
    reference: Reference, season: Days, current: Days, stretches: BoolArray, apart: int, params: MonitorParams
) -> DriftReport:
    rows = current.known.sum(axis=0)
    enough = (rows >= params.min_rows) & (season.known.sum(axis=0) >= params.min_rows)
    shift, psi = _distances(_Sums.of(current), _Sums.of(season))
    windows = _Sums.over(season, stretches)
    usual_shift, usual_psi = _distances(windows, _Sums.of(season).without(windows))
    reach_shift, reach_psi = np.abs(usual_shift).max(axis=0), usual_psi.max(axis=0)
    p = np.minimum(1.0, 2 * np.minimum(*_p_values(shift, psi, usual_shift, usual_psi, apart)))
    adjusted = np.ones_like(p)
    adjusted[enough] = benjamini_hochberg(p[enough])
    large = (np.abs(shift) >= params.min_shift) & (np.abs(shift) > reach_shift)
    other = (psi >= params.min_psi) & (psi > reach_psi)
    moved = enough & (large | other) & (adjusted <= params.alpha)
    found = tuple(
        Moved(
            name=name,
            rows=int(rows[j]),
            shift=float(shift[j]),
            psi=float(psi[j]),
            usual_shift=float(reach_shift[j]),
            usual_psi=float(reach_psi[j]),
            p_adjusted=float(adjusted[j]),
            moved=bool(moved[j]),
            importance=float(reference.importance[j]),
        )
        for j, name in enumerate(reference.names)
        if enough[j]
    )
    unjudged = {
        name: f"{int(rows[j])} known values in the window, needed {params.min_rows}"
        for j, name in enumerate(reference.names)
        if not enough[j]
    }
    share = float(reference.importance[moved].sum())
    forecast = any(feature.moved for feature in found if feature.name == FORECAST)
    return DriftReport(found, share, forecast, len(season.day), unjudged=unjudged)


@dataclass(frozen=True)
class _Sums:
    """Sums over the days of one or many windows: total (..., p), bins (..., p, 10)."""

    total: FloatArray
    bins: FloatArray

    @classmethod
    def of(cls, days: Days) -> _Sums:
        return cls(days.total.sum(axis=0), days.bins.sum(axis=0))

    @classmethod
    def over(cls, days: Days, stretches: BoolArray) -> _Sums:
        weight = stretches.astype(np.float64)
        flat = weight @ days.bins.reshape(len(days.day), -1)
        return cls(weight @ days.total, flat.reshape(len(weight), -1, BINS))

    def without(self, other: _Sums) -> _Sums:
        """What is left; sums of whole numbers are exact, and a rounding below zero is none."""
        return _Sums(self.total - other.total, np.maximum(self.bins - other.bins, 0.0))


def _distances(window: _Sums, rest: _Sums) -> tuple[FloatArray, FloatArray]:
    """Shift of the mean in spreads, and population stability index; each (..., p), 0 where either has no value."""
    n, m = window.bins.sum(axis=-1), rest.bins.sum(axis=-1)
    both = (n > 0) & (m > 0)
    shift = window.total / np.maximum(n, 1) - rest.total / np.maximum(m, 1)
    here = (window.bins + HALF_ROW) / (n[..., None] + HALF_ROW * BINS)
    there = (rest.bins + HALF_ROW) / (m[..., None] + HALF_ROW * BINS)
    psi = ((here - there) * np.log(here / there)).sum(axis=-1)
    return np.where(both, shift, 0.0), np.where(both, psi, 0.0)


def _p_values(
    shift: FloatArray, psi: FloatArray, usual_shift: FloatArray, usual_psi: FloatArray, apart: int
) -> tuple[FloatArray, FloatArray]:
    """(p,) two-sided for the shift, one-sided for the index. A new window is one more draw of what windows vary by."""
    wider, least = np.sqrt(1 + 1 / apart), 1e-9
    z = shift / (np.maximum(usual_shift.std(axis=0, ddof=1), least) * wider)
    logs, log = np.log(np.maximum(usual_psi, least)), np.log(np.maximum(psi, least))
    y = (log - logs.mean(axis=0)) / (np.maximum(logs.std(axis=0, ddof=1), 1e-3) * wider)
    return np.asarray(2 * student.sf(np.abs(z), df=apart - 1)), np.asarray(student.sf(y, df=apart - 1))


def benjamini_hochberg(p: FloatArray) -> FloatArray:
    """Adjusted p values: those at most `q` are a set with a false discovery rate of at most `q`."""
    order = np.argsort(-p, kind="stable")
    ranks = np.arange(len(p), 0, -1)
    out = np.empty_like(p)
    out[order] = np.minimum.accumulate(np.minimum(1.0, p[order] * len(p) / ranks))
    return out


def _stretches(day: IntArray, width: int) -> BoolArray:
    """(stretches, D): every run of `width` calendar days of which most are there."""
    inside = (day[None, :] >= day[:, None]) & (day[None, :] < day[:, None] + width)
    return np.asarray(inside[inside.sum(axis=1) >= FULL_WINDOW * width])


def _side_by_side(day: IntArray, stretches: BoolArray, width: int) -> int:
    """How many of the stretches fit beside one another."""
    count, free = 0, -(10**9)
    for start in day[stretches.argmax(axis=1)] if len(stretches) else ():
        if start >= free:
            count, free = count + 1, int(start) + width
    return count
