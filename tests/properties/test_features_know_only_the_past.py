"""Rule 1 of the design: nothing from the future. Two properties, both needed, over every registered feature."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.results import Spine
from features import build_features, feature_infos, training_spine
from features.library import STATS
from features.registry import REGISTERED
from tests.properties import worlds
from tests.properties.worlds import EVERYTHING, START, cities, known_by, oracle_incidents, oracle_window

PILOT = worlds.pilot(EVERYTHING, horizon=3, delay=5)
FIRST, LAST = START + timedelta(hours=20), START + timedelta(hours=worlds.HOURS)


def spine_of(tables: worlds.Tables) -> Spine:
    return training_spine(tables, PILOT, first=FIRST, last=LAST, every_hours=4)


def test_the_properties_cover_every_registered_feature() -> None:
    assert {choice.kind for choice in EVERYTHING} == set(REGISTERED)


@settings(max_examples=40, deadline=None)
@given(tables=cities(), pick=st.integers(0, 10**6))
def test_features_do_not_change_when_the_future_is_deleted(tables: worlds.Tables, pick: int) -> None:
    spine = spine_of(tables)
    row = np.array([pick % len(spine)])
    as_of = spine.frame()["as_of"].iloc[row[0]].to_pydatetime()
    bulk = build_features(tables, spine, PILOT).take(row)
    alone = build_features(known_by(tables, as_of), spine.take(row), PILOT)
    np.testing.assert_array_equal(bulk.values, alone.values, err_msg=", ".join(bulk.names))


@settings(max_examples=25, deadline=None)
@given(tables=cities(), pick=st.integers(0, 10**6))
def test_one_row_alone_equals_the_same_row_in_bulk(tables: worlds.Tables, pick: int) -> None:
    spine = spine_of(tables)
    row = np.array([pick % len(spine)])
    bulk = build_features(tables, spine, PILOT).take(row)
    alone = build_features(tables, spine.take(row), PILOT)
    np.testing.assert_array_equal(bulk.values, alone.values)


@settings(max_examples=25, deadline=None)
@given(tables=cities(), seed=st.integers(0, 1000))
def test_the_order_and_repetition_of_rows_changes_nothing(tables: worlds.Tables, seed: int) -> None:
    spine = spine_of(tables)
    again = build_features(worlds.shuffled(tables, seed), spine, PILOT)
    np.testing.assert_array_equal(build_features(tables, spine, PILOT).values, again.values)


@settings(max_examples=40, deadline=None)
@given(tables=cities(), pick=st.integers(0, 10**6))
def test_fast_windows_equal_the_slow_oracle(tables: worlds.Tables, pick: int) -> None:
    spine = spine_of(tables)
    row = pick % len(spine)
    built = build_features(tables, spine, PILOT)
    asset = spine.assets[spine.asset[row]]
    as_of = spine.frame()["as_of"].iloc[row].to_pydatetime()
    for info, value in zip(built.infos, built.values[row], strict=True):
        if info.kind == "trailing":
            stat = next(s for s in STATS if f"_{s}_" in info.name)
            truth = oracle_window(tables, info.source, stat, asset, as_of, info.window_hours)
        elif info.kind == "incident_count":
            times = oracle_incidents(tables, asset, as_of)
            truth = float(sum(t > as_of - timedelta(hours=info.window_hours) for t in times))
        elif info.kind == "hours_since_incident":
            times = oracle_incidents(tables, asset, as_of)
            truth = (as_of - max(times)).total_seconds() / 3600 if times else np.nan
        elif info.kind == "change":
            now = oracle_window(tables, info.source, "last", asset, as_of, 24)
            before = oracle_window(tables, info.source, "mean", asset, as_of, 1, ago=info.window_hours)
            truth = now - before
        else:
            continue
        np.testing.assert_allclose(value, truth, rtol=1e-5, atol=1e-4, err_msg=f"{info.name} of {asset} at {as_of}")


def leaky(tables: worlds.Tables) -> worlds.Tables:
    """A planted leak: `occurred_at` and `observed_at` stand where `known_at` belongs."""
    import polars as pl

    return replace(
        tables,
        incidents=tables.incidents.with_columns(known_at=pl.col("occurred_at")),
        readings=tables.readings.with_columns(known_at=pl.col("observed_at")),
    )


def test_a_planted_leak_is_caught_by_deleting_the_future() -> None:
    tables = worlds.Tables(
        worlds.READINGS.empty(),
        worlds.INCIDENTS.conform(
            worlds.pl.DataFrame(
                [
                    {
                        "incident_id": "late", "asset_id": "a", "hazard": "fire", "severity": 1.0,
                        "occurred_at": worlds.at(60 * 30), "known_at": worlds.at(60 * 50), **worlds.PROVENANCE,
                    }
                ]
            )
        ),
        worlds.assets(),
    )  # fmt: skip
    spine = training_spine(tables, PILOT, first=worlds.at(60 * 40), last=worlds.at(60 * 40), every_hours=1)
    honest = build_features(tables, spine, PILOT).values
    np.testing.assert_array_equal(honest, build_features(known_by(tables, worlds.at(60 * 40)), spine, PILOT).values)
    cheat = build_features(leaky(tables), spine, PILOT).values
    after_deletion = build_features(leaky(known_by(tables, worlds.at(60 * 40))), spine, PILOT).values
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(cheat, after_deletion)
    alone = build_features(leaky(tables), spine.take(np.array([0])), PILOT).values
    np.testing.assert_array_equal(cheat[:1], alone)  # bulk = single does not see this leak: both properties are needed


def test_every_feature_says_what_it_is() -> None:
    infos = feature_infos(PILOT)
    assert len({info.name for info in infos}) == len(infos)
    assert all(info.words and info.uses and info.kind for info in infos)
