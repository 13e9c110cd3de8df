"""From a table of readings to one Trail a metric, in one pass over the rows.

The pass needs no join and no sort: ids become positions by look-up, instants become bins by division. Only rows in
bins where one reading may have several versions are taken out again and sorted.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl

from contracts.pilot import Metric
from contracts.results import BoolArray, IntArray
from features import kernels
from features.coded import Chunk, Coded
from features.hours import ceil_hour
from features.kernels import NEVER
from features.readings import NO_READINGS, STATS, Layer, Rows, Scale, Trail, attribute_trail
from features.versions import in_force

MAX_LAG = 255
LAYER_SHARE = 0.02  # a lag that this share of a metric's rows has gets a dense layer of its own
SAMPLE = 20_000  # rows that are looked at to find the usual lags
KEPT = ("std", "max", "min", "last")  # statistics with arrays of their own, filled only for who asks
THREADS = 2


@dataclass(frozen=True)
class Wanted:
    """One metric to bin: its limits, the assets whose readings are used, in the order of its columns, and what for."""

    limits: Metric
    assets: tuple[str, ...]
    stats: frozenset[str] = frozenset(STATS)


def build_trails(coded: Coded, wanted: Mapping[str, Wanted], *, first_bin: int, last_bin: int) -> dict[str, Trail]:
    """One Trail a metric over the bins `first_bin .. last_bin`; rows known only after `last_bin` are left out."""
    moving = {name: want for name, want in wanted.items() if not want.limits.static}
    trails = {
        name: attribute_trail(_attribute(coded, name, want), assets=len(want.assets), limits=want.limits)
        for name, want in wanted.items()
        if want.limits.static
    }
    if len(coded):
        return trails | (_Pass(coded, moving, first_bin, last_bin - first_bin + 1).trails() if moving else {})
    return trails | {
        name: Trail(len(want.assets), first_bin, Scale.of(want.limits), (), NO_READINGS, want.stats)
        for name, want in moving.items()
    }


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
        self.kept = np.array([[stat in want.stats for stat in KEPT] for want in wanted.values()])
        self.sample = _sample(coded)
        layer_of, self.layers = self._usual_lags()
        sizes = self.widths * bins
        self.seen_start = np.concatenate([[0], np.cumsum(sizes)])
        self.layer_start = np.concatenate([[0], np.cumsum([sizes[m] for m, _ in self.layers])]).astype(np.int64)
        self.starts = np.where(layer_of < 0, -1, self.layer_start[layer_of])[self.metric_of]

    def _usual_lags(self) -> tuple[IntArray, list[tuple[int, int]]]:
        """(metrics, lags) -> layer or -1, and each layer's (metric, lag). Any choice gives the same features."""
        looked_at = self.sample
        metric = self.metric_of[looked_at.metric]
        lag = np.clip(ceil_hour(looked_at.known) - ceil_hour(looked_at.observed), 0, MAX_LAG)
        layer_of = np.full((len(self.names), MAX_LAG + 1), -1, np.int64)
        layers: list[tuple[int, int]] = []
        for m in range(len(self.names)):
            counts = np.bincount(lag[metric == m], minlength=MAX_LAG + 1)[:MAX_LAG]
            for usual in np.flatnonzero(counts > LAYER_SHARE * max(counts.sum(), 1)):
                layer_of[m, usual] = len(layers)
                layers.append((m, int(usual)))
        return layer_of, layers

    def trails(self) -> dict[str, Trail]:
        # large blocks without layers of their own come in large pages, and only what is filled costs memory
        dense, size = _Dense.unfilled(int(self.layer_start[-1])), int(self.seen_start[-1])
        seen, crowded = np.zeros(size, np.uint64), np.zeros(size, bool)
        cuts = self._shares()
        with ThreadPoolExecutor(THREADS) as pool:
            parts = [pool.submit(self._bin, start, stop, dense, seen, crowded) for start, stop in pairwise(cuts)]
            sparse = np.sort(np.concatenate([part.result() for part in parts]))
            if crowded.any():
                sparse = self._take_out(dense, crowded, sparse)
            build = partial(self._trail, dense, self.coded.take(sparse))
            return dict(zip(self.names, pool.map(build, range(len(self.names))), strict=True))

    def _shares(self) -> list[int]:
        """Bins at which the threads' shares begin and end: each about as many rows, and no bin that two write to."""
        seen_bins = np.clip(ceil_hour(self.sample.observed) - self.first_bin, 0, self.bins)
        inner = np.quantile(seen_bins, np.arange(1, THREADS) / THREADS) if len(seen_bins) else np.zeros(THREADS - 1)
        return [0, *inner.astype(int).tolist(), self.bins]

    def _bin(self, start: int, stop: int, dense: _Dense, seen: npt.NDArray[np.uint64], crowded: BoolArray) -> IntArray:
        for layer, (m, _) in enumerate(self.layers):  # only what somebody will ask for
            first, width = self.layer_start[layer], self.widths[m]
            dense.clear(slice(first + start * width, first + stop * width), only=self.kept[m])
        meaning = (
            self._by_code(), self.asset_of, self.starts, self.first_bin, self.bins, seen, crowded,
            *vars(dense).values(),
        )  # fmt: skip
        sparse, found = np.empty(len(self.coded), np.int64), 0
        for chunk, first_row in zip(self.coded.chunks, self.coded.starts, strict=False):
            found = kernels.bin_rows(first_row, *vars(chunk).values(), start, stop, *meaning, sparse, found)
        return sparse[:found].copy()

    def _by_code(self) -> npt.NDArray[np.void]:
        """(metric codes,) of BINNED. A code that nobody wants has whatever the last metric has."""
        known = np.zeros(len(self.names), kernels.BINNED)
        limits = [want.limits for want in self.wanted.values()]
        known["low"], known["high"] = [x.low for x in limits], [x.high for x in limits]
        for name in ("middle", "fine", "coarse"):
            known[name] = [getattr(scale, name) for scale in self.scales]
        known["spread"], known["highest"], known["lowest"], known["last"] = self.kept.T
        known["universe"], known["width"], known["seen"] = self.universe, self.widths, self.seen_start[:-1]
        by_code = known[self.metric_of]
        by_code["wanted"], by_code["start"] = self.metric_of >= 0, self.starts[:, 0]
        return by_code

    def _take_out(self, dense: _Dense, crowded: BoolArray, sparse: IntArray) -> IntArray:
        """Empty the crowded bins in every layer, and let all their rows be sparse."""
        for layer, (m, _) in enumerate(self.layers):
            start, size = self.layer_start[layer], self.widths[m] * self.bins
            places = start + np.flatnonzero(crowded[self.seen_start[m] : self.seen_start[m] + size])
            dense.clear(places, only=self.kept[m])
        return np.union1d(sparse, self._rows_in(crowded))

    def _rows_in(self, crowded: BoolArray) -> IntArray:
        """Row numbers of all usable rows in crowded bins."""
        found = []
        for m, (name, want) in enumerate(self.wanted.items()):
            rows = _of_metric(self.coded, name, want)
            of_rows = self.coded.take(rows)
            hour = ceil_hour(of_rows.observed) - self.first_bin
            inside = (hour >= 0) & (hour < self.bins)
            rows, hour = rows[inside], hour[inside]
            asset = self.asset_of[self.universe[m]][of_rows.asset[inside]]
            found.append(rows[crowded[self.seen_start[m] + hour * self.widths[m] + asset]])
        return np.concatenate(found)

    def _trail(self, dense: _Dense, sparse: Chunk, m: int) -> Trail:
        want, width = self.wanted[self.names[m]], int(self.widths[m])
        layers = []
        for layer, (of_metric, lag) in enumerate(self.layers):
            if of_metric == m:
                start = int(self.layer_start[layer])
                arrays = (
                    flat[start : start + width * self.bins].reshape(self.bins, width) for flat in vars(dense).values()
                )
                layers.append(Layer(lag, *arrays))
        mine = sparse.take(np.flatnonzero(self.metric_of[sparse.metric] == m))
        rows = _in_force(mine, self.asset_of[self.universe[m]])
        return Trail(width, self.first_bin, self.scales[m], tuple(layers), rows, want.stats)


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
    def unfilled(size: int) -> _Dense:
        """Sums are 0; the others hold anything until they are cleared."""
        return _Dense(
            total=np.zeros(size, np.int64),
            rough=np.zeros(size, np.int64),
            squares=np.zeros(size, np.int64),
            count=np.zeros(size, np.int64),
            highest=np.empty(size, np.float32),
            lowest=np.empty(size, np.float32),
            last=np.empty(size, np.float32),
            last_at=np.empty(size, np.int64),
        )

    def clear(self, places: IntArray | slice, *, only: BoolArray) -> None:
        """Nothing is in these places. `only`: which of KEPT are in use."""
        if not isinstance(places, slice):
            for sums in (self.total, self.rough, self.squares, self.count):
                sums[places] = 0
        _, highest, lowest, last = only
        if highest:
            self.highest[places] = -np.inf
        if lowest:
            self.lowest[places] = np.inf
        if last:
            self.last[places], self.last_at[places] = np.nan, NEVER


