"""Who stopped sending, and which sensor repeats itself."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import numpy as np

from contracts.results import BoolArray, FloatArray, IntArray
from monitoring.findings import Finding, listed
from monitoring.panel import SensorDays

NEXT_TO_NOTHING = 0.1  # of the usual rows a day
LEAST_ROWS = 6.0  # a day; what usually sends less is not watched for silence
MANY_SENSORS = 3  # of a partner
CONSTANT_ROWS = 12  # equal values a day
CONSTANT_SHARE = 0.02  # of past days; a sensor that was constant more often may well be so again


def silences(panel: SensorDays, *, recent_days: int) -> Iterator[Finding]:
    """`outage` for a partner, `gap` for one of its metrics or sensors: the largest that explains the silence."""
    partner = np.array([sensor.partner for sensor in panel.sensors])
    metric = np.array([sensor.metric for sensor in panel.sensors])
    for name in np.unique(partner):
        mine = np.flatnonzero(partner == name)
        if run := _silent_days(panel.rows[:, mine].sum(axis=1), _days_to_tell(len(mine), recent_days)):
            words = f"{name}: next to nothing for {run} days from {len(mine)} sensors"
            yield Finding("outage", words, panel.begin(-run), partner=str(name))
            continue
        for quantity in np.unique(metric[mine]):
            yield from _gaps(panel, mine[metric[mine] == quantity], str(name), str(quantity), recent_days)


def _days_to_tell(sensors: int, recent_days: int) -> int:
    """A whole day without a word from many sensors at once is no chance; from a few, it takes the recent days."""
    return 1 if sensors >= MANY_SENSORS else recent_days


def _gaps(panel: SensorDays, group: IntArray, partner: str, metric: str, recent_days: int) -> Iterator[Finding]:
    runs = {int(s): _silent_days(panel.rows[:, s], recent_days) for s in group}
    silent = {s: run for s, run in runs.items() if run}
    if not silent:
        return
    assets = tuple(panel.sensors[s].asset for s in silent)
    longest = max(silent.values())
    words = f"{metric} of {listed(assets)} ({partner}): next to nothing for {longest} days; the partner's others go on"
    yield Finding("gap", words, panel.begin(-longest), partner, metric, assets)


def _silent_days(rows: FloatArray, recent_days: int) -> int:
    """How many days it has been silent up to now, if that is unlike its past; else 0. rows: (D,) a day."""
    rows = rows[int(np.argmax(rows > 0)) :]  # before it first sent anything it was not silent
    usual = float(np.median(rows))
    quiet = rows <= NEXT_TO_NOTHING * usual
    now = _run_at_end(quiet)
    unusual = now >= recent_days and now > 2 * _longest_run(quiet[: len(quiet) - now])
    return now if unusual and usual >= LEAST_ROWS else 0


def stuck_sensors(panel: SensorDays, *, recent_days: int) -> Iterator[Finding]:
    """Sensors that sent one same value through the recent days, and hardly ever did before; the newest day is enough
    where none was ever like it. (Sensors are in order of metric and partner, so a group is a run.)"""
    constant = (panel.low == panel.high) & (panel.rows >= CONSTANT_ROWS)
    past, now = constant[:-recent_days], constant[-recent_days:]
    watched = (panel.rows[:-recent_days] >= CONSTANT_ROWS).sum(axis=0) >= len(past) / 2
    same = np.nanmin(np.where(now, panel.low[-recent_days:], np.inf), axis=0)
    same = same == np.nanmax(np.where(now, panel.high[-recent_days:], -np.inf), axis=0)
    lasting = now.all(axis=0) & same & (past.mean(axis=0) <= CONSTANT_SHARE)
    found = np.flatnonzero(watched & (lasting | (now[-1] & ~past.any(axis=0))))
    for (partner, metric), group in groupby(found, key=lambda s: panel.sensors[s][:2]):
        members = list(group)
        assets = tuple(panel.sensors[s].asset for s in members)
        run = max(_run_at_end(constant[:, s]) for s in members)
        words = (
            f"{metric} of {listed(assets)} ({partner}): {panel.low[-1, members[0]]:g} on every reading of {run} days"
        )
        yield Finding("stuck", words, panel.begin(-run), partner, metric, assets)


def _run_at_end(flags: BoolArray) -> int:
    off = np.flatnonzero(~flags)
    return len(flags) - 1 - int(off[-1]) if len(off) else len(flags)


def _longest_run(flags: BoolArray) -> int:
    edges = np.flatnonzero(~np.concatenate([[False], flags, [False]]))
    return int(np.diff(edges).max()) - 1
