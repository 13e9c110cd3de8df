"""Which rows to build. Training, backtests, hourly scoring and a live request differ only here."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl

from contracts.errors import ForesafeError, NotEnoughData
from contracts.pilot import Pilot
from contracts.results import IntArray, Spine
from contracts.tables import Tables
from features.hours import ceil_hour, hour_of, to_instants


def training_spine(tables: Tables, pilot: Pilot, *, first: datetime, last: datetime, every_hours: int) -> Spine:
    """Every scored asset at every `every_hours`-th UTC hour in [first, last], from when the asset was first known.

    Raises:
        NotEnoughData: no such hour, or no scored asset known by then.
        ForesafeError: `every_hours` below 1, or an instant without a zone.
    """
    if every_hours < 1:
        raise ForesafeError(f"every_hours {every_hours}", where="training spine", allowed="1 or more")
    start, stop = hour_of(first), hour_of(last)
    hours = np.arange(-(-start // every_hours) * every_hours, stop + 1, every_hours, dtype=np.int64)
    return _spine(tables, pilot, hours)


def scoring_spine(tables: Tables, pilot: Pilot, *, as_of: datetime) -> Spine:
    """Every scored asset that is known, at the last cadence hour at or before `as_of`."""
    return _spine(tables, pilot, np.array([cadence_hour(pilot, as_of)], dtype=np.int64))


def cadence_hour(pilot: Pilot, as_of: datetime) -> int:
    """The last cadence hour at or before `as_of`."""
    return hour_of(as_of) // pilot.cadence_hours * pilot.cadence_hours


def _spine(tables: Tables, pilot: Pilot, hours: IntArray) -> Spine:
    scored = first_known(tables.assets).filter(pl.col("kind").is_in(pilot.scored_kinds))
    if scored.is_empty() or not len(hours):
        kinds = ", ".join(sorted(set(tables.assets["kind"].to_list()))) or "none"
        raise NotEnoughData(
            f"no asset of kind {', '.join(pilot.scored_kinds)} to forecast for"
            if len(hours)
            else "no hour to forecast",
            where=f"pilot {pilot.name}",
            cause=f"the store has assets of kind: {kinds}",
            fix="ingest the assets feed first, or mend scored_kinds in pilot.yaml",
        )
    since = scored["since"].to_numpy()
    hour, asset = (axis.ravel() for axis in np.meshgrid(hours, np.arange(len(scored)), indexing="ij"))
    there = since[asset] <= hour
    return Spine(tuple(scored["asset_id"].to_list()), asset[there].astype(np.int64), to_instants(hour[there]))


def first_known(assets: pl.DataFrame) -> pl.DataFrame:
    """Each asset as it was first known, sorted by id, with int64 `since`, the first hour at which it may be used.

    A later row may rename an asset; its place and kind are its identity, so a moved asset is a new asset.
    """
    ordered = assets.sort("asset_id", "known_at", "kind", "lon", "lat").unique("asset_id", keep="first")
    since = ceil_hour(ordered["known_at"].dt.timestamp("us").to_numpy())
    return ordered.with_columns(since=pl.Series(since, dtype=pl.Int64)).sort("asset_id")
