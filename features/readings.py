"""Readings as dense hourly bins plus the few rows that do not fit them, and trailing statistics over both.

A reading counts at `as_of` T when it was observed in the window and known by T. Most rows of a metric become known
after one or two typical delays (lags, in hours): those fill dense (hour, asset) layers, one a lag, where a window is a
running sum. The others (late rows, and every version of a corrected reading) are kept as a short list with the hours
`since <= T < until` in which they are in force. Both parts only ever add to a window, so nothing has to be taken back,
and the result is exact.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from contracts.errors import ForesafeError
from contracts.pilot import Metric
from contracts.results import BoolArray, Float32Array, FloatArray, IntArray
from features import kernels
from features.hours import FOREVER
from features.kernels import NEVER

STATS = ("mean", "max", "min", "std", "last", "count")
PARTS = {"mean": ("total", "count"), "std": ("rough", "squares", "count"), "count": ("count",)}
FINE_BITS, COARSE_BITS = 40, 21  # of a metric's range: for sums, and for sums of squares


Events = dict[tuple[int, ...], tuple[IntArray, IntArray]]


@dataclass(frozen=True)
class Scale:
    """Fixed point within a metric's limits: sums of up to 2**20 readings stay exact in int64."""

    middle: float
    fine: float
    coarse: float

    @staticmethod
    def of(metric: Metric) -> Scale:
        half = (metric.high - metric.low) / 2
        return Scale(
            middle=(metric.high + metric.low) / 2,
            fine=2.0 ** np.floor(FINE_BITS - np.log2(half)),
            coarse=2.0 ** np.floor(COARSE_BITS - np.log2(half)),
        )


@dataclass(frozen=True)
class Layer:
    """Bins of the rows with one lag: they count from that age on, and before the age `gone`. Arrays (hours, assets)."""

    lag: int
    total: IntArray  # fine
    rough: IntArray  # coarse
    squares: IntArray  # of coarse
    count: IntArray
    highest: Float32Array
    lowest: Float32Array
    last: Float32Array
    last_at: IntArray  # µs
    gone: int = int(FOREVER)


@dataclass(frozen=True)
class Rows:
    """Readings of one metric that are kept one by one, all (n,), in the order of hours and, within them, assets."""

    asset: IntArray
    hour: IntArray
    observed: IntArray  # µs
    value: FloatArray
    since: IntArray  # hour
    until: IntArray  # hour

    def __len__(self) -> int:
        return len(self.asset)

    def where(self, keep: BoolArray) -> Rows:
        return Rows(*(column[keep] for column in vars(self).values()))


_NO_NUMBERS, _NO_VALUES = np.zeros(0, np.int64), np.zeros(0)
NO_READINGS = Rows(_NO_NUMBERS, _NO_NUMBERS, _NO_NUMBERS, _NO_VALUES, _NO_NUMBERS, _NO_NUMBERS)


