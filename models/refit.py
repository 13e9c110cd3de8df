"""A fit whose law is known: outcomes are drawn from a model's own forecasts, and one booster learns them again."""

from __future__ import annotations

import numpy as np

from contracts.params import TrainParams
from contracts.results import Features, FloatArray, Labels
from models.calibrate import Calibrator
from models.pyfunc import raw_scores, sigmoid
from models.split import Parts
from models.train import Ensemble, fit_boosters

CHUNK_ROWS = 200_000
SEED = 20_07  # of the drawn outcomes: fixed, so that a rebuild gives the same bytes


def refit_forecasts(
    features: Features,
    labels: Labels,
    *,
    parts: Parts,
    ensemble: Ensemble,
    calibrator: Calibrator,
    config: TrainParams,
) -> FloatArray:
    """(calibration rows,) what a booster of as many trees finds when the model's forecasts are the law."""
    boosters = ensemble.parsed()
    train = labels.rows[parts.train]
    starts = range(0, len(train), CHUNK_ROWS)
    law = [calibrator.apply(raw_scores(boosters, features.values[train[i : i + CHUNK_ROWS]]).mean(0)) for i in starts]
    drawn = np.random.default_rng(SEED).random(len(train)) < np.concatenate(law)
    if drawn.all() or not drawn.any():
        return np.full(len(parts.calibrate), drawn.mean()).clip(1e-9, 1 - 1e-9)
    one = config.model_copy(update={"seeds": config.seeds[:1]})
    again = fit_boosters(features, train, drawn, hazard=labels.hazard, trees=ensemble.trees, config=one)
    return sigmoid(raw_scores(again, features.values[labels.rows[parts.calibrate]]).mean(axis=0))
