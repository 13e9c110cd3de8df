"""Each hour's own statistic as a series: "the mean of the hourly maxima over 24 h", as known at every hour.

The result is a Trail again, whose bins hold one value each: the hour's statistic. A bin that late or corrected rows
touch leaves the dense layers and becomes a short list of states, each in force for some hours, so that the windows of
`Trail` serve both without knowing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from contracts.results import BoolArray, IntArray
from features import kernels
from features.hours import FOREVER
from features.readings import Events, Layer, Rows, Scale, Trail

Numbers = npt.NDArray[Any]  # int64 sums and counts, float32 extremes
JOIN = (np.add, np.add, np.add, np.add, np.maximum)  # total, rough, squares, count, highest
HOURLY_STATS = ("mean", "max", "std")  # in the kernels' order
SERIES_STATS = frozenset({"mean", "max"})


def hourly_trails(trail: Trail) -> dict[str, Trail]:
    """Mean, max and std -> the Trail of each hour's own; only the mean and max of its windows are there."""
    touched = _touched(trail)
    layers = sorted(trail.layers, key=lambda layer: layer.lag)
    steps, states = _steps(layers, trail.scale, touched), _states(trail, layers)
    events: Events = {}
    return {
        stat: Trail(
            trail.assets, trail.first_bin, trail.scale, tuple(step[k] for step in steps), states[k], SERIES_STATS,
            events,
        )
        for k, stat in enumerate(HOURLY_STATS)
    }  # fmt: skip


def _touched(trail: Trail) -> BoolArray | None:
    """(hours, assets) bins in which a row is kept one by one; None where there is no such row."""
    if not len(trail.sparse) or not trail.layers:
        return None
    touched = np.zeros(trail.layers[0].count.shape, bool)
    touched[trail.sparse.hour - trail.first_bin, trail.sparse.asset] = True
    return touched


def _steps(layers: list[Layer], scale: Scale, touched: BoolArray | None) -> list[tuple[Layer, ...]]:
    """At each age at which a bin grows, a layer a statistic: of all layers so far, until the next joins."""
    steps: list[tuple[Layer, ...]] = []
    so_far: list[Numbers] = []
    for i, layer in enumerate(layers):
        parts: list[Numbers] = [layer.total, layer.rough, layer.squares, layer.count, layer.highest]
        so_far = [join(a, b) for join, a, b in zip(JOIN, so_far, parts, strict=True)] if so_far else parts
        gone = layers[i + 1].lag if i + 1 < len(layers) else int(FOREVER)
        steps.append(_step(so_far, scale, touched, lag=layer.lag, gone=gone))
    return steps


def _step(parts: list[Numbers], scale: Scale, touched: BoolArray | None, *, lag: int, gone: int) -> tuple[Layer, ...]:
    shape = parts[3].shape
    # large blocks: their memory comes in large pages, at a quarter of the cost
    whole = np.zeros((len(HOURLY_STATS) + 1, *shape), np.int64)
    value = np.empty((len(HOURLY_STATS), *shape), np.float32)
    skip = np.zeros((0, 0), bool) if touched is None else touched
    fixed, there = whole[:-1], whole[-1]
    kernels.hourly_values(*parts, scale.middle, scale.fine, scale.coarse, skip, fixed, there, value)
    nothing = np.zeros((0, 0), np.int64)
    return tuple(
        Layer(lag, fixed[k], nothing, nothing, there, value[k], value[k], value[k], nothing, gone)
        for k in range(len(HOURLY_STATS))
    )


def _states(trail: Trail, layers: list[Layer]) -> list[Rows]:
    rows = trail.sparse
    if not len(rows):
        return [rows] * len(HOURLY_STATS)
    starts = np.flatnonzero(np.r_[True, (np.diff(rows.asset) != 0) | (np.diff(rows.hour) != 0)])
    place = rows.hour[starts] - trail.first_bin, rows.asset[starts]
    lags = np.array([layer.lag for layer in layers], np.int64)
    gathered = [_gather(layers, name, place) for name in ("total", "rough", "squares", "count", "highest")]
    asset, hour, since, until, values = kernels.hourly_states(
        np.r_[starts, len(rows)], rows.asset, rows.hour, rows.since, rows.until, rows.value, lags, *gathered,
        trail.scale.middle, trail.scale.fine, trail.scale.coarse,
    )  # fmt: skip
    return [Rows(asset, hour, hour * kernels.HOUR_US, value, since, until) for value in values]


def _gather(layers: list[Layer], name: str, place: tuple[IntArray, IntArray]) -> Numbers:
    """(bins, layers) one array's values in the touched bins."""
    kind = np.float32 if name == "highest" else np.int64
    if not layers:
        return np.zeros((len(place[0]), 0), kind)
    return np.stack([getattr(layer, name)[place] for layer in layers], axis=1)