@dataclass(frozen=True)
class Trail:
    """One metric's readings over the bins `first_bin ..`, ready for trailing statistics."""

    assets: int
    first_bin: int
    scale: Scale
    layers: tuple[Layer, ...]
    sparse: Rows
    stats: frozenset[str] = frozenset(STATS)  # what its layers were filled for
    # when rows enter and leave a window: trails whose rows are in force at the same times may share it
    events: Events = field(default_factory=dict, repr=False, compare=False)

    def window(
        self, stat: str, *, hours: IntArray, window: int, offset: int = 0, out: Float32Array | None = None
    ) -> Float32Array:
        """(len(hours), assets) of `stat` over (T - offset - window, T - offset], for consecutive hours T.

        NaN where the window holds no reading that was known by T. `std` is the population standard deviation.
        out: where to write it, else a new array.
        """
        if stat not in self.stats:
            raise ForesafeError(
                f"{stat!r} of readings that were binned for {', '.join(sorted(self.stats)) or 'nothing'}",
                where="features",
                cause="a feature that asks for a statistic in some cities and not in others",
                fix="let it ask for the same statistics whatever the view holds",
            )
        out = np.empty((len(hours), self.assets), np.float32) if out is None else out
        if stat in ("mean", "std", "count"):
            self._moments(stat, out, hours, window, offset)
        elif stat == "last":
            self._last(out, hours, window, offset)
        else:
            self._extreme("highest" if stat == "max" else "lowest", out, hours, window, offset)
        return out

    def _moments(self, stat: str, out: Float32Array, hours: IntArray, window: int, offset: int) -> None:
        layer, *others = self.layers or (_no_layer(self.assets),)
        names, rows, first = PARTS[stat], self.sparse, int(hours[0])
        bins = [getattr(layer, name) for name in names]
        more = [self._steps(name, others, hours, window, offset) for name in names]
        own = [self._amounts[name] for name in names if name != "count"]
        given = *bins, *more, *self._enter_and_leave(first, len(hours), window, offset), rows.asset, *own
        place = layer.lag, min(window, layer.gone - offset), offset, first - self.first_bin
        if stat == "mean":
            kernels.window_means(*given, *place, self.scale.middle, self.scale.fine, out)
        elif stat == "std":
            kernels.window_spreads(*given, *place, self.scale.coarse, out)
        else:
            kernels.window_counts(*given, *place, out)

    def _enter_and_leave(self, *window: int) -> tuple[IntArray, IntArray]:
        if window not in self.events:
            rows = self.sparse
            self.events[window] = kernels.window_events(rows.asset, rows.hour, rows.since, rows.until, *window)
        return self.events[window]

    @cached_property
    def _amounts(self) -> dict[str, IntArray]:
        """What each sparse row adds to the sums."""
        centred = self.sparse.value - self.scale.middle
        coarse = np.rint(centred * self.scale.coarse).astype(np.int64)
        return {
            "total": np.rint(centred * self.scale.fine).astype(np.int64), "rough": coarse, "squares": coarse * coarse
        }  # fmt: skip

    def _steps(self, name: str, layers: list[Layer], hours: IntArray, window: int, offset: int) -> IntArray:
        """(len(hours), assets) what these layers change from hour to hour; empty where there is none."""
        if not layers:
            return np.zeros((0, 0), np.int64)
        steps, reach = np.zeros((len(hours), self.assets), np.int64), int(hours[0]) - self.first_bin
        for layer in layers:
            width = min(window, layer.gone - offset)
            kernels.add_window_steps(getattr(layer, name), steps, layer.lag, width, offset, reach)
        return steps

    def _extreme(self, name: str, out: Float32Array, hours: IntArray, window: int, offset: int) -> None:
        sign = np.float32(1 if name == "highest" else -1)
        out[...] = -np.inf
        for layer in self.layers:
            width, reach = min(window, layer.gone - offset), int(hours[0]) - self.first_bin
            kernels.raise_window_max(getattr(layer, name), out, layer.lag, width, offset, reach, sign)
        rows, value = self.sparse, self.sparse.value.astype(np.float32) * sign
        first = int(hours[0])
        kernels.raise_sparse_max(rows.asset, rows.hour, rows.since, rows.until, value, out, first, window, offset)
        kernels.settle_max(out, sign)

    def _last(self, out: Float32Array, hours: IntArray, window: int, offset: int) -> None:
        out[...] = np.nan
        out_at = np.full(out.shape, NEVER, np.int64)
        reach = int(hours[0]) - self.first_bin
        for layer in self.layers:
            kernels.follow_last(layer.last, layer.last_at, out, out_at, layer.lag, window, offset, reach)
        rows = self.sparse
        kernels.follow_sparse_last(
            rows.asset, rows.hour, rows.since, rows.until, rows.value.astype(np.float32), rows.observed, out, out_at,
            int(hours[0]), window, offset,
        )  # fmt: skip


def _no_layer(assets: int) -> Layer:
    """Stands for the first layer where there is none: no window reaches back to its age."""
    whole, part = np.zeros((0, assets), np.int64), np.zeros((0, assets), np.float32)
    return Layer(int(FOREVER), whole, whole, whole, whole, part, part, part, whole)


def attribute_trail(rows: Rows, *, assets: int, limits: Metric) -> Trail:
    """A static metric: few rows, any age, each in force until corrected."""
    return Trail(assets, 0, Scale.of(limits), (), rows)


def newest(trail: Trail, hours: IntArray) -> Float32Array:
    """(len(hours), assets) the newest known value, however old."""
    return trail.window("last", hours=hours, window=int(FOREVER))
