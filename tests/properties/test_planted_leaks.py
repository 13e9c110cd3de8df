"""Every leak in `planted` is found by name, its clean twin passes, and so does every registered feature."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings

from contracts.pilot import FeatureChoice
from contracts.results import Features, Spine
from features import build_features, training_spine
from features.leaks import find_leak
from features.registry import REGISTERED
from tests.properties import planted, worlds
from tests.properties.planted import PLANTED, Planted, city, spine_of, with_column

TABLES = city()
SPINE = spine_of(TABLES)
by_name = pytest.mark.parametrize("leak", PLANTED, ids=lambda leak: leak.name)


@by_name
def test_a_planted_leak_is_found_by_name_and_nothing_else_is(leak: Planted) -> None:
    found = find_leak(with_column(leak.name, leak.leaky), TABLES, SPINE)
    assert found is not None
    assert found.columns == (leak.name,)
    assert found.seen_by == leak.seen_by
    assert leak.name in str(found)


@by_name
def test_its_clean_twin_passes(leak: Planted) -> None:
    assert find_leak(with_column(leak.name, leak.clean), TABLES, SPINE) is None


@by_name
def test_leak_and_twin_are_about_something(leak: Planted) -> None:
    """A twin that is empty everywhere, or equal to its leak, would prove nothing."""
    leaky, clean = (values(TABLES, SPINE) for values in (leak.leaky, leak.clean))
    assert np.isfinite(clean).mean() > 0.5
    assert not np.array_equal(leaky, clean, equal_nan=True)


def test_each_check_finds_a_leak_that_the_other_misses() -> None:
    assert {leak.seen_by for leak in PLANTED} >= {planted.DELETED, planted.ALONE}


@pytest.mark.parametrize("kind", sorted(REGISTERED))
def test_no_registered_feature_leaks_in_the_city_of_leaks(kind: str) -> None:
    choices = tuple(choice for choice in worlds.EVERYTHING if choice.kind == kind)
    assert choices, f"name {kind!r} in worlds.EVERYTHING, so that the leak tests run over it"
    assert find_leak(partial(build_features, pilot=worlds.pilot(choices, horizon=3, delay=5)), TABLES, SPINE) is None


@settings(max_examples=8, deadline=None)
@given(tables=worlds.cities())
def test_no_registered_feature_leaks_in_any_city(tables: worlds.Tables) -> None:
    pilot = worlds.pilot(worlds.EVERYTHING, horizon=2, delay=3)
    spine = training_spine(tables, pilot, first=worlds.at(60 * 30), last=worlds.at(60 * worlds.HOURS), every_hours=15)
    assert find_leak(partial(build_features, pilot=pilot), tables, spine) is None


def test_a_column_that_exists_only_because_of_the_future_is_a_leak() -> None:
    def one_column_a_kind(tables: worlds.Tables, spine: Spine) -> Features:
        kinds = "_".join(sorted(set(tables.assets["kind"].to_list()))).replace(" ", "-")
        return with_column(kinds, lambda _, rows: np.ones(len(rows)))(tables, spine)

    found = find_leak(one_column_a_kind, TABLES, SPINE)
    assert found is not None
    assert set(found.columns) == {"cell_station", "a-depot_cell_station"}


def test_a_scientist_may_look_at_the_rows_of_their_choice() -> None:
    leaky = with_column("late", PLANTED[0].leaky)
    hours = SPINE.frame()["as_of"]
    late_report = np.flatnonzero((SPINE.asset == 0) & (hours == worlds.at(60 * 16)).to_numpy())
    assert find_leak(leaky, TABLES, SPINE, rows=late_report) is not None
    assert find_leak(leaky, TABLES, SPINE, rows=np.array([0])) is None


def test_an_empty_request_leaks_nothing() -> None:
    pilot = worlds.pilot((FeatureChoice(kind="calendar"),))
    assert find_leak(partial(build_features, pilot=pilot), TABLES, SPINE.take(np.arange(0))) is None
