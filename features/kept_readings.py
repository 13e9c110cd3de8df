"""All metrics' readings as they are known at one hour that only moves on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import polars as pl

from contracts.pilot import Metric, Pilot
from contracts.results import IntArray
from features.coded import Chunk, Coded, code
from features.hours import FOREVER, ceil_hour
from features.readings import Rows, Trail, attribute_trail
from features.rings import NO_ROWS, ROW, Ring, RowArray, column_of, newest_versions
from features.universe import Universe


class KeptReadings:
    """A ring for each moving metric, a short list for each static one, and the rows whose time has not come."""

    def __init__(self, pilot: Pilot, *, reach_hours: int, hour: int) -> None:
        bins = reach_hours + 1
        self._limits = pilot.metrics
        self._kept: dict[str, Ring | Attribute] = {
            name: (Attribute if metric.static else Ring)(metric, bins=bins, hour=hour)
            for name, metric in pilot.metrics.items()
        }
        self._waiting = dict.fromkeys(pilot.metrics, NO_ROWS)
        self._codes: dict[str, int] = {}

    def seat(self, universe: Universe) -> None:
        """Lay everything out anew for these assets."""
        for name, kept in self._kept.items():
            lent_by = universe.lent_by[name]
            column = {self._code(asset): i for i, asset in enumerate(lent_by)}
            columns = np.array([*(column.get(code, -1) for code in self._codes.values()), -1], np.int64)
            kept.seat(columns, width=len(lent_by))

    def coded(self, readings: pl.DataFrame) -> dict[str, RowArray]:
        """Usable rows by metric: a value that is a number within limits. New assets get a code."""
        coded = code(readings)
        codes = np.array([*(self._code(asset) for asset in coded.assets), -1], np.int64)
        return {name: _usable(coded, name, limits, codes) for name, limits in self._limits.items()}

    def advance(self, rows: Mapping[str, RowArray], *, hour: int) -> int:
        """Move on to `hour` and add what is known by then; return how many (metric, asset, hour) bins that touched."""
        touched = 0
        for name, kept in self._kept.items():
            kept.move_to(hour)
            at_hand = np.concatenate([self._waiting[name], rows[name]])
            counts_from = np.maximum(ceil_hour(at_hand["known"]), ceil_hour(at_hand["observed"]))
            touched += kept.take(at_hand[counts_from <= hour])
            self._waiting[name] = at_hand[counts_from > hour]
        return touched

    def trails(self) -> dict[str, Trail]:
        return {name: kept.trail() for name, kept in self._kept.items()}

    def hourly(self) -> dict[str, Mapping[str, Trail]]:
        """By metric and statistic, as a view keeps them."""
        return {name: trails for name, ring in self._rings.items() if (trails := ring.hourly())}

    def keep_hourly(self, metrics: Iterable[str]) -> None:
        """From now on keep each hour's own statistics of these, where they move."""
        for name in self._rings.keys() & metrics:
            self._rings[name].keep_hourly()

    def _code(self, asset: str) -> int:
        return self._codes.setdefault(asset, len(self._codes))

    @property
    def _rings(self) -> dict[str, Ring]:
        return {name: kept for name, kept in self._kept.items() if isinstance(kept, Ring)}


class Attribute:
    """A static metric: each asset's newest reading, however old, and those of the last `bins` hours."""

    def __init__(self, limits: Metric, *, bins: int, hour: int) -> None:
        self._limits, self._bins, self._hour = limits, bins, hour
        self._rows = NO_ROWS
        self.seat(np.array([-1]), width=0)

    def seat(self, columns: IntArray, *, width: int) -> None:
        self._columns, self._width = columns, width
        self._trail = self._laid_out()

    def move_to(self, hour: int) -> None:
        self._hour = hour

    def take(self, rows: RowArray) -> int:
        """Add rows that are known and observed by now; return how many. Older ones that nobody can ask for go."""
        if not len(rows):
            return 0
        newest = newest_versions(np.concatenate([self._rows, rows]))
        last_of_asset = np.r_[newest["asset"][1:] != newest["asset"][:-1], True]
        self._rows = newest[last_of_asset | (ceil_hour(newest["observed"]) > self._hour - self._bins)]
        self._trail = self._laid_out()
        return len(rows)

    def trail(self) -> Trail:
        return self._trail

    def _laid_out(self) -> Trail:
        column = column_of(self._rows, self._columns)
        rows, column = self._rows[column >= 0], column[column >= 0]
        hour, known = ceil_hour(rows["observed"]), ceil_hour(rows["known"])
        forever = np.full(len(rows), FOREVER)
        kept = Rows(column, hour, rows["observed"].copy(), rows["value"].copy(), known, forever)
        return attribute_trail(kept, assets=self._width, limits=self._limits)


def _usable(coded: Coded, name: str, limits: Metric, codes: IntArray) -> RowArray:
    if name not in coded.metrics:
        return NO_ROWS
    number = coded.metrics.index(name)
    parts = [_usable_of(chunk, number, limits, codes) for chunk in coded.chunks]
    return parts[0] if len(parts) == 1 else np.concatenate([NO_ROWS, *parts])


def _usable_of(chunk: Chunk, number: int, limits: Metric, codes: IntArray) -> RowArray:
    mine = np.flatnonzero(chunk.metric == number)
    value = chunk.value[mine]
    inside = (value >= limits.low) & (value <= limits.high)
    if not inside.all():
        mine, value = mine[inside], value[inside]
    rows = np.empty(len(mine), ROW)
    rows["asset"], rows["value"] = codes[chunk.asset[mine]], value
    rows["observed"], rows["known"] = chunk.observed[mine], chunk.known[mine]
    return rows
