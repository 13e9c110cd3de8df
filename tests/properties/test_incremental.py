"""Kept state gives the features of a fresh build, bit for bit, however the rows come in."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.errors import ForesafeError, NotEnoughData
from contracts.pilot import Pilot
from contracts.tables import ASSETS, INCIDENTS, READINGS, Tables
from features import Kept, build_features, reads_from, scoring_spine
from tests.properties import worlds
from tests.properties.worlds import EVERYTHING, HOURS, at, cities, incidents_of, readings_of

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


@settings(max_examples=15, deadline=None)
@given(tables=cities(), begin=st.integers(0, HOURS))
def test_rows_that_come_again_change_nothing(tables: Tables, begin: int) -> None:
    as_of = at(60 * begin)
    kept = Kept.start(tables, PILOT, as_of=as_of)
    before = kept.features().values
    kept.advance(worlds.shuffled(tables, begin), as_of=as_of)
    np.testing.assert_array_equal(kept.features().values, before)
    assert kept.seated == 1


def far_past(hours: float) -> Tables:
    """A city with a reading, observed so many hours before the worlds' start, and one of the start."""
    rows = (("a", "voc_ppb", -hours, -hours, 5.0), ("a", "voc_ppb", 0, 0, 7.0), ("a", "population", -hours, 0, 9.0))
    return Tables(readings_of(*rows), INCIDENTS.empty(), worlds.assets())


@pytest.mark.parametrize("hours", [100, 168, 169, 170, 400])
def test_readings_before_reads_from_change_nothing(hours: float) -> None:
    """On both sides of the edge: `latest` looks for a reading of the last 168 h, and no feature looks further back."""
    tables = far_past(hours)
    needed = (pl.col("observed_at") > reads_from(PILOT, at(0))) | (pl.col("metric") == "population")
    few = replace(tables, readings=tables.readings.filter(needed))
    assert len(few.readings) == (3 if hours <= 168 else 2)
    kept = Kept.start(few, PILOT, as_of=at(0))
    assert_as_built_anew(kept, tables, PILOT, at(0))
    kept.advance(NOTHING, as_of=at(60))
    assert_as_built_anew(kept, tables, PILOT, at(60))


def test_a_row_opens_its_own_hour_again_and_no_other() -> None:
    rows = [(asset, "voc_ppb", hour, hour, 1.0 + hour) for asset in "ab" for hour in range(1, 25)]
    kept = Kept.start(Tables(readings_of(*rows), INCIDENTS.empty(), worlds.assets()), PILOT, as_of=at(24 * 60))
    assert kept.touched == 48
    late = readings_of(
        ("a", "voc_ppb", 10.5, 25, 3.0),  # a late one
        ("a", "voc_ppb", 7, 24.5, 2.0),  # a correction
        ("b", "voc_ppb", 7, 7, 8.0),  # known already
        ("b", "voc_ppb", 25, 26, 3.0),  # not yet known
        ("b", "wind_m_s", 25, 25, 3.0),  # of an asset that lends no wind
    )
    kept.advance(replace(NOTHING, readings=late), as_of=at(25 * 60))
    assert kept.touched == 3
    kept.advance(NOTHING, as_of=at(26 * 60))
    assert kept.touched == 1
    kept.advance(NOTHING, as_of=at(27 * 60))
    assert kept.touched == 0


def test_many_readings_a_minute_are_all_counted_once() -> None:
    seconds = [("a", "voc_ppb", 1 + second / 3600, 2 + second / 3600, float(second)) for second in range(0, 120, 5)]
    corrected = [(asset, metric, when, known + 1, value + 1) for asset, metric, when, known, value in seconds[::3]]
    kept = Kept.start(replace(NOTHING, assets=worlds.assets()), PILOT, as_of=at(60))
    so_far = Tables(READINGS.empty(), INCIDENTS.empty(), worlds.assets())
    for hour, rows in ((2, seconds[:7]), (3, seconds[4:]), (4, corrected), (5, seconds + corrected)):
        part = replace(NOTHING, readings=readings_of(*rows))
        so_far = both(so_far, part)
        kept.advance(part, as_of=at(60 * hour))
        assert_as_built_anew(kept, so_far, PILOT, at(60 * hour))


def test_an_incident_that_is_withdrawn_moved_and_reinstated() -> None:
    rows = (("i1", "a", 1, 1.5, 1.0), ("i1", "a", 1, 3.5, 0.0), ("i1", "b", 2, 9.5, 2.0), ("i2", "a", 1, 2, 1.0))
    tables = Tables(READINGS.empty(), incidents_of(*rows), worlds.assets())
    kept = Kept.start(tables, PILOT, as_of=at(0))
    for hour in range(1, 20):
        kept.advance(NOTHING, as_of=at(60 * hour))
        assert_as_built_anew(kept, tables, PILOT, at(60 * hour))


def test_an_older_version_that_comes_last_is_no_news() -> None:
    """It shares its first hour with the newer one, so it never was in force: not even the history begins with it."""
    newer, older = incidents_of(("i1", "a", 5, 7.8, 1.0)), incidents_of(("i1", "a", 1, 7.2, 1.0))
    for first, second in ((newer, older), (older, newer)):
        kept = Kept.start(Tables(READINGS.empty(), first, worlds.assets()), NO_DELAY, as_of=at(60 * 9))
        kept.advance(replace(NOTHING, incidents=second), as_of=at(60 * 10))
        both_known = Tables(READINGS.empty(), pl.concat([first, second]), worlds.assets())
        assert_as_built_anew(kept, both_known, NO_DELAY, at(60 * 10))


def test_a_new_asset_brings_the_readings_that_came_before_it() -> None:
    tables = Tables(readings_of(("c", "voc_ppb", 1, 1, 5.0)), incidents_of(("i", "c", 1, 1, 1.0)), worlds.assets())
    others = replace(tables, assets=tables.assets.filter(pl.col("asset_id") != "c"))
    kept = Kept.start(others, PILOT, as_of=at(120))
    assert_as_built_anew(kept, others, PILOT, at(120))
    kept.advance(replace(NOTHING, assets=tables.assets), as_of=at(180))
    assert_as_built_anew(kept, tables, PILOT, at(180))
    assert kept.seated == 2


def test_the_past_is_refused_and_nothing_changes() -> None:
    tables = Tables(readings_of(("a", "voc_ppb", 1, 1, 5.0)), INCIDENTS.empty(), worlds.assets())
    kept = Kept.start(tables, PILOT, as_of=at(120))
    before = kept.features().values
    with pytest.raises(ForesafeError, match=r"as_of .*01:00.* is before .*02:00.*build_features"):
        kept.advance(replace(NOTHING, readings=readings_of(("a", "voc_ppb", 1, 1.1, 9.0))), as_of=at(60))
    np.testing.assert_array_equal(kept.features().values, before)
