"""The published metric, held against published predictions: a correct implementation gives these numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks.gsnet.against import differences
from benchmarks.gsnet.scores import Hourly, hourly, published_scores, rush_hours

TEST_FIRST, TEST_HOURS = 5337, 495


@pytest.fixture
def scored(shared_data: Path) -> np.ndarray:
    assets = pl.read_csv(shared_data / "chicago-accidents" / "assets.csv").filter(
        pl.col("scored").cast(pl.String).str.to_lowercase() == "true"
    )
    mask = np.zeros((20, 20), bool)
    mask[assets["row"].to_numpy(), assets["col"].to_numpy()] = True
    return mask


def test_the_published_gsnet_row_is_reproduced_from_its_predictions(shared_data: Path, scored: np.ndarray) -> None:
    published = np.load(shared_data / "chicago-accidents" / "published" / "predictions_chicago.npz")
    truth, predicted = published["truth"], published["gsnet"]
    every = published_scores(truth, predicted, scored)
    assert (every.rmse, every.recall_percent, every.mean_average_precision) == pytest.approx(
        (10.8617, 19.797, 0.08429), abs=6e-5, rel=5e-5
    )
    hours = rush_hours(TEST_FIRST, TEST_HOURS)
    assert hours.sum() == 144
    rush = published_scores(truth[hours], predicted[hours], scored)
    assert (rush.rmse, rush.recall_percent, rush.mean_average_precision) == pytest.approx(
        (8.2382, 20.850, 0.10472), abs=6e-5, rel=5e-5
    )


def test_a_constant_shows_why_rmse_is_not_optimised(shared_data: Path, scored: np.ndarray) -> None:
    truth = np.load(shared_data / "chicago-accidents" / "published" / "predictions_chicago.npz")["truth"]
    assert published_scores(truth, np.ones_like(truth), scored).rmse == pytest.approx(6.36, abs=0.01)


def test_a_difference_from_oneself_is_nothing_and_from_chance_is_sure(shared_data: Path, scored: np.ndarray) -> None:
    published = np.load(shared_data / "chicago-accidents" / "published" / "predictions_chicago.npz")
    truth, gsnet = published["truth"], hourly(published["truth"], published["gsnet"], scored)
    nothing = differences([gsnet, gsnet], gsnet)["recall_percent"]
    assert (nothing.value, nothing.low, nothing.high, nothing.better) == (0, 0, 0, 0)
    chance = hourly(truth, np.random.default_rng(0).random(truth.shape), scored)
    found = differences([gsnet], chance)
    assert found["recall_percent"].low > 0
    assert found["recall_percent"].better == 1
    reached = published_scores(truth, published["gsnet"], scored).recall_percent
    by_chance = 100 * chance.found.sum() / chance.wanted.sum()
    assert found["recall_percent"].value == pytest.approx(reached - by_chance)


def test_days_are_drawn_whole() -> None:
    """Two days, ours better on one and worse on the other by as much: nothing is sure, however many hours there are."""
    even = np.full(48, 1.0)
    better_then_worse = np.repeat([1.0, 0.0], 24)
    theirs = Hourly(wanted=even, found=even / 2, precision=even / 2)
    mine = Hourly(wanted=even, found=better_then_worse, precision=better_then_worse)
    found = differences([mine], theirs)["map"]
    assert (found.value, found.low, found.high) == (0, -0.5, 0.5)
    assert found.better == pytest.approx(0.25, abs=0.02)
