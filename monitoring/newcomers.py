"""What was not there before: assets, sensors, and attributes of a place that changed (its plants, its people)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from contracts.pilot import Metric
from monitoring.findings import Finding, Kind, listed
from monitoring.panel import SensorDays
from monitoring.shifts import PEOPLE

CHANGED_SHARE = 0.05  # of an attribute's value


def new_assets(assets: pl.DataFrame, *, until: datetime, recent_days: int) -> Iterator[Finding]:
    """Assets first known in the recent days, where others were known before."""
    first = assets.group_by("partner", "kind", "asset_id").agg(pl.col("known_at").min()).sort("asset_id")
    begin = until - timedelta(days=recent_days)
    old = first.filter(pl.col("known_at") <= begin)
    fresh = first.filter((pl.col("known_at") > begin) & (pl.col("known_at") <= until))
    if old.is_empty():
        return
    for (partner, kind), rows in sorted(fresh.group_by("partner", "kind"), key=lambda group: str(group[0])):
        names = tuple(rows["asset_id"].to_list())
        words = f"{partner}: {len(names)} new of kind {kind}: {listed(names)}"
        yield Finding("new_asset", words, begin, str(partner), assets=names)


def new_sensors(panel: SensorDays, *, recent_days: int) -> Iterator[Finding]:
    """Sensors that never sent anything in the past days and now do, where their partner did."""
    came = panel.rows > 0
    fresh = ~came[:-recent_days].any(axis=0) & came[-1]
    for partner in sorted({sensor.partner for sensor in panel.sensors}):
        mine = np.array([sensor.partner == partner for sensor in panel.sensors])
        if not (mine & fresh).any() or not came[:-recent_days, mine].any():
            continue
        found = [panel.sensors[s] for s in np.flatnonzero(mine & fresh)]
        places = tuple(dict.fromkeys(sensor.asset for sensor in found))
        metrics = sorted({sensor.metric for sensor in found})
        words = f"{partner}: {listed(places)} now reports {listed(metrics)} and did not before"
        yield Finding("new_asset", words, panel.begin(-recent_days), partner, assets=places)


def changed_attributes(
    readings: pl.DataFrame, metrics: Mapping[str, Metric], *, until: datetime, recent_days: int
) -> Iterator[Finding]:
    """Static metrics with a newer value than before: people are `population_moved`, more of a count is `new_asset`.

    Args:
        readings: columns of `contracts.tables.READINGS`.
    """
    static = [name for name, metric in metrics.items() if metric.static]
    rows = readings.filter(pl.col("metric").is_in(static) & (pl.col("known_at") <= until))
    begin = until - timedelta(days=recent_days)
    newest = rows.sort("known_at", "observed_at").group_by("metric", "asset_id", maintain_order=True)
    before = pl.col("value").filter(pl.col("known_at") <= begin).last()
    pairs = newest.agg(pl.col("partner").last(), before=before, now=pl.col("value").last()).drop_nulls()
    pairs = pairs.filter((pl.col("now") - pl.col("before")).abs() > CHANGED_SHARE * pl.col("before").abs())
    for (partner, metric), changed in sorted(pairs.group_by("partner", "metric"), key=lambda group: str(group[0])):
        names = tuple(changed["asset_id"].sort().to_list())
        was, is_now = float(changed["before"].sum()), float(changed["now"].sum())
        words = f"{metric} of {listed(names)} ({partner}): {was:,.6g} before, {is_now:,.6g} now"
        kind = _attribute_kind(metrics[str(metric)], grew=is_now > was)
        yield Finding(kind, words, begin, str(partner), str(metric), names)


def _attribute_kind(metric: Metric, *, grew: bool) -> Kind:
    if metric.unit in PEOPLE:
        return "population_moved"
    return "new_asset" if metric.unit == "count" and grew else "world_moved"
