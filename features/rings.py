"""One metric's readings of the last hours, as they are known at one hour that only moves on.

For one hour there are no lags and no lists of versions: a bin holds what is known now, and a row that becomes known
later is added to its bin, on time or late alike. Only a bin with two rows for one minute, perhaps two versions of one
reading, is emptied and filled again from its own rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from contracts.pilot import Metric
from contracts.results import IntArray
from features import kernels
from features.hourly import HOURLY_STATS, SERIES_STATS
from features.hours import ceil_hour
from features.kernels import NEVER
from features.readings import NO_READINGS, Layer, Scale, Trail

ROW = np.dtype([("asset", np.int64), ("observed", np.int64), ("known", np.int64), ("value", np.float64)])
RowArray = npt.NDArray[np.void]  # of ROW; asset is a code that outlives any universe
NO_ROWS = np.zeros(0, ROW)
NONE = np.zeros((0, 0), np.int64)


class Ring:
    """Bins of the `bins` hours up to `hour`, and their rows.

    Hour h is kept in slot h % bins and once more `bins` slots further on, so that the hours up to any hour lie side by
    side in their order, and moving on copies nothing.
    """

    def __init__(self, limits: Metric, *, bins: int, hour: int) -> None:
        self.limits, self.bins, self.hour = limits, bins, hour
        self._scale = Scale.of(limits)
        self._rows: dict[int, list[RowArray]] = {}
        self.seat(np.array([-1]), width=0)

    def seat(self, columns: IntArray, *, width: int) -> None:
        """Lay the bins out anew. columns: as `column_of` reads them; width: how many there are."""
        shape = 2 * self.bins, width
        self._columns, self._width = columns, width
        self._both = _empty(shape)
        self._seen = np.zeros(shape, np.uint64)
        self._crowded = np.zeros(shape, bool)
        self._touched_by = np.zeros(shape, np.int64)
        self._batch = 0
        self._series: _Series | None = None
        self._bin(_joined([part for parts in self._rows.values() for part in parts]))

    def move_to(self, hour: int) -> None:
        """Forget the hours that are now out of reach."""
        for new in range(max(self.hour + 1, hour - self.bins + 1), hour + 1):
            for half in (new % self.bins, new % self.bins + self.bins):
                for name, nothing in _EMPTY.items():
                    getattr(self._both, name)[half] = nothing
                self._seen[half] = 0
                if self._series:
                    self._series.clear(half)
        for old in range(self._first, hour - self.bins + 1):
            self._rows.pop(old, None)
        self.hour = hour

    def take(self, rows: RowArray) -> int:
        """Add rows that are known by `hour` and observed by then; return how many (asset, hour) bins they touched."""
        rows = rows[ceil_hour(rows["observed"]) > self.hour - self.bins]
        for hour, part in _by_hour(rows):
            self._rows.setdefault(hour, []).append(part)
        return self._bin(rows)

    def trail(self) -> Trail:
        start = self._first % self.bins
        layer = _cut(self._both, slice(start, start + self.bins))
        return Trail(self._width, self._first, self._scale, (layer,), NO_READINGS)

    def hourly(self) -> dict[str, Trail]:
        """By statistic, the series of each hour's own, where they are kept."""
        start = self._first % self.bins
        layers = self._series.layers(slice(start, start + self.bins)) if self._series else {}
        return {
            stat: Trail(self._width, self._first, self._scale, (layer,), NO_READINGS, SERIES_STATS)
            for stat, layer in layers.items()
        }

    def keep_hourly(self) -> None:
        """From now on keep each hour's own mean, max and spread too."""
        if self._series is None:
            self._series = _Series.empty((2 * self.bins, self._width))
            self._refresh(self._series, np.arange(self._seen.size))

    @property
    def _first(self) -> int:
        return self.hour - self.bins + 1

    def _places(self, rows: RowArray) -> IntArray:
        """Where in the flat bins each row belongs, -1 where its asset has no column."""
        column = column_of(rows, self._columns)
        return np.where(column < 0, -1, ceil_hour(rows["observed"]) % self.bins * self._width + column)

    def _bin(self, rows: RowArray) -> int:
        touched = self._add(rows, trusted=False)
        crowded = touched[self._crowded.ravel()[touched]]
        if len(crowded):
            self._crowded.ravel()[crowded] = False
            self._fill_again(crowded)
        self._mirror(touched)
        if self._series:
            self._refresh(self._series, touched)
        return len(touched)

    def _add(self, rows: RowArray, *, trusted: bool) -> IntArray:
        place = self._places(rows)
        if (place < 0).any():
            rows, place = rows[place >= 0], place[place >= 0]
        self._batch += 1
        touched = np.empty(len(place), np.int64)
        n = kernels.add_to_bins(
            place, np.ascontiguousarray(rows["observed"]), np.ascontiguousarray(rows["value"]), self._scale.middle,
            self._scale.fine, self._scale.coarse, trusted, self._seen.ravel(), self._crowded.ravel(), self._batch,
            self._touched_by.ravel(), touched, *(getattr(self._both, name).ravel() for name in _EMPTY),
        )  # fmt: skip
        return touched[:n]

    def _fill_again(self, crowded: IntArray) -> None:
        """Empty these bins, and fill them with the newest version of each of their readings."""
        for name, nothing in _EMPTY.items():
            getattr(self._both, name).ravel()[crowded] = nothing
        slots = set((crowded // self._width).tolist())
        for hour in [kept for kept in self._rows if kept % self.bins in slots]:
            rows = _joined(self._rows[hour])
            of_these = np.isin(self._places(rows), crowded)
            newest = newest_versions(rows[of_these])
            self._rows[hour] = [rows[~of_these], newest]
            self._add(newest, trusted=True)

    def _mirror(self, places: IntArray) -> None:
        for name in _EMPTY:
            flat = getattr(self._both, name).ravel()
            flat[places + self._seen.size // 2] = flat[places]

    def _refresh(self, series: _Series, places: IntArray) -> None:
        parts = [
            getattr(self._both, name).ravel()[places][None]
            for name in ("total", "rough", "squares", "count", "highest")
        ]
        made = _Series.empty((1, len(places)))
        kernels.hourly_values(
            *parts, self._scale.middle, self._scale.fine, self._scale.coarse, np.zeros((0, 0), bool), made.fixed,
            made.there, made.value,
        )  # fmt: skip
        twins = (places + self._seen.size // 2) % max(self._seen.size, 1)
        series.put(places, made)
        series.put(twins, made)


@dataclass(frozen=True)
class _Series:
    """Each hour's own statistics, as values and in fixed point, (stats, hours, assets); there: 1 for a bin with any."""

    fixed: IntArray
    there: IntArray
    value: npt.NDArray[np.float32]

    @staticmethod
    def empty(shape: tuple[int, int]) -> _Series:
        many = (len(HOURLY_STATS), *shape)
        return _Series(np.zeros(many, np.int64), np.zeros(shape, np.int64), np.full(many, -np.inf, np.float32))

    def clear(self, slot: int) -> None:
        self.fixed[:, slot], self.there[slot], self.value[:, slot] = 0, 0, -np.inf

    def put(self, places: IntArray, made: _Series) -> None:
        """Bins of `made`, one after another, into these places of the flat bins."""
        self.there.ravel()[places] = made.there[0]
        for k in range(len(HOURLY_STATS)):
            self.fixed[k].ravel()[places] = made.fixed[k, 0]
            self.value[k].ravel()[places] = made.value[k, 0]

    def layers(self, cut: slice) -> dict[str, Layer]:
        values = [self.value[k, cut] for k in range(len(HOURLY_STATS))]
        return {
            stat: Layer(0, self.fixed[k, cut], NONE, NONE, self.there[cut], values[k], values[k], values[k], NONE)
            for k, stat in enumerate(HOURLY_STATS)
        }


_EMPTY: dict[str, float] = {
    "total": 0, "rough": 0, "squares": 0, "count": 0, "highest": -np.inf, "lowest": np.inf, "last": np.nan,
    "last_at": NEVER,
}  # fmt: skip
_FLOATS = ("highest", "lowest", "last")


def column_of(rows: RowArray, columns: IntArray) -> IntArray:
    """columns: (codes + 1,) of each asset code; the last, -1, is of all codes that came later."""
    found: IntArray = columns[np.minimum(rows["asset"], len(columns) - 1)]
    return found


def newest_versions(rows: RowArray) -> RowArray:
    """Of each reading the version known last, ties to the higher value: `versions.in_force`'s last one."""
    rows = rows[np.lexsort((rows["value"], rows["known"], rows["observed"], rows["asset"]))]
    asset, observed = rows["asset"], rows["observed"]
    return rows[np.r_[(asset[1:] != asset[:-1]) | (observed[1:] != observed[:-1]), np.ones(min(len(rows), 1), bool)]]


def _empty(shape: tuple[int, int]) -> Layer:
    arrays: dict[str, Any] = {
        name: np.full(shape, nothing, np.float32 if name in _FLOATS else np.int64) for name, nothing in _EMPTY.items()
    }
    return Layer(lag=0, **arrays)


def _cut(layer: Layer, hours: slice) -> Layer:
    return Layer(lag=0, **{name: getattr(layer, name)[hours] for name in _EMPTY})


def _joined(parts: list[RowArray]) -> RowArray:
    return parts[0] if len(parts) == 1 else np.concatenate([NO_ROWS, *parts])


def _by_hour(rows: RowArray) -> Iterator[tuple[int, RowArray]]:
    hour = ceil_hour(rows["observed"])
    if len(rows) and hour.min() < hour.max():
        order = np.argsort(hour, kind="stable")
        rows, hour = rows[order], hour[order]
    starts = np.flatnonzero(np.diff(hour)) + 1
    for part in np.split(rows, starts):
        if len(part):
            yield int(ceil_hour(part["observed"][:1])[0]), part
