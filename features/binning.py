"""From a table of readings to one Trail a metric, in one pass over the rows.

The pass needs no join and no sort: ids become positions by look-up, instants become bins by division. Only rows in
bins where one reading may have several versions are taken out again and sorted.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from contracts.pilot import Metric
from contracts.results import BoolArray, IntArray
from features import kernels
from features.hours import ceil_hour
from features.kernels import NEVER
from features.readings import Layer, Rows, Scale, Trail, attribute_trail
from features.versions import in_force

MAX_LAG = 255
LAYER_SHARE = 0.02  # a lag that this share of a metric's rows has gets a dense layer of its own
SAMPLE = 20_000  # rows that are looked at to find the usual lags
THREADS = 2
Int32Array = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Coded:
    """Readings as numbers: positions of metric and asset, instants in µs. All (n,)."""

    metric: npt.NDArray[np.uint32]
    asset: npt.NDArray[np.uint32]
    observed: IntArray
    known: IntArray
    value: npt.NDArray[np.float64]
    metrics: tuple[str, ...]
    assets: tuple[str, ...]


@dataclass(frozen=True)
class Wanted:
    """One metric to bin: its limits, and the assets whose readings of it are used, in the order of its columns."""

    limits: Metric
    assets: tuple[str, ...]


def code(readings: pl.DataFrame) -> Coded:
    """Ids as positions in their dictionaries; columns that are enumerations already are taken as they are."""
    metric, asset = _enumerated(readings["metric"]), _enumerated(readings["asset_id"])
    return Coded(
        metric=metric.to_physical().cast(pl.UInt32).to_numpy(),
        asset=asset.to_physical().cast(pl.UInt32).to_numpy(),
        observed=readings["observed_at"].to_physical().to_numpy(),
        known=readings["known_at"].to_physical().to_numpy(),
        value=readings["value"].to_numpy(),
        metrics=_categories(metric),
        assets=_categories(asset),
    )


def _enumerated(ids: pl.Series) -> pl.Series:
    return ids if isinstance(ids.dtype, pl.Enum) else ids.cast(pl.Enum(ids.unique().cast(pl.String).sort()))


def _categories(ids: pl.Series) -> tuple[str, ...]:
    return tuple(ids.dtype.categories) if isinstance(ids.dtype, pl.Enum) else ()


def build_trails(coded: Coded, wanted: Mapping[str, Wanted], *, first_bin: int, last_bin: int) -> dict[str, Trail]:
    """One Trail a metric over the bins `first_bin .. last_bin`; rows known only after `last_bin` are left out."""
    moving = {name: want for name, want in wanted.items() if not want.limits.static}
    trails = {
        name: attribute_trail(_in_force(_rows(coded, _of_metric(coded, name, want), want)), assets=len(want.assets),
                              limits=want.limits)
        for name, want in wanted.items() if want.limits.static
    }  # fmt: skip
    return trails | (_Pass(coded, moving, first_bin, last_bin - first_bin + 1).trails() if moving else {})


class _Pass:
    """One pass over all rows for all moving metrics. Bins of all layers lie one after another in flat arrays."""

    def __init__(self, coded: Coded, wanted: Mapping[str, Wanted], first_bin: int, bins: int) -> None:
        self.coded, self.wanted, self.first_bin, self.bins = coded, wanted, first_bin, bins
        self.names = list(wanted)
        self.widths = np.array([len(want.assets) for want in wanted.values()], np.int64)
        self.scales = [Scale.of(want.limits) for want in wanted.values()]
        self.metric_of = _positions(coded.metrics, tuple(self.names))
        universes = list(dict.fromkeys(want.assets for want in wanted.values()))
        self.universe = np.array([universes.index(want.assets) for want in wanted.values()], np.int64)
        self.asset_of = np.stack([_positions(coded.assets, assets) for assets in universes])
        self.layer_of, self.layers = self._usual_lags()
        sizes = self.widths * bins
        self.seen_start = np.concatenate([[0], np.cumsum(sizes)])
        self.layer_start = np.concatenate([[0], np.cumsum([sizes[m] for m, _ in self.layers])]).astype(np.int64)

    def _usual_lags(self) -> tuple[IntArray, list[tuple[int, int]]]:
        """(metrics, lags) -> layer or -1, and each layer's (metric, lag). Any choice gives the same features."""
        n = len(self.coded.value)
        # drawn, not every n-th: rows come in a rhythm (metric by metric), and a stride in step with it misses some
        looked_at = np.random.default_rng(0).integers(0, n, SAMPLE) if n > SAMPLE else np.arange(n)
        metric = self.metric_of[self.coded.metric[looked_at]]
        lag = ceil_hour(self.coded.known[looked_at]) - ceil_hour(self.coded.observed[looked_at])
        lag = np.clip(lag, 0, MAX_LAG)
        layer_of = np.full((len(self.names), MAX_LAG + 1), -1, np.int64)
        layers: list[tuple[int, int]] = []
        for m in range(len(self.names)):
            counts = np.bincount(lag[metric == m], minlength=MAX_LAG + 1)[:MAX_LAG]
            for usual in np.flatnonzero(counts > LAYER_SHARE * max(counts.sum(), 1)):
                layer_of[m, usual] = len(layers)
                layers.append((m, int(usual)))
        return layer_of, layers

    def trails(self) -> dict[str, Trail]:
        dense, size = _Dense.empty(int(self.layer_start[-1])), int(self.seen_start[-1])
        seen, crowded = np.zeros(size, np.uint64), np.zeros(size, bool)
        with ThreadPoolExecutor(THREADS) as pool:
            parts = [pool.submit(self._bin, part, dense, seen, crowded) for part in range(THREADS)]
            sparse = np.sort(np.concatenate([part.result() for part in parts]))
        if crowded.any():
            sparse = self._take_out(dense, crowded, sparse)
        return {name: self._trail(m, name, dense, sparse) for m, name in enumerate(self.names)}

    def _bin(self, part: int, dense: _Dense, seen: npt.NDArray[np.uint64], crowded: BoolArray) -> IntArray:
        coded, limits = self.coded, [want.limits for want in self.wanted.values()]
        sparse = np.empty(len(coded.value), np.int64)
        found = kernels.bin_rows(
            part, THREADS, coded.metric, coded.asset, coded.observed, coded.known, coded.value, self.metric_of,
            self.asset_of, self.universe, self.widths, np.array([x.low for x in limits]),
            np.array([x.high for x in limits]), np.array([s.middle for s in self.scales]),
            np.array([s.fine for s in self.scales]), np.array([s.coarse for s in self.scales]), self.layer_of,
            self.layer_start, self.seen_start, self.first_bin, self.bins, seen, crowded, *vars(dense).values(), sparse,
        )  # fmt: skip
        return sparse[:found].copy()

    def _take_out(self, dense: _Dense, crowded: BoolArray, sparse: IntArray) -> IntArray:
        """Empty the crowded bins in every layer, and let all their rows be sparse."""
        for layer, (m, _) in enumerate(self.layers):
            start, size = self.layer_start[layer], self.widths[m] * self.bins
            dense.clear(start + np.flatnonzero(crowded[self.seen_start[m] : self.seen_start[m] + size]))
        return np.union1d(sparse, self._rows_in(crowded))

    def _rows_in(self, crowded: BoolArray) -> IntArray:
        """Row numbers of all usable rows in crowded bins."""
        found = []
        for m, (name, want) in enumerate(self.wanted.items()):
            rows = _of_metric(self.coded, name, want)
            hour = ceil_hour(self.coded.observed[rows]) - self.first_bin
            inside = (hour >= 0) & (hour < self.bins)
            rows, hour = rows[inside], hour[inside]
            asset = self.asset_of[self.universe[m]][self.coded.asset[rows]]
            found.append(rows[crowded[self.seen_start[m] + hour * self.widths[m] + asset]])
        return np.concatenate(found)

    def _trail(self, m: int, name: str, dense: _Dense, sparse: IntArray) -> Trail:
        want, width = self.wanted[name], int(self.widths[m])
        layers = []
        for layer, (of_metric, lag) in enumerate(self.layers):
            if of_metric == m:
                start = int(self.layer_start[layer])
                arrays = (
                    flat[start : start + width * self.bins].reshape(self.bins, width) for flat in vars(dense).values()
                )
                layers.append(Layer(lag, *arrays))
        mine = sparse[self.metric_of[self.coded.metric[sparse]] == m]
        rows = _in_force(_rows(self.coded, mine, want))
        return Trail(width, self.first_bin, self.scales[m], tuple(layers), rows)


