"""The share of the attainable skill: 1 for the truth itself, 0 for climatology."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from contracts.results import Spine
from flows.attainable import attainable, true_risk

START = datetime(2025, 1, 1, tzinfo=UTC)


def test_truth_reaches_everything_and_climatology_nothing() -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(0.01, 0.6, 5000)
    occurred = rng.random(5000) < truth
    flat = np.full(5000, occurred.mean())
    assert attainable(occurred, model=truth, climatology=flat, truth=truth)["share"] == pytest.approx(1)
    assert attainable(occurred, model=flat, climatology=flat, truth=truth)["share"] == pytest.approx(0)
    half = attainable(occurred, model=(truth + flat) / 2, climatology=flat, truth=truth)
    assert 0 < half["share"] < 1
    assert half["truth_log_loss"] < half["model_log_loss"] < half["climatology_log_loss"]


def test_rows_that_the_truth_does_not_reach_are_left_out() -> None:
    truth = np.array([0.5, 0.2, np.nan])
    same = attainable(np.array([True, False, True]), model=truth * 0 + 0.3, climatology=truth * 0 + 0.4, truth=truth)
    assert np.isfinite(same["share"])


def test_the_truth_of_several_hours_multiplies_the_chances_of_nothing() -> None:
    hours = [START + timedelta(hours=hour) for hour in range(3)]
    truth = pl.DataFrame(
        {"asset_id": ["a"] * 3, "as_of": hours, "flood": [0.5, 0.2, 0.1]}, schema_overrides={"flood": pl.Float32}
    )
    spine = Spine(("a",), np.array([0, 0]), np.array([START.replace(tzinfo=None)] * 2, dtype="datetime64[us]"))
    assert true_risk(truth, spine, hazard="flood", horizon_hours=1) == pytest.approx([0.5, 0.5])
    assert true_risk(truth, spine, hazard="flood", horizon_hours=2) == pytest.approx([0.6, 0.6])
    assert np.isnan(true_risk(truth, spine, hazard="flood", horizon_hours=4)).all()
