"""Which assets an hour's features are for, and whose readings each of them uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from contracts.pilot import Metric, Pilot
from contracts.results import FloatArray, IntArray
from features.view import nearest_of


@dataclass(frozen=True)
class Universe:
    """The assets (A,) that were known at an hour and are not only a source for others, sorted by id.

    lent_by: metric -> ids of the assets whose readings of it are used. sources: metric -> (A,) which of these, -1 none.
    """

    assets: tuple[str, ...]
    lon: FloatArray
    lat: FloatArray
    lent_by: Mapping[str, tuple[str, ...]]
    sources: Mapping[str, IntArray]

    @staticmethod
    def at(known: pl.DataFrame, pilot: Pilot, hour: int) -> Universe:
        """known: assets as `spine.first_known` gives them."""
        there = known.filter(pl.col("since") <= hour)
        serving = _serving(pilot)
        universe = there.filter(~pl.col("kind").is_in(serving) & ~pl.col("asset_id").is_in(serving))
        lenders = {name: _lenders(metric, there, universe) for name, metric in pilot.metrics.items()}
        return Universe(
            assets=tuple(universe["asset_id"].to_list()),
            lon=universe["lon"].to_numpy(),
            lat=universe["lat"].to_numpy(),
            lent_by={name: ids for name, (ids, _) in lenders.items()},
            sources={name: positions for name, (_, positions) in lenders.items()},
        )

    def same_as(self, other: Universe) -> bool:
        """Whether the same assets stand at the same places and use the same readings."""
        return (
            (self.assets, self.lent_by) == (other.assets, other.lent_by)
            and np.array_equal(self.lon, other.lon, equal_nan=True)
            and np.array_equal(self.lat, other.lat, equal_nan=True)
            and all(np.array_equal(self.sources[name], other.sources[name]) for name in self.sources)
        )


def _serving(pilot: Pilot) -> list[str]:
    """Kinds and ids of assets that only lend their readings to others (`at: nearest:KIND`, `at: asset:ID`)."""
    return sorted({metric.at.split(":", 1)[1] for metric in pilot.metrics.values() if ":" in metric.at})


def _lenders(metric: Metric, there: pl.DataFrame, universe: pl.DataFrame) -> tuple[tuple[str, ...], IntArray]:
    """The assets whose readings of a metric are used, and for each of the universe which of them (-1: none)."""
    if metric.at == "own":
        return tuple(universe["asset_id"].to_list()), np.arange(len(universe))
    how, what = metric.at.split(":", 1)
    if how == "asset":
        return (what,), np.zeros(len(universe), np.int64)
    stations = there.filter((pl.col("kind") == what) & pl.col("lon").is_not_null() & pl.col("lat").is_not_null())
    return tuple(stations["asset_id"].to_list()), nearest_of(universe, stations)
