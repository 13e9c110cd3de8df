"""Every score against scikit-learn or a slow and obvious computation."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss

from contracts.errors import BadTable, NotEnoughData
from contracts.params import EvaluateParams
from contracts.results import FloatArray
from models.blocks import average_precision, draw_blocks
from models.evaluation import Judged, evaluate, flat_metrics, paired_difference, reliability_bins
from models.split import HOUR

RANDOM = np.random.default_rng(11)
N, ASSETS = 6_000, 10
TRUTH = np.clip(RANDOM.beta(0.8, 9, N), 1e-4, 0.99)
OCCURRED = RANDOM.random(N) < TRUTH
FORECAST = np.clip(np.round(TRUTH * RANDOM.lognormal(0, 0.3, N), 3), 1e-3, 0.99)  # rounded: ties
AS_OF = np.datetime64("2026-03-01T00:00", "us") + np.repeat(np.arange(N // ASSETS), ASSETS) * HOUR
JUDGED = Judged("flood", "test", OCCURRED, AS_OF, base_rate=0.1, alerts_per_day=4.0)
PARAMS = EvaluateParams(block_days=2, replicates=60)
BASELINES = {"climatology": np.full(N, 0.09)}


def evaluated(probability: FloatArray = FORECAST) -> dict[str, float]:
    result = evaluate(probability, JUDGED, baselines=BASELINES, params=PARAMS)
    return {name: got.value for name, got in result.scores.items()}


def test_proper_scores_agree_with_scikit_learn() -> None:
    got = evaluated()
    assert got["log_loss"] == pytest.approx(log_loss(OCCURRED, FORECAST))
    assert got["brier"] == pytest.approx(brier_score_loss(OCCURRED, FORECAST))
    assert got["average_precision"] == pytest.approx(average_precision_score(OCCURRED, FORECAST))
    assert got["brier_skill"] == pytest.approx(1 - got["brier"] / brier_score_loss(OCCURRED, np.full(N, 0.1)))
    assert got["log_loss_skill"] == pytest.approx(1 - got["log_loss"] / log_loss(OCCURRED, np.full(N, 0.1)))


def test_bootstrapped_average_precision_agrees_with_weighted_scikit_learn() -> None:
    blocks = draw_blocks(AS_OF, PARAMS)
    ours = average_precision(blocks, FORECAST, OCCURRED.astype(float))
    for replicate in (0, 1, 17, 60):
        weights = blocks.weights[replicate][blocks.block]
        expected = average_precision_score(OCCURRED, FORECAST, sample_weight=weights)
        assert ours[replicate] == pytest.approx(expected, rel=1e-9)


def test_bootstrapped_log_loss_agrees_with_rows_drawn_one_by_one() -> None:
    blocks = draw_blocks(AS_OF, PARAMS)
    losses = -np.log(np.where(OCCURRED, FORECAST, 1 - FORECAST))
    ours = blocks.total(losses) / blocks.total(np.ones(N))
    for replicate in (1, 30):
        drawn = np.repeat(losses, blocks.weights[replicate][blocks.block].astype(int))
        assert ours[replicate] == pytest.approx(drawn.mean())


def test_calibration_error_by_the_book() -> None:
    bins = reliability_bins(FORECAST, OCCURRED, 10)
    assert sum(b.rows for b in bins) == N
    assert evaluated()["ece"] == pytest.approx(sum(b.rows * abs(b.predicted - b.observed) for b in bins) / N)


def test_the_brier_score_decomposes_where_forecasts_are_few() -> None:
    steps = np.array([0.02, 0.1, 0.4])[np.digitize(TRUTH, [0.05, 0.2])]
    got = evaluated(steps)
    assert got["brier"] == pytest.approx(got["reliability"] - got["resolution"] + got["uncertainty"])


def test_recall_counts_what_a_person_would_count() -> None:
    got, order = evaluated(TRUTH), np.argsort(-TRUTH)
    days = N // ASSETS / 24
    budget = order[: round(4.0 * days)]
    assert got["recall_at_budget"] == pytest.approx(OCCURRED[budget].sum() / OCCURRED.sum())
    assert got["precision_at_budget"] == pytest.approx(OCCURRED[budget].mean())
    assert got["recall_at_true"] == pytest.approx(OCCURRED[order[: OCCURRED.sum()]].mean())


def test_a_constant_forecast_recalls_what_chance_recalls() -> None:
    assert evaluated(np.full(N, 0.1))["recall_at_true"] == pytest.approx(OCCURRED.mean())


def test_intervals_are_about_right_and_contain_the_value() -> None:
    result = evaluate(FORECAST, JUDGED, baselines=BASELINES, params=replace_params(replicates=400))
    loss = result.scores["log_loss"]
    losses = -np.log(np.where(OCCURRED, FORECAST, 1 - FORECAST))
    assert (loss.high - loss.low) / 3.92 == pytest.approx(
        losses.std() / np.sqrt(N), rel=0.5
    )  # rows are independent here
    for got in [*result.scores.values(), *result.baselines["climatology"].values()]:
        assert got.low <= got.value <= got.high


def test_the_paired_difference_is_narrower_than_two_intervals() -> None:
    worse = np.clip(FORECAST * 1.1, 1e-3, 0.995)
    difference = paired_difference(FORECAST, worse, JUDGED, params=PARAMS)["log_loss"]
    alone = evaluate(FORECAST, JUDGED, baselines={"worse": worse}, params=PARAMS)
    assert difference.value == pytest.approx(
        alone.scores["log_loss"].value - alone.baselines["worse"]["log_loss"].value
    )
    assert difference.high - difference.low < 0.3 * (alone.scores["log_loss"].high - alone.scores["log_loss"].low)


def test_metrics_are_flat_numbers() -> None:
    flat = flat_metrics(evaluate(FORECAST, JUDGED, baselines=BASELINES, params=PARAMS))
    assert flat["test.incidents"] == OCCURRED.sum()
    assert flat["test.climatology.log_loss.low"] <= flat["test.climatology.log_loss"]
    assert all(isinstance(value, float) and np.isfinite(value) for value in flat.values())


def test_a_city_of_four_months_takes_less_than_two_seconds() -> None:
    """In processor time, which other work on the machine changes little."""
    many = 60 * 24 * 120
    random = np.random.default_rng(0)
    truth = random.beta(0.5, 20, many)
    judged = replace(
        JUDGED,
        occurred=random.random(many) < truth,
        as_of=np.datetime64("2026-01-01", "us") + np.repeat(np.arange(many // 60), 60) * HOUR,
    )
    start = time.process_time()
    evaluate(np.clip(truth, 1e-6, 0.99), judged, baselines={}, params=EvaluateParams())
    assert time.process_time() - start < 2.0


def test_refusals() -> None:
    with pytest.raises(NotEnoughData, match="no incident in the 6000 rows"):
        evaluate(FORECAST, replace(JUDGED, occurred=np.zeros(N, dtype=bool)), baselines={}, params=PARAMS)
    with pytest.raises(NotEnoughData, match="at least 2 blocks"):
        evaluate(FORECAST, JUDGED, baselines={}, params=replace_params(block_days=60))
    with pytest.raises(BadTable, match="climatology is not 6000 probabilities"):
        evaluate(FORECAST, JUDGED, baselines={"climatology": np.zeros(N)}, params=PARAMS)
    with pytest.raises(BadTable, match="model is not"):
        evaluate(np.where(OCCURRED, np.nan, FORECAST), JUDGED, baselines={}, params=PARAMS)


def replace_params(*, block_days: float = 2, replicates: int = 60) -> EvaluateParams:
    return EvaluateParams(block_days=block_days, replicates=replicates)
