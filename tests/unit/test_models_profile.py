"""A profile knows places and hours by few numbers, never from the outcome asked about, and lives in the trees."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest

from contracts.errors import BadTable
from contracts.params import TrainParams
from contracts.results import BoolArray, Features, Float32Array, FloatArray, InstantArray, IntArray, Labels
from models.profile import SLOTS, Profile, after, fit_profile, keys_of, log_odds_of_rate
from models.pyfunc import raw_scores, sigmoid
from models.split import Parts
from models.train import train
from tests.synthetic_risk import city, placed

QUICK = TrainParams(num_iterations=20, min_data_in_leaf=20, num_threads=1, seeds=(1, 2), profile_kinds=2)


def small() -> tuple[Features, Labels, Parts]:
    town = city(assets=6, days=60, base=-4.0)
    everything = np.arange(len(town.labels.occurred), dtype=np.int64)
    return placed(town.features), town.labels, Parts(everything, everything, everything)


def fitted(most_kinds: int = 1) -> tuple[Profile, Features, Labels]:
    features, labels, parts = small()
    keys = keys_of(features, parts.train)
    return fit_profile(keys, features.spine.as_of, labels.occurred, most_kinds=most_kinds), features, labels


def test_the_trees_say_what_the_table_says() -> None:
    profile, features, _ = fitted()
    booster = lgb.Booster(model_str=profile.trees(features.names, num_threads=1))
    first = np.arange(24 * 7 * 6)
    whole = replace(profile, tables=np.repeat(profile.tables[:1], len(profile.tables), axis=0))
    expected = whole.starts(keys_of(features, first), features.spine.as_of[first])
    got = np.asarray(booster.predict(features.values[first], raw_score=True))
    np.testing.assert_allclose(got, expected, atol=2e-3)


def test_a_row_starts_from_what_other_weeks_showed() -> None:
    """All incidents of some weeks are turned round: what those weeks start from does not move, other weeks' does."""
    profile, features, labels = fitted()
    rows = np.arange(len(labels.occurred))
    as_of = features.spine.as_of
    week = as_of.astype("datetime64[us]").astype(np.int64) // (7 * 86_400_000_000) % 5
    turned = np.where(week == 2, ~labels.occurred, labels.occurred)
    other = fit_profile(keys_of(features, rows), as_of, turned, most_kinds=1)
    before, now = (p.starts(keys_of(features, rows), as_of) for p in (profile, other))
    np.testing.assert_array_equal(before[week == 2], now[week == 2])
    assert (before[week != 2] != now[week != 2]).all()


def hours_of(places: int, *, weeks: int) -> tuple[InstantArray, IntArray, IntArray, Float32Array]:
    """Every hour of every place from a Monday on, each (n,): as_of, place, hour of the day, and keys (n, 5)."""
    as_of = np.repeat(np.datetime64("2025-01-06", "us") + np.arange(weeks * 168) * np.timedelta64(1, "h"), places)
    place = np.tile(np.arange(places), weeks * 168)
    hour = as_of.astype("datetime64[h]").astype(np.int64) % 24
    weekday = (as_of.astype("datetime64[D]").astype(np.int64) + 3) % 7
    keys = np.column_stack([place, place * 0, hour, weekday, hour * 0]).astype(np.float32)
    return as_of, place, hour, keys


def test_two_kinds_of_work_are_told_apart_where_there_are_two() -> None:
    """Half the places work by day, half by night: no product of a place's level and an hour's level can say that."""
    random = np.random.default_rng(0)
    places = 10
    as_of, place, hour, keys = hours_of(places, weeks=40)
    rate = np.where((place % 2 == 0) == (hour < 12), 0.08, 0.004)
    occurred = random.random(len(rate)) < rate

    def miss(kinds: int) -> float:
        table = fit_profile(keys, as_of, occurred, most_kinds=kinds).tables[0]
        wanted = log_odds_of_rate(np.log(rate[: 168 * places].reshape(168, places)[:24].T))
        return float(np.abs(log_odds_of_rate(table)[:, :24] - wanted).mean())

    assert table_of_noise_has_one_kind(random)
    assert miss(3) < 0.5 * miss(1)


def two_industries(
    random: np.random.Generator,
) -> tuple[Float32Array, InstantArray, BoolArray, Float32Array, FloatArray]:
    """Keys, as_of, occurred and sizes of rows, and the true rate of each place at each hour of a working day: one
    industry works by day and one by night, and every place has another mixture."""
    places = 12
    as_of, place, hour, keys = hours_of(places, weeks=26)
    people = np.column_stack([np.linspace(0, 5000, places), np.linspace(4000, 0, places) ** 1.1])
    at_work = np.column_stack([hour < 12, hour >= 12])
    rate = 2e-6 * (people[place] * at_work).sum(axis=1) + 1e-5
    return keys, as_of, random.random(len(rate)) < rate, people[place].astype(np.float32), rate


