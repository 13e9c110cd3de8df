"""Levels that jumped: a changed unit, a recalibration, one biased sensor, or a world that is otherwise now.

A sensor's own past sets the scale: its days, freed of its usual daily course, must lie beyond everything of the past
weeks by a margin, on each recent day. Who moved with it says what it is:

| who moved | named |
| --- | --- |
| back in its past once converted from another unit | unit_change |
| nearly all of a partner's sensors of a metric, by one amount or factor, steady within the day | recalibrated |
| one, while the others of the metric did not | biased |
| several, each by its own amount | world_moved, or population_moved for people |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby

import numpy as np

from contracts.errors import BadContract
from contracts.results import FloatArray, IntArray
from contracts.units import COMMON, Conversion, conversion
from monitoring.findings import Finding, listed
from monitoring.levels import Levels, across_sensors, known_mean, levels_of, outside, reach
from monitoring.panel import SensorDays

GROUP_LEAST = 3  # sensors; fewer have no neighbours to compare with
SHARED = 0.7  # of a sensor's changes from day to day that are left beside its neighbours': their weather is common
ALONE = 2.0  # times the margin: there are hundreds of sensors, and one of them always has an odd week
OWN_MARGIN = 0.1  # beyond all levels of a metric, as a share of their range: a serviced machine is the best of them
GROUP_SHARE = 0.7  # of a group that moves is the group
ALIKE = 2.5  # times the usual disagreement of a group: still the same amount for all
STEADY = 1.5  # times the largest spread within a past day: a step, not a surge
SPREAD_FACTOR = 2.5  # within which two days' spread is the past's
PEOPLE = ("people", "person")
CURVED = ("dB",)  # no straight line leads there
DECIMALS = (10.0, 100.0, 1000.0)


def level_shifts(panel: SensorDays, *, units: Mapping[str, str], recent_days: int, margin: float) -> Iterator[Finding]:
    """Every group of a partner's sensors of a metric, then every sensor by itself.

    Args:
        units: metric -> the pilot's unit.
        margin: how far beyond its past range, as a share of it, a day must lie.
    """
    levels = levels_of(panel, recent_days=recent_days)
    for metric, sharing in groupby(range(len(panel.sensors)), key=lambda s: panel.sensors[s].metric):
        everyone = np.array([s for s in sharing if levels.judged[s]], dtype=np.int64)
        unit = units.get(metric, "")
        out = _alone(levels, everyone, ALONE * margin, unit=unit)
        for partner in dict.fromkeys(panel.sensors[s].partner for s in everyone):
            group = np.array([s for s in everyone if panel.sensors[s].partner == partner], dtype=np.int64)
            moved = np.intersect1d(group, out)
            yield from _of_group(panel, levels, group, everyone, moved, unit=unit, margin=margin)


def _of_group(
    panel: SensorDays,
    levels: Levels,
    group: IntArray,
    everyone: IntArray,
    moved: IntArray,
    *,
    unit: str,
    margin: float,
) -> Iterator[Finding]:
    together = len(group) >= GROUP_LEAST and outside(*_pooled(levels, group), margin) != 0
    among = group if together else moved
    units = _other_units(unit, slips=together)
    name, members = _other_unit(levels, among, units)
    if len(members) >= GROUP_SHARE * len(among) > 0:
        yield _finding(panel, levels, "unit_change", among, f"fits its past once read as {name} instead of {unit}")
        return
    if len(group) >= GROUP_LEAST and (how := _moved_together(levels, group, everyone, margin)):
        yield _finding(panel, levels, "recalibrated", group, f"all moved {how} at once; nothing else did")
        return
    if not len(moved):
        return
    if unit in PEOPLE:
        yield _finding(panel, levels, "population_moved", moved, "people are elsewhere than they were")
    elif len(moved) >= GROUP_LEAST or not _steady(levels, moved):
        yield _finding(panel, levels, "world_moved", moved, "moved, each by its own amount")
    elif len(everyone) > GROUP_LEAST:
        yield _finding(panel, levels, "biased", moved, "left its past, and its neighbours did not")


def _pooled(levels: Levels, group: IntArray) -> tuple[FloatArray, FloatArray]:
    """The middle sensor of a group on each past and each recent day."""
    middle = across_sensors(levels.day[:, group])
    return middle[: -levels.recent], middle[-levels.recent :]


def _other_unit(levels: Levels, sensors: IntArray, units: Sequence[tuple[str, Conversion]]) -> tuple[str, IntArray]:
    """The one unit in which most of the sensors fit their past, and those that do; the closest fit among equals."""
    best: tuple[int, float, str, IntArray] = (0, 0.0, "", sensors[:0])
    for name, other in units if len(sensors) else ():
        misfit = np.array([_misfit(levels, int(s), other) for s in sensors])
        fitting = sensors[misfit < 1.0]
        if len(fitting):
            best = max(best, (len(fitting), -float(misfit[misfit < 1.0].mean()), name, fitting), key=lambda b: b[:2])
    return best[2], best[3]


def _misfit(levels: Levels, s: int, other: Conversion) -> float:
    """How far the recent days, read back from another unit, lie from the past; below 1 within it, in level and spread.

    The spread within a day decides between a unit of another scale and a plain shift: a shift leaves it as it was.
    """
    usual = float(levels.course[:, s].mean())
    past, now = levels.past[:, s] + usual, levels.now[:, s] + usual
    low, high = (float(end[0]) for end in reach(past[:, None]))
    back = (now - other.offset) / other.scale
    room = max(high - low, 1e-9)
    level = float(np.abs(back - (low + high) / 2).max()) / room
    was, is_now = (
        float(np.nanmedian(levels.within[: -levels.recent, s])),
        float(levels.within[-levels.recent :, s].mean()),
    )
    return level if abs(other.scale) == 1.0 or _spread_fits(was, is_now, other.scale) else np.inf


def _spread_fits(was: float, is_now: float, scale: float) -> bool:
    """Whether the spread within a day is about the other unit's, and nearer to that than to what it was."""
    if was <= 0 or is_now <= 0:
        return False
    there, here = abs(np.log(is_now / (was * abs(scale)))), abs(np.log(is_now / was))
    return bool(there < min(here, np.log(SPREAD_FACTOR)))


