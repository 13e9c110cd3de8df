"""The published metric, held against published predictions: a correct implementation gives these numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks.chicago import published_scores, rush_hours

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
