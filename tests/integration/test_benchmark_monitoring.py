"""The simulated year of the monitoring benchmark, in small: it runs, and each change is in the data as described."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from benchmarks.monitoring import FIRST_DAY, Size, quiet_year
from benchmarks.monitoring_year.changes import GAIN, KM_H, Change, Plan, changed_year
from benchmarks.monitoring_year.city import Lived, live, small_city, tables_of
from contracts.tables import Tables
from simulation.timeline import Timeline
from simulation.world import World, simulate_world

SEED = 5
TIMELINE = Timeline(FIRST_DAY, 345)
PLAN = Plan.of(TIMELINE, first_day=0, seed=SEED)


@pytest.fixture(scope="module")
def changed() -> tuple[Lived, World, tuple[Change, ...]]:
    return changed_year(TIMELINE, SEED, PLAN)


@pytest.fixture(scope="module")
def tables(changed: tuple[Lived, World, tuple[Change, ...]]) -> Tables:
    return tables_of(changed[0], changed[1])


@pytest.fixture(scope="module")
def untouched() -> Lived:
    return live(simulate_world(TIMELINE, small_city(), SEED))


def test_eight_changes_one_after_another(changed: tuple[Lived, World, tuple[Change, ...]]) -> None:
    _, _, changes = changed
    assert len({change.name for change in changes}) == 8
    begins = [change.at for change in changes]
    assert begins == sorted(begins)
    assert all(change.visible >= change.at for change in changes)


def test_readings_are_changed_from_the_planted_hour_on_and_not_before(
    changed: tuple[Lived, World, tuple[Change, ...]], untouched: Lived
) -> None:
    lived = changed[0]
    gauges, outage, _, stuck, _, unit, _, _ = PLAN.rows
    for metric, row, factor in (("process_pressure_bar", gauges, GAIN), ("wind_speed_m_s", unit, KM_H)):
        now, was = lived.streams[metric].values, untouched.streams[metric].values
        shared = ~np.isnan(now[:row])
        np.testing.assert_array_equal(now[:row][shared], was[:row][shared])
        np.testing.assert_allclose(now[row, :3], factor * was[row, :3])
    assert np.isnan(lived.streams["voc_ppb"].values[outage]).all()
    assert len(np.unique(lived.streams["traffic_speed_km_h"].values[stuck : stuck + 48, 3])) == 1


def test_no_two_incidents_of_the_joined_worlds_are_taken_for_one(
    changed: tuple[Lived, World, tuple[Change, ...]],
) -> None:
    assert changed[0].incidents["incident_id"].is_unique().all()


def test_what_the_register_says_is_known_when_it_is_told(tables: Tables) -> None:
    opens, moves = PLAN.rows[4], PLAN.rows[7]
    register = tables.readings.filter(pl.col("feed") == "places")
    told = register.group_by("asset_id", "metric").len().filter(pl.col("len") > 1)
    assert sorted(told["metric"].to_list()) == ["plant_count", *(["population"] * 4)]
    counts = tables.readings.filter((pl.col("metric") == "plant_count") & (pl.col("value") == 9))
    assert PLAN.timeline.first_instant + timedelta(hours=opens) in counts["known_at"].to_list()
    people = tables.readings.filter(pl.col("metric") == "population")["known_at"].max()
    assert people == PLAN.timeline.first_instant + timedelta(hours=moves, days=21)


def test_accidents_become_known_later_and_more_often_happen_in_the_dark(tables: Tables) -> None:
    law, late = PLAN.instant(PLAN.rows[2]), PLAN.instant(PLAN.rows[6])
    accidents = tables.incidents.filter(pl.col("hazard") == "traffic_accident")
    accidents = accidents.sort("known_at").unique("incident_id", keep="first")
    hours = (pl.col("known_at") - pl.col("occurred_at")).dt.total_minutes() / 60
    dark = ((pl.col("occurred_at").dt.hour() + 9) % 24).is_between(6, 18).not_()
    before, after = (accidents.filter(side) for side in (pl.col("occurred_at") < late, pl.col("occurred_at") >= late))
    assert after.select(hours.median()).item() > 3 * before.select(hours.median()).item()
    old, new = (accidents.filter(side) for side in (pl.col("occurred_at") < law, pl.col("occurred_at") >= law))
    assert new.select(dark.mean()).item() > old.select(dark.mean()).item() + 0.2


def test_a_quiet_week_runs_through_the_whole_room() -> None:
    found = quiet_year(Size(seed=SEED, history_days=200, watched_days=7))
    assert found.retrainings == found.recalibrations == 0
    assert found.called_for == ()
