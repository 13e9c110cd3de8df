"""A fit whose law is known: outcomes are drawn from a model's own forecasts, and one booster learns them again.

The law is the model's first booster, calibrated: as good a law as the mean of all, at the cost of one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from contracts.params import TrainParams
from contracts.results import Features, FloatArray, IntArray, Labels
from models.calibrate import Calibrator
from models.pyfunc import raw_scores, sigmoid
from models.split import Parts
from models.train import Ensemble, fit_boosters, parse_booster

CHUNK_ROWS = 200_000
SEED = 20_07  # of the drawn outcomes: fixed, so that a rebuild gives the same bytes


@dataclass(frozen=True)
class Refit:
    """Probabilities of the same rows: the law's, and those that a booster of as many trees found of it."""

    law: FloatArray
    found: FloatArray


def refit(
    features: Features,
    labels: Labels,
    *,
    parts: Parts,
    ensemble: Ensemble,
    calibrator: Calibrator,
    config: TrainParams,
) -> Refit:
    """Of the calibration rows; drawn and fitted on the training rows."""
    booster = parse_booster(ensemble.boosters[0])

    def law(rows: IntArray) -> FloatArray:
        starts = range(0, len(rows), CHUNK_ROWS)
        raw = [raw_scores((booster,), features.values[rows[i : i + CHUNK_ROWS]])[0] for i in starts]
        return calibrator.apply(np.concatenate(raw))

    train, calibrate = labels.rows[parts.train], labels.rows[parts.calibrate]
    chance = law(train)
    drawn = np.random.default_rng(SEED).random(len(train)) < chance
    if drawn.all() or not drawn.any():
        return Refit(law(calibrate), np.full(len(calibrate), drawn.mean()).clip(1e-9, 1 - 1e-9))
    one = config.model_copy(update={"seeds": config.seeds[:1]})
    again = fit_boosters(features, train, drawn, hazard=labels.hazard, trees=ensemble.trees, config=one)
    return Refit(law(calibrate), sigmoid(raw_scores(again, features.values[calibrate])[0]))
