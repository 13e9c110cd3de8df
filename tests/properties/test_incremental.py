"""Kept state gives the features of a fresh build, bit for bit, however the rows come in."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.errors import NotEnoughData
from contracts.pilot import Pilot
from contracts.tables import ASSETS, INCIDENTS, READINGS, Tables
from features import build_features, scoring_spine
from features.incremental import Kept
from tests.properties import worlds
from tests.properties.worlds import EVERYTHING, HOURS, at, cities

PILOT = worlds.pilot(EVERYTHING, horizon=3, delay=5)
NO_DELAY = worlds.pilot(EVERYTHING[3:7])
EVERY_TWO_HOURS = PILOT.model_copy(update={"cadence_hours": 2})
NOTHING = Tables(READINGS.empty(), INCIDENTS.empty(), ASSETS.empty())


def parts_of(tables: Tables, count: int, seed: int) -> list[Tables]:
    """Every row in one of `count` tables, at random, some in two."""
    rng = np.random.default_rng(seed)

    def part(frame: pl.DataFrame, number: int, lot: np.ndarray) -> pl.DataFrame:
        mine = lot == number
        return pl.concat([frame.filter(mine), frame.filter(mine).head(2)]).sample(fraction=1, shuffle=True, seed=seed)

    frames = [(f, rng.integers(0, count, len(f))) for f in (tables.readings, tables.incidents, tables.assets)]
    return [Tables(*(part(frame, number, lot) for frame, lot in frames)) for number in range(count)]


def both(one: Tables, other: Tables) -> Tables:
    return Tables(
        pl.concat([one.readings, other.readings]),
        pl.concat([one.incidents, other.incidents]),
        pl.concat([one.assets, other.assets]),
    )


def assert_as_built_anew(kept: Kept, tables: Tables, pilot: Pilot, as_of: datetime) -> None:
    try:
        spine = scoring_spine(tables, pilot, as_of=as_of)
    except NotEnoughData:
        with pytest.raises(NotEnoughData):
            kept.features()
        return
    anew, built = build_features(tables, spine, pilot), kept.features()
    assert (built.infos, built.spec_hash, built.spine.assets) == (anew.infos, anew.spec_hash, spine.assets)
    np.testing.assert_array_equal(built.spine.asset, spine.asset)
    np.testing.assert_array_equal(built.spine.as_of, spine.as_of)
    assert (built.values.dtype, built.values.shape) == (anew.values.dtype, anew.values.shape)
    different = ~((built.values == anew.values) | (np.isnan(built.values) & np.isnan(anew.values)))
    wrong = {
        anew.names[j]: (built.values[i, j], anew.values[i, j]) for i, j in zip(*np.nonzero(different), strict=True)
    }
    assert not wrong, f"{as_of}: {wrong}"


@settings(max_examples=60, deadline=None)
@given(
    tables=cities(),
    steps=st.lists(st.sampled_from([0, 0.5, 1, 1, 1, 2, 7, 40, 250]), max_size=5),
    begin=st.integers(-10, HOURS),
    seed=st.integers(0, 1000),
    pilot=st.sampled_from([PILOT, NO_DELAY, EVERY_TWO_HOURS]),
)
def test_advancing_equals_building_anew(
    tables: Tables, steps: list[float], begin: int, seed: int, pilot: Pilot
) -> None:
    """Rows come in parts that have nothing to do with when they were known: early, late, in any order, some twice."""
    first, *rest = parts_of(tables, len(steps) + 1, seed)
    as_of, so_far = at(60 * begin), first
    kept = Kept.start(first, pilot, as_of=as_of)
    assert_as_built_anew(kept, so_far, pilot, as_of)
    for step, part in zip(steps, rest, strict=True):
        as_of, so_far = as_of + timedelta(hours=step), both(so_far, part)
        kept.advance(part, as_of=as_of)
        assert_as_built_anew(kept, so_far, pilot, as_of)


@settings(max_examples=25, deadline=None)
@given(tables=cities(), begin=st.integers(0, HOURS))
def test_hour_by_hour_as_rows_become_known(tables: Tables, begin: int) -> None:
    as_of = at(60 * begin)
    known = worlds.known_by(tables, as_of)
    kept = Kept.start(known, PILOT, as_of=as_of)
    for _ in range(6):
        before, as_of = as_of, as_of + timedelta(hours=1)
        kept.advance(between(tables, before, as_of), as_of=as_of)
        assert_as_built_anew(kept, worlds.known_by(tables, as_of), PILOT, as_of)


def between(tables: Tables, after: datetime, until: datetime) -> Tables:
    rows = (pl.col("known_at") > after) & (pl.col("known_at") <= until)
    return Tables(tables.readings.filter(rows), tables.incidents.filter(rows), tables.assets.filter(rows))
