"""A calibration on rows that are trained on as well: as honest as one on rows that are held out."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from contracts.params import CalibrateParams, SplitParams, TrainParams
from models.calibrate import fit_calibrator
from models.fit import Fitted, fit_risk_model
from models.pyfunc import raw_scores
from models.split import Parts, split_parts
from tests.synthetic_risk import walk

FAR_TOO_LARGE = TrainParams(num_iterations=150, early_stopping_rounds=0, min_data_in_leaf=5, num_threads=1, seeds=(1,))
CUT = SplitParams(calibrate_days=90, test_days=40, out_of_fold=3)


def parts() -> Parts:
    return split_parts(walk().city.features.spine.as_of[walk().city.labels.rows], CUT, horizon_hours=1)


@cache
def fitted() -> Fitted:
    return fit_risk_model(
        walk().city.features,
        walk().city.labels,
        parts=parts(),
        train_params=FAR_TOO_LARGE,
        calibrate_params=CalibrateParams(),
        alerts_per_day=5.0,
        provenance={},
    )


def test_a_model_that_learnt_its_rows_by_heart_is_calibrated_on_rows_it_never_saw() -> None:
    """Its own rows would say that it is far surer than it may be: a slope above 1."""
    features, labels, model = walk().city.features, walk().city.labels, fitted().model
    rows = parts().calibrate
    raw = raw_scores(model.parsed, features.values[labels.rows[rows]]).mean(axis=0)
    own = fit_calibrator(raw, labels.occurred[rows], method="logistic", moved=True).slope
    assert own > 1.2
    assert model.calibrator.slope < own - 0.2
    test = parts().test
    forecast = model.predict(features.take(labels.rows[test]))[0]
    assert forecast.mean() == pytest.approx(labels.occurred[test].mean(), rel=0.2)
    again = fit_calibrator(
        np.log(forecast / (1 - forecast)), labels.occurred[test], method="logistic", moved=True
    ).slope
    assert again == pytest.approx(1.0, abs=0.3)


def test_the_model_is_fitted_until_the_gap_before_the_test() -> None:
    features, labels = walk().city.features, walk().city.labels
    last = features.spine.as_of[labels.rows[parts().train]].max() + np.timedelta64(1, "h")
    assert fitted().model.provenance["fitted_until"] == f"{np.datetime_as_string(last, unit='s')}+00:00"
    assert last <= features.spine.as_of[labels.rows[parts().test]].min()