@lru_cache(maxsize=256)
def _other_units(unit: str, *, slips: bool) -> Sequence[tuple[str, Conversion]]:
    """Every common unit of the same quantity, as a map from the pilot's unit to it; and slips of the decimal point."""
    found = {}
    for name in COMMON if unit not in ("", *CURVED) else ():
        if name in CURVED:
            continue
        try:
            there = conversion(unit, name)
        except BadContract:
            continue
        if (there.scale, there.offset) != (1.0, 0.0):
            found[name] = there
    for factor in DECIMALS if slips else ():
        found.setdefault(f"{factor:g} {unit}".strip(), Conversion(1 / factor, 0.0))
        found.setdefault(f"1/{factor:g} {unit}".strip(), Conversion(factor, 0.0))
    return tuple(found.items())


def _moved_together(levels: Levels, group: IntArray, everyone: IntArray, margin: float) -> str:
    """How a partner's sensors moved as one (`by +1.2`), or empty: beyond their common past, alike, and steadily.

    What other partners' sensors of the metric did on the day is taken off first: weather is everybody's.
    """
    others = np.setdiff1d(everyone, group)
    day = levels.day[:, group]
    if len(others) >= GROUP_LEAST:
        day = day - across_sensors(levels.day[:, others])[:, None]
    past, now = day[: -levels.recent], day[-levels.recent :]
    if not outside(across_sensors(past), across_sensors(now), margin):
        return ""
    shift = now.mean(axis=0)
    middle = float(np.median(shift))
    if (np.sign(shift) == np.sign(middle)).mean() < GROUP_SHARE or not _steady(levels, group):
        return ""
    if _spread(shift) <= ALIKE * _usual_spread(past, levels.recent):
        return f"by {middle:+.3g}"
    usual = levels.course[:, group].mean(axis=0)
    if (usual <= 0).any():
        return ""
    factor = shift / usual
    alike = _spread(factor) <= ALIKE * _usual_spread(past / usual, levels.recent)
    return f"by {float(np.median(factor)):+.0%}" if alike else ""


