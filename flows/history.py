"""A store as the feature build reads it: what is small as a whole, the readings in stretches of time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from contracts.pilot import Pilot
from contracts.results import Float32Array
from contracts.tables import Tables
from flows.instants import data_instant, first_instant
from ingest.store import NONE, Store

if TYPE_CHECKING:
    from features import Slice


@dataclass(frozen=True)
class History:
    """One version of a store. Small, so that it can be handed to a worker, which reads from the store itself.

    tables: all incidents and assets, and the readings of static metrics, which count at any age.
    """

    store: Store
    pilot: Pilot
    versions: Mapping[str, int]
    tables: Tables

    @staticmethod
    def of(folder: Path, pilot: Pilot, *, versions: Mapping[str, int] | None = None) -> History:
        """The store at these versions of its tables, by default the newest. A table without one held nothing.

        Raises:
            NotFound: the store has no such version any more.
        """
        store = Store(folder)
        versions = store.versions() if versions is None else versions
        static = [name for name, metric in pilot.metrics.items() if metric.static]
        readings = store.readings(metrics=static, version=versions.get("readings", NONE))
        incidents, assets = (store.read(table, version=versions.get(table, NONE)) for table in ("incidents", "assets"))
        return History(store, pilot, versions, Tables(readings, incidents, assets))

    def until(self) -> datetime:
        """The instant up to which the store is taken to know everything."""
        return data_instant(self._scan("known_at"), self.tables.incidents)

    def first(self, *, history_days: float, until: datetime) -> datetime:
        """When the first reading has `history_days` behind it."""
        times, incidents = self._scan("metric", "observed_at"), self.tables.incidents
        return first_instant(times, incidents, self.pilot, history_days=history_days, end=until)

    def recent(self, as_of: datetime) -> Tables:
        """What forecasts as of one instant are made from: no reading from before the longest look back but the static
        metrics', which are in it twice; that changes nothing."""
        from features import reads_from

        readings = pl.concat([self.tables.readings, self.read(reads_from(self.pilot, as_of), as_of)])
        known = [frame.filter(pl.col("known_at") <= as_of) for frame in (self.tables.incidents, self.tables.assets)]
        return Tables(readings, *known)

    def values(self, part: Slice) -> Float32Array:
        """The features of one slice of a spine."""
        from features import build_slice

        return build_slice(part, read=self.read, tables=self.tables, pilot=self.pilot).values

    def read(self, after: datetime, until: datetime) -> pl.DataFrame:
        """The readings observed in (after, until]."""
        return self.store.readings(after=after, until=until, version=self.versions.get("readings", NONE))

    def _scan(self, *columns: str) -> Iterable[pl.DataFrame]:
        return self.store.scan("readings", columns, version=self.versions.get("readings", NONE))
