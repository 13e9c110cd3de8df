"""Realised and estimated performance on forecasts whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from contracts.params import MonitorParams
from contracts.results import FloatArray
from monitoring.performance import Judged, average_precision, estimate_performance, measure_realised, share_outside
from monitoring.profile import fit_scale

PARAMS = MonitorParams()
ASSETS, DAYS = 40, 28


def forecasts(seed: int, *, truth=lambda odds, asset, gas: odds) -> Judged:
    """28 days of hourly forecasts, right where `truth` (log odds, asset, gas -> log odds) is the identity."""
    random = np.random.default_rng(seed)
    hours = DAYS * 24
    asset = np.tile(np.arange(ASSETS), hours)
    gas = random.normal(size=len(asset))
    odds = -4.5 + 0.8 * np.repeat(random.normal(size=hours), ASSETS) + 0.7 * gas
    probability, true = (1 / (1 + np.exp(-each)) for each in (odds, truth(odds, asset, gas)))
    as_of = np.datetime64("2025-03-01T00", "us") + np.repeat(np.arange(hours), ASSETS) * np.timedelta64(1, "h")
    return Judged(
        probability=probability,
        occurred=random.random(len(asset)) < true,
        as_of=as_of,
        district=("north", "south"),
        district_code=(asset >= ASSETS // 2).astype(np.int64),
        groups={"the asset": asset, "gas": np.digitize(gas, [-1, 0, 1]).astype(np.int64)},
    )


def measured(judged: Judged):
    return measure_realised(judged, params=PARAMS, next_check="2025-04-02").realised


@pytest.mark.parametrize("seed", range(5))
def test_right_forecasts_score_as_expected_and_leave_nothing_to_gain(seed: int) -> None:
    found = measured(forecasts(seed))
    assert abs(found.overall.z) < 4
    assert found.overall.log_loss == pytest.approx(found.overall.expected_log_loss, rel=0.08)
    assert found.average_precision == pytest.approx(found.expected_average_precision, rel=0.35)
    assert found.recalibrating.z < PARAMS.loss_z
    assert found.learning.z < PARAMS.loss_z


def test_right_forecasts_seldom_reach_the_limit() -> None:
    """200 months of right forecasts: at most 1 in 100 asks for anything, even at half the evidence."""
    asked = [
        max(m.recalibrating.z, m.learning.z) >= PARAMS.loss_z for m in (measured(forecasts(s)) for s in range(200))
    ]
    assert fmean(asked) <= 0.01


def test_a_level_that_doubled_is_a_matter_of_recalibration() -> None:
    found = measured(forecasts(1, truth=lambda odds, asset, gas: odds + 0.9))
    assert found.overall.z > PARAMS.loss_z
    assert found.recalibrating.z > PARAMS.loss_z
    assert found.learning.z < PARAMS.loss_z
    assert (
        "+0.8" in found.recalibrating.what or "+0.9" in found.recalibrating.what or "times" in found.recalibrating.what
    )


def changed_on(judged: Judged, changed: Judged, day: int) -> Judged:
    """The first until a day of its own, then the second."""
    later = np.arange(len(judged.occurred)) >= day * 24 * ASSETS
    return replace(judged, occurred=np.where(later, changed.occurred, judged.occurred))


@pytest.mark.parametrize("day", [6, 14, 20])
def test_the_day_of_a_change_is_found(day: int) -> None:
    """To within three days, for a level and for a law; a gain from the first day on says so."""
    level = forecasts(2, truth=lambda odds, asset, gas: odds + 0.9)
    law = forecasts(2, truth=lambda odds, asset, gas: odds + np.where(asset < 8, 1.8, -0.4))
    first = int(np.datetime64("2025-03-01").astype(np.int64))
    quiet = forecasts(2)
    assert measured(changed_on(quiet, level, day)).recalibrating.since - first == pytest.approx(day, abs=3)
    assert measured(changed_on(quiet, law, day)).learning.since - first == pytest.approx(day, abs=3)
    assert measured(level).recalibrating.since - first <= 3


def test_a_law_that_changed_for_some_assets_is_a_matter_of_retraining() -> None:
    found = measured(forecasts(1, truth=lambda odds, asset, gas: odds + np.where(asset < 8, 1.6, -0.4)))
    assert found.learning.z > PARAMS.loss_z
    assert found.learning.what == "the asset"
    assert found.learning.share > 0.005


def test_a_feature_that_lost_its_meaning_is_a_matter_of_retraining() -> None:
    found = measured(forecasts(1, truth=lambda odds, asset, gas: odds - 1.8 * gas))
    assert (found.learning.z > PARAMS.loss_z, found.learning.what) == (True, "gas")


def test_districts_add_up_to_the_whole() -> None:
    found = measured(forecasts(2))
    parts = found.districts.values()
    assert sum(part.rows for part in parts) == found.overall.rows
    assert sum(part.incidents for part in parts) == found.overall.incidents
    assert sum(p.rows * p.log_loss for p in parts) / found.overall.rows == pytest.approx(found.overall.log_loss)


def test_a_district_that_went_wrong_is_seen_in_its_own_score() -> None:
    found = measured(forecasts(3, truth=lambda odds, asset, gas: odds + np.where(asset >= ASSETS // 2, 1.5, 0.0)))
    assert found.districts["south"].z > 4
    assert abs(found.districts["north"].z) < 4


def test_too_few_ripe_labels_is_a_readable_state() -> None:
    whole = forecasts(1)
    none = replace(whole, occurred=np.zeros_like(whole.occurred))
    found = measure_realised(none, params=PARAMS, next_check="2025-04-02")
    assert found.realised is None
    assert found.state == "not enough ripe labels: 0 of 50 incidents, 28 of 6 days; next check 2025-04-02"


def test_no_row_at_all_is_a_readable_state() -> None:
    whole, none = forecasts(1), np.zeros(0, dtype=np.int64)
    empty = Judged(whole.probability[none], whole.occurred[none], whole.as_of[none], (), none, {})
    assert "0 of 50 incidents, 0 of 6 days" in measure_realised(empty, params=PARAMS, next_check="never").state


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.9]), st.booleans()), min_size=1, max_size=60))
def test_average_precision_is_that_of_scikit_learn(rows: list[tuple[float, bool]]) -> None:
    p, hit = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    if hit.any():
        assert average_precision(p, hit.astype(float)) == pytest.approx(average_precision_score(hit, p))
    else:
        assert np.isnan(average_precision(p, hit.astype(float)))


NAMES = ("gas", "noise")


def inputs(size: int, seed: int, *, by: float = 0.0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(size, 2)).astype(np.float32)
    values[:, 0] += by
    return values


def scale():
    as_of = np.datetime64("2025-01-01T00", "us") + np.arange(5000) * np.timedelta64(1, "h")
    return fit_scale(inputs(5000, 1), as_of, NAMES)


def estimated(values: np.ndarray, probability: FloatArray):
    return estimate_performance(
        probability, values, scale=scale(), importance=np.array([0.9, 0.1]), max_outside=PARAMS.max_outside
    )


def test_the_estimate_is_what_is_realised_when_forecasts_are_right() -> None:
    judged = forecasts(4)
    found = estimated(inputs(len(judged.probability), 2), judged.probability)
    realised = measured(judged).overall
    assert found.state == ""
    assert found.log_loss == pytest.approx(realised.expected_log_loss)
    assert found.log_loss == pytest.approx(realised.log_loss, rel=0.1)
    assert found.brier == pytest.approx(realised.brier, rel=0.12)


def test_the_estimate_abstains_outside_the_training_range() -> None:
    probability = np.full(1000, 0.01)
    found = estimated(inputs(1000, 2, by=6.0), probability)
    assert np.isnan(found.log_loss)
    assert "outside the training range" in found.state


def test_a_feature_without_importance_does_not_make_it_abstain() -> None:
    values = inputs(1000, 2)[:, ::-1].copy()
    values[:, 1] += 100
    assert estimated(values, np.full(1000, 0.01)).outside == pytest.approx(0.1, abs=0.01)
    assert share_outside(values, scale(), np.array([1.0, 0.0])) < 0.01


def test_no_forecast_is_a_state() -> None:
    assert estimated(inputs(0, 1), np.zeros(0)).state == "no forecast to estimate for"