def _positions(ids: tuple[str, ...], wanted: tuple[str, ...]) -> IntArray:
    """(len(ids),) where each id stands in `wanted`, -1 where it does not. One more -1 at the end, for an empty list."""
    place = {name: i for i, name in enumerate(wanted)}
    return np.array([*(place.get(name, -1) for name in ids), -1], np.int64)


def _sample(coded: Coded) -> Chunk:
    # drawn, not every n-th: rows come in a rhythm (metric by metric), and a stride in step with it misses some
    n = len(coded)
    return coded.take(np.sort(np.random.default_rng(0).integers(0, n, SAMPLE)) if n > SAMPLE else np.arange(n))


def _of_metric(coded: Coded, name: str, want: Wanted) -> IntArray:
    """Row numbers of one metric's usable rows: a wanted asset, and a value that is a number within limits."""
    of_metric, of_asset = _positions(coded.metrics, (name,)), _positions(coded.assets, want.assets)
    found = [np.zeros(0, np.int64)]
    for chunk, start in zip(coded.chunks, coded.starts, strict=False):
        with np.errstate(invalid="ignore"):
            usable = (chunk.value >= want.limits.low) & (chunk.value <= want.limits.high)
        rows = np.flatnonzero(usable & (of_metric[chunk.metric] == 0))
        found.append(start + rows[of_asset[chunk.asset[rows]] >= 0])
    return np.concatenate(found)


def _attribute(coded: Coded, name: str, want: Wanted) -> Rows:
    return _in_force(coded.take(_of_metric(coded, name, want)), _positions(coded.assets, want.assets))


def _in_force(rows: Chunk, asset_of: IntArray) -> Rows:
    """Each reading's versions with the hours in which they are in force."""
    frame = pl.DataFrame(
        {"asset": asset_of[rows.asset], "hour": ceil_hour(rows.observed), "observed": rows.observed,
         "value": rows.value, "known_us": rows.known}
    )  # fmt: skip
    # hour by hour: what rows of one hour change in a window then lies side by side
    chosen = in_force(frame, key=["asset", "observed"], content=["value"]).sort("hour", "asset", maintain_order=True)
    return Rows(*(chosen[name].to_numpy() for name in ("asset", "hour", "observed", "value", "since", "until")))
