"""How many incidents a group of forecasts leaves open, e.g. a district's week: an interval that real data can check.

The count of a group with expected count E (the sum of its rows' -log(1 - p)) is taken as negative binomial with
variance E + relative_variance * E^2: chance, plus what the forecasts of a whole group miss together. The relative
variance is learned on the calibration part, each half of its time with the level of the other half, so that a level
that moves is in it. It is the mean of what it may be, not the likeliest: a few dozen groups often show none at all,
and that there is none is the one thing they cannot show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import nbinom, poisson

from contracts.results import FloatArray, InstantArray, IntArray, Labels, Spine
from models.blocks import DAY
from models.pyfunc import expected_counts
from models.where import Where

WEEK_DAYS = 7
LEAST_RELATIVE_VARIANCE, MOST_RELATIVE_VARIANCE, STEPS = 1e-5, 4.0, 200
SMALLEST_EXPECTED = 1e-9


@dataclass(frozen=True)
class Groups:
    """Rows summed by district and week. Each (g,): expected and observed counts, district position, week number."""

    expected: FloatArray
    observed: FloatArray
    district: IntArray
    week: IntArray


def district_weeks(
    probability: FloatArray, count: IntArray, *, district: IntArray, as_of: InstantArray, horizon_over_cadence: float
) -> Groups:
    """Sum rows by district and week; weeks begin at the first row, and a last one under 7 days is left out.

    horizon_over_cadence: how many rows share one incident when windows overlap; both sums are divided by it.
    """
    week = ((as_of - as_of.min()) // (WEEK_DAYS * DAY)).astype(np.int64)
    whole = int((as_of.max() - as_of.min()) / DAY * 1.0000001 + 1) // WEEK_DAYS
    kept = week < max(whole, 1)
    which, slot = np.unique(district[kept] * 100_000 + week[kept], return_inverse=True)
    expected = np.bincount(slot, weights=expected_counts(probability[kept])) / horizon_over_cadence
    observed = np.round(np.bincount(slot, weights=count[kept]) / horizon_over_cadence)
    return Groups(np.maximum(expected, SMALLEST_EXPECTED), observed, which // 100_000, which % 100_000)


def windows_per_incident(as_of: InstantArray, horizon_hours: int) -> float:
    """How many rows of a place have one incident in their window: horizon over cadence, 1 at the least."""
    instants = np.unique(as_of)
    hours = float(np.diff(instants).min() / np.timedelta64(3_600_000_000, "us")) if len(instants) > 1 else 1.0
    return max(horizon_hours / hours, 1.0)


def fit_relative_variance(groups: Groups) -> float:
    """The mean over its likelihood on the calibration part's groups, halves crossed; 0 where nothing was observed."""
    expected = _crossed(groups)
    if groups.observed.sum() == 0:
        return 0.0
    may_be = np.geomspace(LEAST_RELATIVE_VARIANCE, MOST_RELATIVE_VARIANCE, STEPS)
    log = np.array([_log_chance(groups.observed, expected, variance).sum() for variance in may_be])
    weight = np.exp(log - log.max()) * may_be  # the width of a step
    return float(f"{weight @ may_be / weight.sum():.4g}")


def count_variance(
    probability: FloatArray, labels: Labels, spine: Spine, calibrate: IntArray, districts: Sequence[str]
) -> float:
    """The relative variance of a model's district-weeks. probability: (c,) of its calibration rows.

    calibrate: (c,) positions into `labels`. districts: of each asset of the spine; none: the whole area is one.
    """
    here = spine.take(labels.rows[calibrate])
    groups = weeks_of(probability, labels.count[calibrate], here, districts, horizon_hours=labels.horizon_hours)
    return fit_relative_variance(groups)


def weeks_of(
    probability: FloatArray, count: IntArray, here: Spine, districts: Sequence[str], *, horizon_hours: int
) -> Groups:
    """`district_weeks` of the rows of a spine. districts: of each of its assets; none: the whole area is one."""
    return district_weeks(
        probability,
        count,
        district=Where.of(here.asset, districts or [""] * len(here.assets)).district,
        as_of=here.as_of,
        horizon_over_cadence=windows_per_incident(here.as_of, horizon_hours),
    )


def covered(groups: Groups, relative_variance: float, *, level: float) -> FloatArray:
    """(g,) how much of each observed count the central interval covers: 1 inside, 0 outside, a part at its ends.

    Counts are steps, so no whole interval holds exactly `level`; an end that would hold too much counts by the part
    that is needed (a randomised interval: Czado, Gneiting and Held 2009). Right counts are covered `level` of the time.
    """
    upper = _cumulated(groups.observed, groups.expected, relative_variance)
    lower = _cumulated(groups.observed - 1, groups.expected, relative_variance)
    inside = np.minimum(upper, (1 + level) / 2) - np.maximum(lower, (1 - level) / 2)
    return np.asarray(np.clip(inside / np.maximum(upper - lower, 1e-300), 0.0, 1.0))


def _crossed(groups: Groups) -> FloatArray:
    """Expected counts with the level that the other half of the time shows."""
    late = (
        groups.week >= np.median(groups.week) if len(np.unique(groups.week)) > 1 else np.zeros(len(groups.week), bool)
    )
    out = groups.expected.copy()
    for mine, other in ((late, ~late), (~late, late)):
        if mine.any() and other.any():  # half an incident on each side keeps an empty half from saying "never"
            out[mine] *= (groups.observed[other].sum() + 0.5) / (groups.expected[other].sum() + 0.5)
    return out


def _log_chance(count: FloatArray, expected: FloatArray, relative_variance: float) -> FloatArray:
    size = 1.0 / relative_variance
    return np.asarray(nbinom.logpmf(count, size, size / (size + expected)))


def _cumulated(count: FloatArray, expected: FloatArray, relative_variance: float) -> FloatArray:
    if relative_variance <= 0:
        return np.asarray(poisson.cdf(count, expected))
    size = 1.0 / relative_variance
    return np.asarray(nbinom.cdf(count, size, size / (size + expected)))