@dataclass(frozen=True)
class _Dense:
    """The flat arrays behind all layers, in the order of Layer's fields."""

    total: IntArray
    rough: IntArray
    squares: IntArray
    count: IntArray
    highest: npt.NDArray[np.float32]
    lowest: npt.NDArray[np.float32]
    last: npt.NDArray[np.float32]
    last_at: IntArray

    @staticmethod
    def empty(size: int) -> _Dense:
        return _Dense(
            total=np.zeros(size, np.int64),
            rough=np.zeros(size, np.int64),
            squares=np.zeros(size, np.int64),
            count=np.zeros(size, np.int64),
            highest=np.full(size, -np.inf, np.float32),
            lowest=np.full(size, np.inf, np.float32),
            last=np.full(size, np.nan, np.float32),
            last_at=np.full(size, NEVER, np.int64),
        )

    def clear(self, places: IntArray) -> None:
        nothing = _Dense.empty(1)
        for name, flat in vars(self).items():
            flat[places] = getattr(nothing, name)[0]


def _positions(ids: tuple[str, ...], wanted: tuple[str, ...]) -> IntArray:
    """(len(ids),) where each id stands in `wanted`, -1 where it does not. One more -1 at the end, for an empty list."""
    place = {name: i for i, name in enumerate(wanted)}
    return np.array([*(place.get(name, -1) for name in ids), -1], np.int64)


def _of_metric(coded: Coded, name: str, want: Wanted) -> IntArray:
    """Row numbers of one metric's usable rows: a wanted asset, and a value that is a number within limits."""
    metric = _positions(coded.metrics, (name,))[coded.metric] == 0
    with np.errstate(invalid="ignore"):
        usable = metric & (coded.value >= want.limits.low) & (coded.value <= want.limits.high)
    rows = np.flatnonzero(usable)
    return rows[_positions(coded.assets, want.assets)[coded.asset[rows]] >= 0]


def _rows(coded: Coded, rows: IntArray, want: Wanted) -> pl.DataFrame:
    asset = _positions(coded.assets, want.assets)[coded.asset[rows]]
    observed = coded.observed[rows]
    return pl.DataFrame(
        {"asset": asset, "hour": ceil_hour(observed), "observed": observed, "value": coded.value[rows],
         "known_us": coded.known[rows]}
    )  # fmt: skip


def _in_force(frame: pl.DataFrame) -> Rows:
    """Each reading's versions with the hours in which they are in force."""
    if frame.is_empty():
        nothing = np.zeros(0, np.int64)
        return Rows(nothing, nothing, nothing, np.zeros(0), nothing, nothing)
    chosen = in_force(frame, key=["asset", "observed"], content=["value"])
    return Rows(*(chosen[name].to_numpy() for name in ("asset", "hour", "observed", "value", "since", "until")))
