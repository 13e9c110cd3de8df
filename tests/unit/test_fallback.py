"""A hazard without a released model is still forecast, from its climatology, and says so."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from contracts.results import FeatureInfo, Features, Spine
from contracts.tables import SCORES
from flows.fallback import climatology_scores


def test_without_a_model_the_forecast_is_climatology_and_marked() -> None:
    as_of = np.array(["2025-01-01T00"] * 2, dtype="datetime64[us]")
    spine = Spine(("a", "b"), np.array([0, 1]), as_of)
    info = FeatureInfo("flood_climatology", "climatology", "usual risk", "probability", "known incidents")
    features = Features(spine, np.array([[0.25], [np.nan]], dtype=np.float32), (info,), "hash")
    scores = climatology_scores(features, hazard="flood", horizon_hours=3, why="no model is released")
    assert SCORES.conform(pl.from_pandas(scores)).height == 2
    assert scores["probability"].tolist() == [0.25, 0.0]
    assert set(scores["degraded"]) == {"no model is released"}
    assert scores["expected_count"].iloc[0] == pytest.approx(-np.log(0.75))
    assert (scores["low"].min(), scores["high"].max()) == (0.0, 1.0)
