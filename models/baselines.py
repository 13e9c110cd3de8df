"""What a model must beat, on the same rows: climatology, the recent rate, and a logistic regression.

The first two are feature columns already (past-only probabilities for the horizon). The logistic regression sees the
same features as the model, and its raw scores are calibrated on the calibration part as the model's are, so that a
moved base rate does not flatter the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from contracts.errors import BadTable, nearest
from contracts.results import BoolArray, Features, Float32Array, FloatArray, IntArray, Labels
from models.calibrate import fit_calibrator
from models.split import Parts

FITTED_NEGATIVES = 60_000  # more hardly move a linear model; drawn with a fixed seed and weighted back
CHUNK_ROWS = 50_000
CLIP_DEVIATIONS = 8.0  # a spike must not carry a linear score away
SMALLEST = 1e-6  # climatology of a place that never had an incident is rare, not impossible


@dataclass(frozen=True)
class LogisticBaseline:
    """log odds = standardised features @ coefficients + intercept."""

    middle: FloatArray
    scale: FloatArray
    coefficients: FloatArray
    intercept: float

    def raw_score(self, values: Float32Array) -> FloatArray:
        """(n,) log odds; what is not known counts as the training median."""
        starts = range(0, len(values), CHUNK_ROWS)  # standardised rows are doubles: keep few of them at a time
        parts = [_standardised(values[i : i + CHUNK_ROWS], self.middle, self.scale) @ self.coefficients for i in starts]
        return np.concatenate([np.zeros(0), *parts]) + self.intercept


def baseline_probabilities(
    features: Features, labels: Labels, *, parts: Parts, rows: IntArray
) -> dict[str, FloatArray]:
    """climatology, recent_rate and logistic_regression -> (len(rows),) probabilities inside (0, 1).

    Args:
        parts: what the regression is fitted (train) and calibrated (calibrate) on; positions into `labels`.
        rows: the spine rows to forecast.

    Raises:
        BadTable: a baseline's feature column is missing. NotEnoughData: one class only.
    """
    base_rate = float(labels.occurred[parts.train].mean())
    out = {
        "climatology": climatology(features, labels.hazard, rows, base_rate=base_rate),
        "recent_rate": recent_rate(features, labels.hazard, rows, base_rate=base_rate),
    }
    train, calibrate = labels.rows[parts.train], labels.rows[parts.calibrate]
    regression = fit_logistic(features.values[train], labels.occurred[parts.train])
    raw = regression.raw_score(features.values[calibrate])
    calibrator = fit_calibrator(raw, labels.occurred[parts.calibrate], method="logistic", moved=True)
    out["logistic_regression"] = calibrator.apply(regression.raw_score(features.values[rows]))
    return out


def climatology(features: Features, hazard: str, rows: IntArray, *, base_rate: float) -> FloatArray:
    """(len(rows),) the hazard's past-only climatology, `base_rate` where it is not known, inside (0, 1).

    Raises:
        BadTable: no such feature column.
    """
    return _column(features, f"{hazard}_climatology", rows, base_rate)


def recent_rate(features: Features, hazard: str, rows: IntArray, *, base_rate: float) -> FloatArray:
    """As `climatology`: the place's own rate of the last weeks."""
    return _column(features, f"{hazard}_recent_rate", rows, base_rate)


def fit_logistic(values: Float32Array, occurred: BoolArray) -> LogisticBaseline:
    """Ridge logistic regression on median-imputed, standardised features, on all incidents and a sample of the rest."""
    from sklearn.linear_model import LogisticRegression

    rows, weights = _sample(occurred)
    sample = values[rows].astype(np.float64)
    known = ~np.isnan(sample).all(axis=0)
    middle = np.zeros(sample.shape[1])
    middle[known] = np.nanmedian(sample[:, known], axis=0)
    scale = np.ones(sample.shape[1])
    scale[known] = np.nanstd(sample[:, known], axis=0)
    scale[scale <= 0] = 1.0
    fit: Any = LogisticRegression(C=1.0, solver="newton-cholesky", max_iter=200)
    fit.fit(_standardised(sample, middle, scale), occurred[rows], sample_weight=weights)
    return LogisticBaseline(middle, scale, fit.coef_[0], float(fit.intercept_[0]))


def _sample(occurred: BoolArray) -> tuple[IntArray, FloatArray]:
    """All incidents and up to `FITTED_NEGATIVES` other rows, in order, with the weights that undo the sampling."""
    hits, rest = np.flatnonzero(occurred), np.flatnonzero(~occurred)
    if len(rest) <= FITTED_NEGATIVES:
        return np.arange(len(occurred), dtype=np.int64), np.ones(len(occurred))
    drawn = np.random.default_rng(0).choice(rest, FITTED_NEGATIVES, replace=False)
    rows = np.sort(np.concatenate([hits, drawn]))
    return rows, np.where(occurred[rows], 1.0, len(rest) / FITTED_NEGATIVES)


def _standardised(values: FloatArray | Float32Array, middle: FloatArray, scale: FloatArray) -> FloatArray:
    z = (np.where(np.isnan(values), middle, values) - middle) / scale
    return np.asarray(np.clip(z, -CLIP_DEVIATIONS, CLIP_DEVIATIONS))


def _column(features: Features, name: str, rows: IntArray, base_rate: float) -> FloatArray:
    if name not in features.names:
        raise BadTable(
            f"no feature {name!r}",
            where="baselines",
            allowed=nearest(name, features.names),
            cause="features that were built for other hazards",
        )
    values = features.column(name)[rows].astype(np.float64)
    return np.asarray(np.clip(np.where(np.isnan(values), base_rate, values), SMALLEST, 1 - SMALLEST))
