"""What came true. A label exists only when its window and the hazard's reporting delay have passed: never a guess 0."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl

from contracts.pilot import Hazard
from contracts.results import FloatArray, Labels, Spine
from features.hours import as_of_hours, ceil_hour, hour_of
from features.incidents import counting_versions
from features.versions import at_hour


def build_labels(
    incidents: pl.DataFrame, spine: Spine, *, hazard: str, rule: Hazard, observed_until: datetime
) -> Labels:
    """Ripe labels of `spine`: incidents in (as_of, as_of + horizon], as known at `observed_until`.

    A row is ripe when `as_of + horizon + reporting delay <= observed_until`; the others are left out.
    """
    now = hour_of(observed_until)
    hours = as_of_hours(spine.as_of)
    rows = np.flatnonzero(hours + rule.horizon_hours + rule.reporting_delay_hours <= now)
    if not len(rows):
        return Labels(hazard, rule.horizon_hours, rows, np.zeros(0, bool), rows, np.zeros(0))
    first = int(hours[rows].min())
    width = int(hours[rows].max()) + rule.horizon_hours - first + 1
    count, severity = _by_hour(incidents, spine.assets, hazard, rule, now, first=first, width=width)
    start = hours[rows] - first
    asset = spine.asset[rows]
    in_window = [np.cumsum(total, axis=1) for total in (count, severity)]
    n, weight = (total[asset, start + rule.horizon_hours] - total[asset, start] for total in in_window)
    return Labels(hazard, rule.horizon_hours, rows, n > 0.5, np.rint(n).astype(np.int64), weight)


def _by_hour(
    incidents: pl.DataFrame, assets: tuple[str, ...], hazard: str, rule: Hazard, now: int, *, first: int, width: int
) -> tuple[FloatArray, FloatArray]:
    """(assets, width) number and summed severity of incidents in each hour's bin."""
    true = at_hour(counting_versions(incidents, assets=assets, hazard=hazard, rule=rule), now)
    bins = ceil_hour(true["occurred"].to_numpy()) - first
    inside = (bins >= 0) & (bins < width)
    count, severity = np.zeros((len(assets), width)), np.zeros((len(assets), width))
    asset = true["asset"].to_numpy()[inside]
    np.add.at(count, (asset, bins[inside]), 1.0)
    np.add.at(severity, (asset, bins[inside]), true["severity"].to_numpy()[inside])
    return count, severity
