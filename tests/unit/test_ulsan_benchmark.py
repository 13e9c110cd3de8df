"""The share of the attainable skill: 0 for climatology, 1 for the truth, in between for what lies between."""

from __future__ import annotations

import json

import numpy as np

from benchmarks.ulsan import Reached, share_of_attainable, summary, table
from contracts.errors import NotEnoughData
from contracts.params import EvaluateParams
from contracts.results import Estimate, FloatArray

HOURS = 24 * 120
RANDOM = np.random.default_rng(3)
TRUTH = np.clip(RANDOM.gamma(0.5, 0.08, HOURS), 1e-4, 0.9)
OCCURRED = RANDOM.random(HOURS) < TRUTH
AS_OF = np.datetime64("2025-01-01", "us") + np.arange(HOURS) * np.timedelta64(3_600_000_000, "us")
CLIMATOLOGY = np.full(HOURS, TRUTH.mean())


def share(model: FloatArray) -> Estimate:
    params = EvaluateParams(replicates=100)
    return share_of_attainable(OCCURRED, AS_OF, model=model, climatology=CLIMATOLOGY, truth=TRUTH, params=params)


def test_climatology_has_none_and_the_truth_has_all() -> None:
    assert share(CLIMATOLOGY) == Estimate(0.0, 0.0, 0.0)
    assert share(TRUTH) == Estimate(1.0, 1.0, 1.0)


def test_halfway_lies_between_with_an_interval_around_it() -> None:
    got = share((TRUTH + CLIMATOLOGY) / 2)
    assert 0 < got.low < got.value < got.high < 1


def test_worse_than_climatology_is_below_none() -> None:
    assert share(1 - TRUTH).value < 0


def test_a_hazard_that_could_not_be_trained_counts_as_climatology() -> None:
    found = {
        "flood": NotEnoughData("12 training rows with an incident", where="train flood"),
        "fire": Reached("fire", 50, 0.02, 0.015, 0.01, Estimate(0.5, 0.4, 0.6)),
        "injury": Reached("injury", 50, 0.02, 0.012, 0.01, Estimate(0.8, 0.7, 0.9)),
    }
    assert json.loads(summary(found)) == {"shares": {"flood": 0.0, "fire": 0.5, "injury": 0.8}, "median_share": 0.5}
    assert "not trained: train flood: 12 training rows" in table(found)
