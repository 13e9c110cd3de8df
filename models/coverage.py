"""How often what was stated lay inside its interval: incidents of a district and week, and a row's true risk."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from contracts.results import FloatArray, InstantArray, IntArray
from contracts.worth import Coverage
from models.counts import covered, district_weeks, windows_per_incident
from models.where import Where

DISTRICT_WEEKS = "incidents of a district and week"


def count_coverage(
    probability: FloatArray,
    count: IntArray,
    where: Where,
    as_of: InstantArray,
    *,
    relative_variance: float,
    horizon_hours: int,
    level: float,
) -> Coverage:
    """How often the incidents of a district and week lie in their interval. count: (m,) incidents of each row."""
    groups = district_weeks(
        probability,
        count,
        district=where.district,
        as_of=as_of,
        horizon_over_cadence=windows_per_incident(as_of, horizon_hours),
    )
    inside = covered(groups, relative_variance, level=level)
    return coverage(DISTRICT_WEEKS, inside, groups.district, where.names, level=level)


def risk_coverage(
    low: FloatArray, high: FloatArray, truth: FloatArray, where: Where, *, level: float
) -> tuple[Coverage, Coverage]:
    """How often a row's true risk lies in its interval, where the truth is known: by rows, and by true risk.

    The second weighs a row by its true risk: most rows are of places where next to nothing happens.
    """
    known = np.isfinite(truth)
    inside = ((low <= truth) & (truth <= high))[known].astype(np.float64)
    district, risk = where.district[known], truth[known]
    return (
        coverage("true risk, all rows alike", inside, district, where.names, level=level),
        coverage("true risk, rows weighed by it", inside, district, where.names, level=level, weight=risk),
    )


def coverage(
    of: str,
    inside: FloatArray,
    group: IntArray,
    names: tuple[str, ...],
    *,
    level: float,
    weight: FloatArray | None = None,
) -> Coverage:
    """Shares of `inside` (each 0..1), overall and by group."""
    weights = np.ones(len(inside)) if weight is None else weight
    total = np.bincount(group, weights=weights, minlength=len(names))
    good = np.bincount(group, weights=weights * inside, minlength=len(names))
    by_group: Mapping[str, float] = {names[g]: float(good[g] / total[g]) for g in np.flatnonzero(total)}
    worst = min(by_group, key=lambda name: by_group[name])
    return Coverage(of, level, len(inside), float(good.sum() / total.sum()), worst, by_group[worst], by_group)