def _spread(values: FloatArray) -> float:
    """Half the range of the middle half of the sensors."""
    return float(np.subtract(*np.nanquantile(values, [0.75, 0.25]))) / 2


def _usual_spread(past: FloatArray, width: int) -> float:
    """The same, of shifts over as many past days: what sensors that did not move disagree by."""
    ends = range(width, len(past) + 1, width)
    each = [
        _spread(past[end - width : end].mean(axis=0)) for end in ends if not np.isnan(past[end - width : end]).any()
    ]
    return float(np.median(each)) if each else 0.0


def _steady(levels: Levels, group: IntArray) -> bool:
    """Most sensors vary within a day as they did: after a step they do, in a flood or a leak they do not."""
    was = np.sort(np.nan_to_num(levels.within[: -levels.recent, group]), axis=0)[-2]
    now = levels.within[-levels.recent :, group].max(axis=0)
    course = np.maximum(np.abs(levels.course[:, group]).mean(axis=0), 1e-9)
    grown = np.maximum(1.0, 1 + np.abs(levels.now[:, group]).mean(axis=0) / course)  # a gain widens the day as well
    return bool((now <= STEADY * grown * was).mean() >= GROUP_SHARE)


def _alone(levels: Levels, everyone: IntArray, margin: float, *, unit: str) -> IntArray:
    """The sensors of a metric that left their past by themselves.

    Where sensors have their weather in common, the distance to the middle one is the steadier measure, and is used.
    Where each has a process of its own, its past weeks are not all that it can do (a machine that is serviced starts
    anew): it must have left the levels of all sensors of the metric, and clearly. People are another matter: they move.
    """
    day = levels.day[:, everyone]
    free = np.ones(len(everyone), dtype=bool)
    if len(everyone) > GROUP_LEAST:
        apart = day - across_sensors(day)[:, None]
        common = _restless(apart[: -levels.recent]) < SHARED * _restless(day[: -levels.recent])
        level = day + levels.course[:, everyone].mean(axis=0)
        past = np.nan_to_num(level[: -levels.recent], nan=np.nanmedian(level[: -levels.recent]))
        beyond = outside(past.reshape(-1, 1), level[-levels.recent :], OWN_MARGIN)
        free = common | (beyond != 0) | (unit in PEOPLE)
        day = np.where(common, apart, day)
    now, past = levels.now[:, everyone].mean(axis=0), levels.past[:, everyone]
    away = np.sign(now - np.nanmedian(past, axis=0)) if len(everyone) else now
    side = outside(day[: -levels.recent], day[-levels.recent :], margin)
    found: IntArray = everyone[free & (side != 0) & (side == away)]
    return found


def _restless(past: FloatArray) -> FloatArray:
    """(n,) how much each differs from its day before."""
    steps = np.abs(np.diff(past, axis=0))
    return known_mean(steps, ~np.isnan(steps), axis=0)


def _finding(panel: SensorDays, levels: Levels, kind: str, members: IntArray, words: str) -> Finding:
    first = panel.sensors[int(members[0])]
    assets = tuple(panel.sensors[int(s)].asset for s in members)
    usual = float(np.median(levels.course[:, members]))
    now = float(np.median(levels.now[:, members])) + usual
    said = f"{first.metric} of {listed(assets)} ({first.partner}): {words} (usually {usual:.4g}, now {now:.4g})"
    return Finding(kind, said, panel.begin(-levels.recent), first.partner, first.metric, assets)  # type: ignore[arg-type]
