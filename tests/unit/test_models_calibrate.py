from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from contracts.errors import NotEnoughData
from models.calibrate import Calibrator, fit_calibrator
from models.pyfunc import sigmoid

RANDOM = np.random.default_rng(3)
RAW = RANDOM.normal(-3.0, 1.5, 20_000)
OCCURRED = RANDOM.random(20_000) < sigmoid(0.6 * RAW - 0.5)


def test_platt_agrees_with_scikit_learn() -> None:
    ours = fit_calibrator(RAW, OCCURRED, method="logistic", moved=True)
    theirs = LogisticRegression(C=np.inf, tol=1e-10).fit(RAW[:, None], OCCURRED)
    assert ours.slope == pytest.approx(theirs.coef_[0, 0], abs=2e-3)
    np.testing.assert_allclose(ours.apply(RAW), theirs.predict_proba(RAW[:, None])[:, 1], rtol=5e-3)


def test_the_mean_forecast_equals_the_observed_rate_where_the_level_has_moved() -> None:
    calibrator = fit_calibrator(RAW, OCCURRED, method="logistic", moved=True)
    assert calibrator.apply(RAW).mean() == pytest.approx(OCCURRED.mean(), rel=1e-6)


def test_a_few_incidents_hardly_move_a_level_and_thousands_do() -> None:
    """Forecasts of twice the rate: 20 incidents against 40 expected are taken for chance mostly, 2,000 never."""
    for incidents, least, most in ((20, 0.7, 0.9), (2_000, 0.5, 0.55)):
        occurred = np.arange(incidents * 50) % 50 == 0
        raw = np.full(len(occurred), np.log(0.04 / 0.96))
        level = fit_calibrator(raw, occurred, method="logistic").apply(raw[:1])[0] / 0.04
        assert least < level < most


def test_perfect_separation_does_not_run_away() -> None:
    raw = np.concatenate([np.full(500, -4.0), np.full(5, 2.0)])
    calibrator = fit_calibrator(raw, raw > 0, method="logistic", moved=True)
    assert 1.0 <= calibrator.slope < 5.0


def test_a_model_that_is_the_wrong_way_round_becomes_the_base_rate() -> None:
    calibrator = fit_calibrator(-RAW, OCCURRED, method="logistic")
    assert calibrator.slope == 0.0
    np.testing.assert_allclose(calibrator.apply(RAW), OCCURRED.mean())


def test_isotonic_is_monotone_and_never_certain() -> None:
    calibrator = fit_calibrator(RAW, OCCURRED, method="isotonic")
    risk = calibrator.apply(np.linspace(-20, 20, 999))
    assert np.all(np.diff(risk) >= 0)
    assert 0 < risk.min() < risk.max() < 1


def test_none_trusts_the_booster() -> None:
    np.testing.assert_array_equal(fit_calibrator(RAW, OCCURRED, method="none").apply(RAW), sigmoid(RAW))


@pytest.mark.parametrize("method", ["logistic", "isotonic", "none"])
def test_a_calibrator_is_data(method: str) -> None:
    calibrator = fit_calibrator(RAW, OCCURRED, method=method)  # type: ignore[arg-type]
    back = Calibrator.from_json(json.loads(json.dumps(calibrator.to_json())))
    np.testing.assert_array_equal(back.apply(RAW), calibrator.apply(RAW))


def test_one_class_is_refused() -> None:
    with pytest.raises(NotEnoughData, match=r"0 of 20000 calibration rows.*calibrate_days"):
        fit_calibrator(RAW, np.zeros(20_000, dtype=bool), method="logistic")
