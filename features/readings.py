"""Readings as dense hourly bins plus the few rows that do not fit them, and trailing statistics over both.

A reading counts at `as_of` T when it was observed in the window and known by T. Most rows of a metric become known
after one or two typical delays (lags, in hours): those fill dense (asset, hour) layers, one a lag, where a window is a
difference of running sums. The others (late rows, and every version of a corrected reading) are kept as a short list
with the hours `since <= T < until` in which they are in force. Both parts only ever add to a window, so nothing has to
be taken back, and the result is exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from contracts.pilot import Metric
from contracts.results import Float32Array, FloatArray, IntArray
from features import kernels
from features.hours import FOREVER, HOUR_US, ceil_hour
from features.versions import at_assets, in_force

STATS = ("mean", "max", "min", "std", "last", "count")
MAX_LAG = 255
LAYER_SHARE = 0.02  # a lag that this share of a metric's rows has gets a dense layer of its own
FINE_BITS, COARSE_BITS = 40, 21  # of a metric's range: for sums, and for sums of squares
NEVER = np.iinfo(np.int64).min


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
            (metric.high + metric.low) / 2,
            2.0 ** np.floor(FINE_BITS - np.log2(half)),
            2.0 ** np.floor(COARSE_BITS - np.log2(half)),
        )


@dataclass(frozen=True)
class Layer:
    """Bins of the rows with one lag. Arrays are (assets, hours)."""

    lag: int
    total: IntArray  # fine
    coarse: IntArray
    squares: IntArray  # of coarse
    count: IntArray
    high: Float32Array
    low: Float32Array
    last: Float32Array
    last_at: IntArray

    @staticmethod
    def empty(lag: int, shape: tuple[int, int]) -> Layer:
        return Layer(
            lag=lag,
            total=np.zeros(shape, np.int64),
            coarse=np.zeros(shape, np.int64),
            squares=np.zeros(shape, np.int64),
            count=np.zeros(shape, np.int64),
            high=np.full(shape, -np.inf, np.float32),
            low=np.full(shape, np.inf, np.float32),
            last=np.full(shape, np.nan, np.float32),
            last_at=np.full(shape, NEVER, np.int64),
        )


@dataclass(frozen=True)
class Rows:
    """Readings of one metric, column by column, all (n,)."""

    asset: IntArray
    hour: IntArray
    observed: IntArray  # µs
    known: IntArray  # µs
    value: FloatArray
    since: IntArray  # hour
    until: IntArray  # hour

    def __len__(self) -> int:
        return len(self.asset)

    def where(self, keep: npt.NDArray[np.bool_]) -> Rows:
        return Rows(*(column[keep] for column in vars(self).values()))

    def lag(self) -> IntArray:
        hours: IntArray = np.maximum(self.since - self.hour, 0)
        return hours


@dataclass(frozen=True)
class Trail:
    """One metric's readings over the bins `first_bin ..`, ready for trailing statistics."""

    assets: int
    first_bin: int
    scale: Scale
    layers: tuple[Layer, ...]
    sparse: Rows

    def window(self, stat: str, *, hours: IntArray, window: int, offset: int = 0) -> Float32Array:
        """(assets, len(hours)) of `stat` over (T - offset - window, T - offset], for consecutive hours T.

        NaN where the window holds no reading that was known by T. `std` is the population standard deviation.
        """
        sums = {"mean": ("total", "count"), "std": ("coarse", "count", "squares"), "count": ("count",)}
        if stat in sums:
            parts = {name: self._sums(name, hours, window, offset) for name in sums[stat]}
            return _statistic(stat, parts, self.scale)
        if stat == "last":
            return self._last(hours, window, offset)
        sign = 1.0 if stat == "max" else -1.0
        return self._extreme(sign, hours, window, offset)

    def _sums(self, name: str, hours: IntArray, window: int, offset: int) -> IntArray:
        out = np.zeros((self.assets, len(hours)), np.int64)
        reach = int(hours[0]) - self.first_bin
        for layer in self.layers:
            kernels.add_window_sums(getattr(layer, name), out, layer.lag, window, offset, reach)
        rows = self.sparse
        fixed, coarse = _fixed(rows.value, self.scale)
        amount = {"total": fixed, "coarse": coarse, "count": np.ones_like(fixed), "squares": coarse * coarse}[name]
        kernels.add_sparse_sums(
            rows.asset, rows.hour, rows.since, rows.until, amount, out, int(hours[0]), window, offset
        )
        return out

    def _extreme(self, sign: float, hours: IntArray, window: int, offset: int) -> Float32Array:
        out = np.full((self.assets, len(hours)), -np.inf, np.float32)
        reach = int(hours[0]) - self.first_bin
        for layer in self.layers:
            bins = layer.high if sign > 0 else -layer.low
            kernels.raise_window_max(bins, out, layer.lag, window, offset, reach)
        rows = self.sparse
        value = (sign * rows.value).astype(np.float32)
        kernels.raise_sparse_max(
            rows.asset, rows.hour, rows.since, rows.until, value, out, int(hours[0]), window, offset
        )
        out[np.isneginf(out)] = np.nan
        return out * np.float32(sign)

    def _last(self, hours: IntArray, window: int, offset: int) -> Float32Array:
        out = np.full((self.assets, len(hours)), np.nan, np.float32)
        out_at = np.full(out.shape, NEVER, np.int64)
        reach = int(hours[0]) - self.first_bin
        for layer in self.layers:
            kernels.follow_last(layer.last, layer.last_at, out, out_at, layer.lag, window, offset, reach)
        rows = self.sparse
        value = rows.value.astype(np.float32)
        kernels.follow_sparse_last(
            rows.asset, rows.hour, rows.since, rows.until, value, rows.observed, out, out_at, int(hours[0]), window,
            offset,
        )  # fmt: skip
        return out


