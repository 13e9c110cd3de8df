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
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import numpy as np

from contracts.errors import BadContract
from contracts.results import BoolArray, Float32Array, FloatArray, IntArray
from contracts.units import COMMON, Conversion, conversion
from monitoring.findings import Finding, listed
from monitoring.panel import SensorDays

GROUP_LEAST = 3  # sensors; fewer have no neighbours to compare with
SHARED = 0.7  # of a sensor's changes from day to day that are left beside its neighbours': their weather is common
ALONE = 2.0  # times the margin: there are hundreds of sensors, and one of them always has an odd week
GROUP_SHARE = 0.7  # of a group that moves is the group
ALIKE = 2.5  # times the usual disagreement of a group: still the same amount for all
STEADY = 1.5  # times the largest spread within a past day: a step, not a surge
AT_LOWEST = 0.5  # of past hours at the lowest value (no rain): such a level has no range to leave
SPREAD_FACTOR = 2.5  # within which two days' spread is the past's
PEOPLE = ("people", "person")
CURVED = ("dB",)  # no straight line leads there
DECIMALS = (10.0, 100.0, 1000.0)


@dataclass(frozen=True)
class Levels:
    """Of S sensors. course: (24, S) usual daily course. day: (D, S) median of a day around it. within: (D, S)
    standard deviation of a day's own hours. judged: (S,) there is a past to judge by."""

    course: FloatArray
    day: FloatArray
    within: FloatArray
    judged: BoolArray
    recent: int

    @property
    def past(self) -> FloatArray:
        return self.day[: -self.recent]

    @property
    def now(self) -> FloatArray:
        return self.day[-self.recent :]


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
    together = len(group) >= GROUP_LEAST and _outside(*_pooled(levels, group), margin) != 0
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


def levels_of(panel: SensorDays, *, recent_days: int) -> Levels:
    """Days around each sensor's own usual course. A day of which less than half the usual hours are known is none."""
    past = panel.hourly[:-recent_days]
    known = ~np.isnan(past)
    course = _mean(past, known, axis=0)
    overall = _mean(past.reshape(-1, past.shape[2]), known.reshape(-1, past.shape[2]), axis=0)
    course = np.where(np.isnan(course), overall, course)
    around = panel.hourly - course
    there = ~np.isnan(around)
    hours = there.sum(axis=1)
    usual = np.maximum(np.median(hours[:-recent_days], axis=0), 1)
    whole = hours >= usual / 2
    day = np.where(whole, _middle(around, hours), np.nan)
    within = np.sqrt(_mean((panel.hourly - _mean(panel.hourly, there, axis=1)[:, None]) ** 2, there, axis=1))
    lowest = np.nanmin(np.where(known, past, np.inf), axis=(0, 1))
    at_lowest = (known & (past <= lowest)).sum(axis=(0, 1)) / np.maximum(known.sum(axis=(0, 1)), 1)
    enough = whole[:-recent_days].sum(axis=0) >= len(past) / 2
    stuck = (panel.low == panel.high)[-recent_days:].any(axis=0)
    judged = enough & whole[-recent_days:].all(axis=0) & (at_lowest < AT_LOWEST) & ~stuck
    return Levels(course, day, within, judged, recent_days)


def _outside(past: FloatArray, now: FloatArray, margin: float) -> FloatArray:
    """(...) +1 or -1 where every recent day lies beyond the past's second most extreme days by a margin, else 0.

    past: (days, ...); now: (recent days, ...). The most extreme day is left out: it may have been a fault itself.
    """
    low, high = _reach(past)
    room = margin * (high - low) + 1e-9 + 1e-6 * np.maximum(np.abs(low), np.abs(high))
    above, below = (now > high + room).all(axis=0), (now < low - room).all(axis=0)
    return np.asarray(above.astype(np.float64) - below)


def _reach(past: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The second lowest and second highest day of each column; NaN where fewer than two days are known."""
    low = np.sort(np.where(np.isnan(past), np.inf, past), axis=0)[1]
    high = np.sort(np.where(np.isnan(past), -np.inf, past), axis=0)[-2]
    return np.where(np.isfinite(low), low, np.nan), np.where(np.isfinite(high), high, np.nan)


def _pooled(levels: Levels, group: IntArray) -> tuple[FloatArray, FloatArray]:
    """The middle sensor of a group on each past and each recent day."""
    middle = _median(levels.day[:, group])
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
    low, high = (float(end[0]) for end in _reach(past[:, None]))
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
        day = day - _median(levels.day[:, others])[:, None]
    past, now = day[: -levels.recent], day[-levels.recent :]
    if not _outside(_median(past), _median(now), margin):
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
    anew): it must have left the levels of all sensors of the metric. People are another matter: they do move.
    """
    day = levels.day[:, everyone]
    free = np.ones(len(everyone), dtype=bool)
    if len(everyone) > GROUP_LEAST:
        apart = day - _median(day)[:, None]
        common = _restless(apart[: -levels.recent]) < SHARED * _restless(day[: -levels.recent])
        level = day + levels.course[:, everyone].mean(axis=0)
        past = np.nan_to_num(level[: -levels.recent], nan=np.nanmedian(level[: -levels.recent]))
        beyond = _outside(past.reshape(-1, 1), level[-levels.recent :], 0.0)
        free = common | (beyond != 0) | (unit in PEOPLE)
        day = np.where(common, apart, day)
    now, past = levels.now[:, everyone].mean(axis=0), levels.past[:, everyone]
    away = np.sign(now - np.nanmedian(past, axis=0)) if len(everyone) else now
    side = _outside(day[: -levels.recent], day[-levels.recent :], margin)
    found: IntArray = everyone[free & (side != 0) & (side == away)]
    return found


def _restless(past: FloatArray) -> FloatArray:
    """(n,) how much each differs from its day before."""
    steps = np.abs(np.diff(past, axis=0))
    return _mean(steps, ~np.isnan(steps), axis=0)


def _finding(panel: SensorDays, levels: Levels, kind: str, members: IntArray, words: str) -> Finding:
    first = panel.sensors[int(members[0])]
    assets = tuple(panel.sensors[int(s)].asset for s in members)
    usual = float(np.median(levels.course[:, members]))
    now = float(np.median(levels.now[:, members])) + usual
    said = f"{first.metric} of {listed(assets)} ({first.partner}): {words} (usually {usual:.4g}, now {now:.4g})"
    return Finding(kind, said, panel.begin(-levels.recent), first.partner, first.metric, assets)  # type: ignore[arg-type]


def _middle(around: Float32Array | FloatArray, known: IntArray) -> FloatArray:
    """(D, S) median over the hours, which one spike does not move. known: (D, S) hours that are not NaN."""
    ordered = np.sort(around, axis=1)  # NaN last
    last = np.maximum(known - 1, 0)
    lower = np.take_along_axis(ordered, (last // 2)[:, None], axis=1)[:, 0].astype(np.float64)
    upper = np.take_along_axis(ordered, ((last + 1) // 2)[:, None], axis=1)[:, 0].astype(np.float64)
    return np.asarray((lower + upper) / 2)


def _median(values: FloatArray) -> FloatArray:
    """(D,) over the sensors that have the day; NaN, and no warning, where none has."""
    some = ~np.isnan(values).all(axis=1)
    out = np.full(len(values), np.nan)
    out[some] = np.nanmedian(values[some], axis=1)
    return out


def _mean(values: Float32Array | FloatArray, known: BoolArray, *, axis: int) -> FloatArray:
    """Mean of the known values; NaN, and no warning, where there is none."""
    n = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis, dtype=np.float64)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)
