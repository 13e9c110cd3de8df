"""Features built slice by slice are those of one build, bit for bit, from the readings that each slice asked for."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.errors import ForesafeError
from contracts.results import Spine
from features import build_features, build_in_slices, plan_slices, scoring_spine, training_spine
from flows.history import History
from ingest.store import Store
from tests.properties import worlds
from tests.properties.worlds import EVERYTHING, METRICS, START, cities

PILOT = worlds.pilot(EVERYTHING, horizon=3, delay=5)
STATIC = [name for name, metric in METRICS.items() if metric.static]


def spine_of(tables: worlds.Tables) -> Spine:
    """From before the first reading to long after the last, so that some slices see none."""
    first, last = START - timedelta(hours=5), START + timedelta(hours=worlds.HOURS + 230)
    return training_spine(tables, PILOT, first=first, last=last, every_hours=7)


class Asked:
    """Reads readings from memory, those asked for and no others, and remembers what it was asked."""

    def __init__(self, tables: worlds.Tables) -> None:
        self.tables, self.ranges = tables, list[tuple[datetime, datetime]]()

    def __call__(self, after: datetime, until: datetime) -> pl.DataFrame:
        self.ranges.append((after, until))
        observed = pl.col("observed_at")
        moving = ~pl.col("metric").is_in(STATIC)
        return self.tables.readings.filter(moving & (observed > after) & (observed <= until))

    @property
    def rest(self) -> worlds.Tables:
        return replace(self.tables, readings=self.tables.readings.filter(pl.col("metric").is_in(STATIC)))


@settings(max_examples=25, deadline=None)
@given(tables=cities(), hours_a_slice=st.integers(1, 400), seed=st.integers(0, 100))
def test_slices_of_any_length_equal_one_build(tables: worlds.Tables, hours_a_slice: int, seed: int) -> None:
    spine = spine_of(tables)
    spine = spine.take(np.random.default_rng(seed).permutation(len(spine))[: 1 + 7 * seed])  # any rows, in any order
    whole = build_features(tables, spine, PILOT)
    read, again, times = Asked(tables), np.full_like(whole.values, -99), np.zeros(len(spine), int)
    for rows, built in build_in_slices(read, read.rest, spine, PILOT, hours_a_slice=hours_a_slice):
        again[rows] = built.values
        times[rows] += 1
        assert (built.infos, built.spec_hash) == (whole.infos, whole.spec_hash)
    assert (times == 1).all()
    np.testing.assert_array_equal(again.view(np.int32), whole.values.view(np.int32))


def test_a_slice_asks_for_no_more_than_its_reach() -> None:
    tables = worlds.Tables(worlds.readings_of(), worlds.incidents_of(), worlds.assets())
    read, spine = Asked(tables), spine_of(tables)
    sizes = [len(rows) for rows, _ in build_in_slices(read, read.rest, spine, PILOT, hours_a_slice=48)]
    assert sum(sizes) == len(spine)
    reach = timedelta(hours=168 + 1)  # of `latest`, the longest look back into readings
    assert all(until - after <= timedelta(hours=47) + reach for after, until in read.ranges)
    assert len(read.ranges) > 5


def test_an_hour_is_never_cut() -> None:
    tables = worlds.Tables(worlds.readings_of(), worlds.incidents_of(), worlds.assets())
    parts = list(plan_slices(spine_of(tables), PILOT, hours_a_slice=1))
    assert all(len(np.unique(part.spine.as_of)) == 1 and len(part.rows) == 3 for part in parts)


def test_an_empty_spine_has_no_slices_and_a_length_of_zero_is_refused() -> None:
    tables = worlds.Tables(worlds.readings_of(), worlds.incidents_of(), worlds.assets())
    spine = spine_of(tables)
    assert list(plan_slices(spine.take(np.zeros(0, np.int64)), PILOT, hours_a_slice=10)) == []
    with pytest.raises(ForesafeError, match="hours_a_slice 0"):
        next(plan_slices(spine, PILOT, hours_a_slice=0))


@settings(max_examples=10, deadline=None)
@given(tables=cities(), hour=st.integers(1, worlds.HOURS + 40))
def test_a_forecast_from_what_is_recent_equals_one_from_the_whole_store(tables: worlds.Tables, hour: int) -> None:
    as_of = START + timedelta(hours=hour)
    spine = scoring_spine(tables, PILOT, as_of=as_of)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        for name in ("readings", "incidents", "assets"):
            store.commit(name, getattr(tables, name), batches=["x"], at=START)
        recent = History.of(Path(folder), PILOT).recent(as_of)
    whole, built = build_features(tables, spine, PILOT), build_features(recent, spine, PILOT)
    np.testing.assert_array_equal(built.values.view(np.int32), whole.values.view(np.int32))