def _statistic(stat: str, parts: Mapping[str, IntArray], scale: Scale) -> Float32Array:
    n = parts["count"].astype(np.float64)
    if stat == "count":
        return n.astype(np.float32)
    n[n == 0] = np.nan
    if stat == "mean":
        mean: Float32Array = (parts["total"] / n / scale.fine + scale.middle).astype(np.float32)
        return mean
    variance = np.maximum(parts["squares"] / n - (parts["coarse"] / n) ** 2, 0.0)
    spread: Float32Array = (np.sqrt(variance) / scale.coarse).astype(np.float32)
    return spread


def _fixed(value: FloatArray, scale: Scale) -> tuple[IntArray, IntArray]:
    centred = value - scale.middle
    return np.rint(centred * scale.fine).astype(np.int64), np.rint(centred * scale.coarse).astype(np.int64)


def read_rows(readings: pl.DataFrame, *, assets: tuple[str, ...], metric: str, limits: Metric) -> Rows:
    """One metric's readings of these assets. Values that are not finite or outside the metric's limits are missing."""
    of_metric = readings.filter(pl.col("metric") == metric)
    usable = pl.col("value").is_finite() & pl.col("value").is_between(limits.low, limits.high)
    kept = at_assets(of_metric.filter(usable), assets)
    observed = kept["observed_at"].dt.timestamp("us").to_numpy()
    known = kept["known_at"].dt.timestamp("us").to_numpy()
    return Rows(
        kept["asset"].to_numpy(),
        ceil_hour(observed),
        observed,
        known,
        kept["value"].to_numpy(),
        ceil_hour(known),
        np.full(len(kept), FOREVER),
    )


def build_trail(rows: Rows, *, assets: int, first_bin: int, last_bin: int, limits: Metric) -> Trail:
    """Sort rows into dense layers and the sparse rest. Bins run from `first_bin` to `last_bin`, both included."""
    rows = rows.where((rows.hour >= first_bin) & (rows.hour <= last_bin) & (rows.since <= last_bin))
    shape = (assets, last_bin - first_bin + 1)
    crowded, lag_counts = _survey(rows, shape, first_bin)
    versioned = crowded[rows.asset, rows.hour - first_bin]
    lag = rows.lag()
    dense_lags = np.flatnonzero(lag_counts[:-1] > LAYER_SHARE * max(len(rows), 1))
    dense = ~versioned & np.isin(lag, dense_lags)
    scale = Scale.of(limits)
    layers = tuple(_layer(rows.where(dense & (lag == one)), int(one), shape, first_bin, scale) for one in dense_lags)
    return Trail(
        assets, first_bin, scale, layers, _concat(rows.where(~dense & ~versioned), _versions(rows.where(versioned)))
    )


def build_attribute(rows: Rows, *, assets: int, limits: Metric) -> Trail:
    """A static metric: few rows, any age, all of them versions."""
    return Trail(assets, 0, Scale.of(limits), (), _versions(rows))


def _survey(rows: Rows, shape: tuple[int, int], first_bin: int) -> tuple[npt.NDArray[np.bool_], IntArray]:
    seen, crowded = np.zeros(shape, np.uint64), np.zeros(shape, bool)
    lag_counts = np.zeros((1, MAX_LAG + 1), np.int64)
    minute = (rows.observed % HOUR_US) // 60_000_000
    kernels.survey_rows(
        rows.asset, rows.hour, minute, rows.lag(), np.zeros_like(rows.asset), first_bin, seen, crowded, lag_counts
    )
    return crowded, lag_counts[0]


def _layer(rows: Rows, lag: int, shape: tuple[int, int], first_bin: int, scale: Scale) -> Layer:
    layer = Layer.empty(lag, shape)
    fixed, coarse = _fixed(rows.value, scale)
    arrays = list(vars(layer).values())[1:]
    kernels.fill_bins(
        rows.asset, rows.hour, fixed, coarse, rows.value.astype(np.float32), rows.observed, first_bin, *arrays
    )
    return layer


def _versions(rows: Rows) -> Rows:
    """The rows in bins where one reading may have several versions, with the hours each is in force."""
    frame = pl.DataFrame({**vars(rows), "known_us": rows.known}).drop("since", "until")
    chosen = in_force(frame, key=["asset", "observed"], content=["value"])
    return Rows(*(chosen[name].to_numpy() for name in vars(rows)))


def _concat(*parts: Rows) -> Rows:
    return Rows(*(np.concatenate(columns) for columns in zip(*(vars(p).values() for p in parts), strict=True)))
