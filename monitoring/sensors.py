"""Sensor trouble told apart from a change in the world: every check, and what explains what.

The order matters: what does not arrive cannot have moved, what is stuck has no daily course, and a partner whose clock
is wrong has wrong delays. A finding is left out when an earlier one of the same sensors explains it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from contracts.params import MonitorParams
from contracts.pilot import Metric
from contracts.results import QualityReport
from contracts.tables import Tables
from monitoring.clocks import clock_skews, incident_delays, reading_delays
from monitoring.feeds import silent_feeds
from monitoring.findings import Finding, Kind, listed
from monitoring.newcomers import changed_attributes, new_assets, new_sensors
from monitoring.panel import SensorDays
from monitoring.shifts import level_shifts
from monitoring.silence import silences, stuck_sensors

LEAST_HISTORY_DAYS = 14
REFUSED_SHARE = 0.2  # of a feed's rows
INCIDENT_DAYS = 7  # incidents are rare: their delays are looked at over a week
_EXPLAINS: dict[Kind, frozenset[Kind]] = {
    "outage": frozenset(("outage", "gap", "delay_changed", "stuck")),
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
        *silent_feeds(tables.incidents, until=until, chance=params.silence_chance),
        *incident_delays(
            tables.incidents, until=until, recent_days=INCIDENT_DAYS, history_days=params.history_days + INCIDENT_DAYS
        ),
        *new_assets(tables.assets, until=until, recent_days=recent),
        *changed_attributes(tables.readings, metrics, until=until, recent_days=recent),
    )


def check_refusals(reports: Sequence[QualityReport], *, since: datetime) -> tuple[Finding, ...]:
    """Feeds most of whose newest rows their contract refused. reports: of the last ingest; since: when that was."""
    found = []
    for feed, batches in groupby(sorted(reports, key=lambda report: report.feed), key=lambda report: report.feed):
        mine = list(batches)
        rows, refused = sum(report.rows for report in mine), sum(report.quarantined for report in mine)
        whole = [report.source for report in mine if report.refused]
        if refused > REFUSED_SHARE * rows or whole:
            rules = Counter({rule.rule: rule.rows for report in mine for rule in report.rules})
            most = f", mostly by rule {rules.most_common(1)[0][0]}" if rules else ""
            files = f"; refused whole: {listed(whole)}" if whole else ""
            words = f"{feed} ({mine[0].partner}): {refused} of {rows} rows refused{most}{files}"
            found.append(Finding("contract_broken", words, since, mine[0].partner, feed))
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