def test_sizes_of_the_kinds_tell_more_where_activity_follows_them() -> None:
    keys, as_of, occurred, sizes, rate = two_industries(np.random.default_rng(1))

    def miss(given: Float32Array | None) -> float:
        table = fit_profile(keys, as_of, occurred, most_kinds=3, sizes=given).tables[0]
        return float(np.abs(np.exp(table[:, :24]) - rate[: 24 * 12].reshape(24, 12).T).mean())

    assert miss(sizes) < 0.6 * miss(None)


def test_sizes_that_say_nothing_are_left_alone() -> None:
    keys, as_of, occurred, sizes, _ = two_industries(np.random.default_rng(1))
    untrue = np.random.default_rng(2).permutation(sizes[:12])[np.arange(len(sizes)) % 12]
    none = np.zeros_like(sizes)
    without = fit_profile(keys, as_of, occurred, most_kinds=3)
    for given in (untrue, none):
        np.testing.assert_array_equal(
            fit_profile(keys, as_of, occurred, most_kinds=3, sizes=given).tables, without.tables
        )


def table_of_noise_has_one_kind(random: np.random.Generator) -> bool:
    """Where every place has the same day, more kinds are not taken, and the table is the product it was."""
    as_of = np.repeat(np.datetime64("2025-01-06", "us") + np.arange(20 * 168) * np.timedelta64(1, "h"), 4)
    place = np.tile(np.arange(4), 20 * 168)
    zero = np.zeros(len(place))
    keys = np.column_stack([place, zero, np.tile(np.arange(24), len(place) // 24), zero, zero]).astype(np.float32)
    occurred = random.random(len(place)) < 0.02
    one, three = (fit_profile(keys, as_of, occurred, most_kinds=kinds).tables for kinds in (1, 3))
    return bool((one == three).all()) and one.shape == (6, 4, SLOTS)


def test_boosting_from_a_profile_keeps_the_bytes_and_knows_the_places(tmp_path: Path) -> None:
    features, labels, parts = small()
    once, again = (train(features, labels, parts=parts, config=QUICK) for _ in range(2))
    assert once.boosters == again.boosters
    path = tmp_path / "booster.txt"
    path.write_text(once.boosters[0])
    raw = raw_scores(once.parsed(), features.values)
    np.testing.assert_array_equal(lgb.Booster(model_file=path).predict(features.values, raw_score=True), raw[0])
    risk = sigmoid(raw.mean(axis=0))
    assert risk.mean() == pytest.approx(labels.occurred.mean(), rel=0.1)
    by_place = np.array([[r[features.spine.asset == a].mean() for a in range(6)] for r in (risk, labels.occurred)])
    assert np.corrcoef(by_place)[0, 1] > 0.95


def test_texts_of_trees_add_up() -> None:
    features, labels, parts = small()
    one, other = (
        train(features, labels, parts=parts, config=QUICK.model_copy(update={"profile_kinds": 0, "seeds": (seed,)}))
        for seed in (1, 2)
    )
    both = lgb.Booster(model_str=after(one.boosters[0], other.boosters[0]))
    apart: FloatArray = raw_scores((*one.parsed(), *other.parsed()), features.values[:500])
    np.testing.assert_allclose(both.predict(features.values[:500], raw_score=True), apart.sum(axis=0), atol=1e-12)
    assert both.num_trees() == one.trees + other.trees


def test_without_columns_of_place_and_hour_it_says_what_to_add() -> None:
    town = city(assets=3, days=20, base=-3.0)
    rows = np.arange(len(town.labels.occurred), dtype=np.int64)
    with pytest.raises(BadTable, match="kind: place"):
        train(town.features, town.labels, parts=Parts(rows, rows, rows), config=QUICK)


@pytest.mark.parametrize(
    ("name", "said"), [("people_at_sea", "no feature 'people_at_sea'"), ("wind_speed_z", "below 0")]
)
def test_a_column_that_is_no_size_is_named(name: str, said: str) -> None:
    features, labels, parts = small()
    with pytest.raises(BadTable, match=said) as refused:
        train(features, labels, parts=parts, config=QUICK.model_copy(update={"profile_sizes": (name,)}))
    assert name in str(refused.value)
