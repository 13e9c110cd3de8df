"""Sensor trouble told apart from a change in the world: every check, and what explains what.

The order matters: what does not arrive cannot have moved, what is stuck has no daily course, and a partner whose clock
is wrong has wrong delays. A finding is left out when an earlier one of the same sensors explains it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from contracts.params import MonitorParams
from contracts.pilot import Metric
from contracts.tables import Tables
from monitoring.clocks import clock_skews, incident_delays, reading_delays
from monitoring.findings import Finding, Kind
from monitoring.newcomers import changed_attributes, new_assets, new_sensors
from monitoring.panel import SensorDays
from monitoring.shifts import level_shifts
from monitoring.silence import silences, stuck_sensors

LEAST_HISTORY_DAYS = 14
INCIDENT_DAYS = 7  # incidents are rare: their delays are looked at over a week
_EXPLAINS: dict[Kind, frozenset[Kind]] = {
    "outage": frozenset(("gap", "delay_changed", "stuck")),
    "clock_skew": frozenset(("delay_changed", "biased", "world_moved", "recalibrated")),
    "stuck": frozenset(("biased", "world_moved", "recalibrated", "clock_skew")),
    "gap": frozenset(("biased", "world_moved")),
}


@dataclass(frozen=True)
class SensorReport:
    """findings: at most one an event. state: empty, or why sensors could not be judged."""

    findings: tuple[Finding, ...]
    state: str = ""


def check_sensors(panel: SensorDays, metrics: Mapping[str, Metric], *, params: MonitorParams) -> SensorReport:
    """Silence, stuck values, clocks, delays, shifts and newcomers among the sensors of a panel."""
    panel, recent = panel.last(params.history_days), params.recent_days
    if not panel.sensors:
        return SensorReport((), f"no reading in {len(panel.day)} days")
    sent = (panel.rows.sum(axis=1) > 0).nonzero()[0]
    past_days = len(panel.day) - int(sent[0]) - recent
    if past_days < LEAST_HISTORY_DAYS:
        return SensorReport((), f"not enough history of the sensors: {max(past_days, 0)} of {LEAST_HISTORY_DAYS} days")
    units = {name: metric.unit for name, metric in metrics.items()}
    found = [
        *silences(panel, recent_days=recent),
        *stuck_sensors(panel, recent_days=recent),
        *clock_skews(panel, recent_days=recent),
        *reading_delays(panel, recent_days=recent),
        *level_shifts(panel, units=units, recent_days=recent, margin=params.shift_margin),
        *new_sensors(panel, recent_days=recent),
    ]
    return SensorReport(unexplained(found))


def check_arrivals(
    tables: Tables, metrics: Mapping[str, Metric], *, until: datetime, params: MonitorParams
) -> tuple[Finding, ...]:
    """What incidents, assets and attributes show beside the readings that flow."""
    recent = params.recent_days
    return (
        *incident_delays(
            tables.incidents, until=until, recent_days=INCIDENT_DAYS, history_days=params.history_days + INCIDENT_DAYS
        ),
        *new_assets(tables.assets, until=until, recent_days=recent),
        *changed_attributes(tables.readings, metrics, until=until, recent_days=recent),
    )


def check_refusals(
    quarantine: pl.DataFrame, rows: Mapping[str, int], *, since: datetime, until: datetime, limit: float = 0.2
) -> tuple[Finding, ...]:
    """Feeds most of whose recent rows their contract refused.

    Args:
        quarantine: columns of `contracts.tables.QUARANTINE`. rows: feed -> rows accepted since `since`.
        limit: share of a feed's rows.
    """
    recent = quarantine.filter((pl.col("refused_at") > since) & (pl.col("refused_at") <= until))
    counts = recent.unique(["feed", "batch", "row"]).group_by("partner", "feed").agg(pl.len(), pl.col("rule").mode().first())
    found = []
    for partner, feed, refused, rule in counts.sort("feed").iter_rows():
        total = refused + rows.get(feed, 0)
        if refused > limit * total:
            words = f"{feed} ({partner}): {refused} of {total} rows refused, mostly by rule {rule}"
            found.append(Finding("contract_broken", words, since, partner, feed))
    return tuple(found)


def unexplained(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Without those that an earlier finding of the same partner, metric and assets explains."""
    kept: list[Finding] = []
    for finding in findings:
        if not any(_explains(earlier, finding) for earlier in kept):
            kept.append(finding)
    return tuple(kept)


def _explains(cause: Finding, effect: Finding) -> bool:
    return (
        effect.kind in _EXPLAINS.get(cause.kind, frozenset())
        and cause.partner == effect.partner
        and cause.metric in ("", effect.metric)
        and _covers(cause.assets, effect.assets)
    )


def _covers(whole: Iterable[str], part: Iterable[str]) -> bool:
    return not tuple(whole) or set(part) <= set(whole)
