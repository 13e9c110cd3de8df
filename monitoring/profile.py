"""Days in numbers: what a day's values of each feature were like, on a scale that the reference sets.

A day is the unit of every test in this room, because rows of one day are alike: 4,800 rows of a day are not 4,800
observations. Values are first freed of the hour of the day and put in standard deviations, so that a window in which
some hours are missing can still be compared. A profile of a year is a few megabytes and a check needs nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from contracts.results import Float32Array, FloatArray, InstantArray, IntArray

BINS = 10
FURTHEST = 1e3  # standard deviations; a feature that was constant and now is not would be infinitely far
_DAY_HOURS = 24
_HOUR_US = 3_600_000_000


@dataclass(frozen=True)
class Scale:
    """How the values of each of p features are made comparable.

    centre: (24, p) mean by UTC hour of the day. spread: (p,) standard deviation around it, never 0.
    edges: (p, 9) inner borders of ten equally full bins, in spreads; equal ones where a value is frequent.
    low, high: (p,) what 99.8 % of the values lie between, in the feature's own unit.
    """

    names: tuple[str, ...]
    centre: FloatArray
    spread: FloatArray
    edges: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True)
class Days:
    """day: (D,) rising, days since 1970 (UTC). rows: (D,). total: (D, p) sum of the scaled values; bins: (D, p, 10)
    known values in each bin."""

    day: IntArray
    rows: IntArray
    total: FloatArray
    bins: FloatArray

    @property
    def known(self) -> FloatArray:
        """(D, p) values that are not missing."""
        return np.asarray(self.bins.sum(axis=2))

    def take(self, keep: IntArray) -> Days:
        return Days(self.day[keep], self.rows[keep], self.total[keep], self.bins[keep])

    def between(self, first: int, last: int) -> Days:
        """The days `first..last`, both included."""
        return self.take(np.flatnonzero((self.day >= first) & (self.day <= last)).astype(np.int64))


def fit_scale(values: Float32Array, as_of: InstantArray, names: tuple[str, ...]) -> Scale:
    """The scale of a reference. values: (n, p), NaN where nothing was known; as_of: (n,)."""
    hour = _hours(as_of) % _DAY_HOURS
    p = len(names)
    centre, spread = np.zeros((_DAY_HOURS, p)), np.ones(p)
    edges, low, high = np.zeros((p, BINS - 1)), np.full(p, np.nan), np.full(p, np.nan)
    for j in range(p):
        known = ~np.isnan(values[:, j])
        if not known.any():
            continue
        column, at = values[known, j].astype(np.float64), hour[known]
        centre[:, j] = _hourly_means(column, at)
        left = column - centre[at, j]
        spread[j] = _spread(left, column)
        edges[j] = np.quantile(left / spread[j], np.linspace(0, 1, BINS + 1)[1:-1])
        low[j], high[j] = np.quantile(column, [0.001, 0.999])
    return Scale(names, centre, spread, edges, low, high)


def profile_days(values: Float32Array, as_of: InstantArray, scale: Scale) -> Days:
    """The days of these rows, on a reference's scale. values: (n, p) in the order of `scale.names`."""
    hour = _hours(as_of)
    day, slot = np.unique(hour // _DAY_HOURS, return_inverse=True)
    hour_of_day = hour % _DAY_HOURS
    total = np.zeros((len(day), len(scale.names)))
    bins = np.zeros((len(day), len(scale.names), BINS))
    for j in range(len(scale.names)):
        scaled = (values[:, j] - scale.centre[hour_of_day, j]) / scale.spread[j]
        scaled = np.clip(scaled, -FURTHEST, FURTHEST)
        known = ~np.isnan(scaled)
        at, left = slot[known], scaled[known]
        place = at * BINS + _bin(left, scale.edges[j])
        total[:, j] = np.bincount(at, weights=left, minlength=len(day))
        bins[:, j] = np.bincount(place, minlength=len(day) * BINS).reshape(len(day), BINS)
    return Days(day.astype(np.int64), np.bincount(slot, minlength=len(day)).astype(np.int64), total, bins)


def _bin(scaled: FloatArray, edges: FloatArray) -> IntArray:
    """Counting the borders below is several times faster than a search when there are nine."""
    place = np.zeros(len(scaled), dtype=np.int64)
    for edge in edges:
        place += scaled > edge
    return place


def _hourly_means(column: FloatArray, hour: IntArray) -> FloatArray:
    """(24,) means; an hour that the reference never saw gets the mean of all."""
    n = np.bincount(hour, minlength=_DAY_HOURS)
    sums = np.bincount(hour, weights=column, minlength=_DAY_HOURS)
    return np.asarray(np.where(n > 0, sums / np.maximum(n, 1), column.mean()))


def _spread(left: FloatArray, column: FloatArray) -> float:
    """Standard deviation; where the reference is constant, a thousandth of its value."""
    found, least = float(left.std()), 1e-3 * float(np.abs(column).mean())
    return max(found, least * 1e-3) if found > least * 1e-3 else max(least, 1e-6)


def _hours(as_of: InstantArray) -> IntArray:
    return as_of.astype("datetime64[us]").astype(np.int64) // _HOUR_US
