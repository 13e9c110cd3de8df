"""Raw scores become probabilities, fitted on the calibration part and plain data.

`logistic` is Platt's: log odds = slope * raw + intercept, by maximum likelihood with one prior, slope normal around 1
with standard deviation 1. The prior decides only where a few incidents separate perfectly; it leaves the intercept
free, so the mean forecast equals the observed rate. A negative slope would turn the model round, so it is held at 0:
then every row gets the base rate, and the gate refuses. `isotonic` is the monotone step fit, with interpolation
between its steps. `none` trusts the booster.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.optimize import minimize

from contracts.errors import NotEnoughData
from contracts.results import BoolArray, FloatArray
from models.pyfunc import calibrated, log_odds, sigmoid

Method = Literal["logistic", "isotonic", "none"]


@dataclass(frozen=True)
class Calibrator:
    """`document` is all there is: {"method": ..., and the numbers of that method}."""

    document: Mapping[str, Any]

    @property
    def method(self) -> str:
        return str(self.document["method"])

    @property
    def slope(self) -> float:
        """How raw log odds are stretched; 1 where the method has no slope."""
        return float(self.document.get("slope", 1.0))

    def apply(self, raw: FloatArray) -> FloatArray:
        """(n,) probabilities strictly inside (0, 1)."""
        return calibrated(self.document, raw)

    def to_json(self) -> dict[str, Any]:
        return dict(self.document)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Calibrator:
        return cls(dict(document))


def fit_calibrator(raw: FloatArray, occurred: BoolArray, *, method: Method) -> Calibrator:
    """Fit on the calibration part. raw: (m,) log odds; occurred: (m,).

    Raises:
        NotEnoughData: no row with an incident, or none without.
    """
    hits = int(occurred.sum())
    if hits in (0, len(occurred)):
        raise NotEnoughData(
            f"{hits} of {len(occurred)} calibration rows have an incident",
            where="calibrate",
            allowed="rows with and rows without",
            fix="lengthen split.calibrate_days",
        )
    if method == "isotonic":
        return Calibrator(_isotonic(raw, occurred))
    if method == "logistic":
        slope, intercept = _platt(raw, occurred)
        return Calibrator({"method": "logistic", "slope": slope, "intercept": intercept})
    return Calibrator({"method": "none"})


def _platt(raw: FloatArray, occurred: BoolArray) -> tuple[float, float]:
    shift = float(raw.mean())  # centred scores: slope and intercept then hardly interact
    centred = raw - shift
    base = float(log_odds(np.asarray(occurred.mean())))

    def loss(at: FloatArray) -> float:
        z = at[0] * centred + at[1]
        return float((np.logaddexp(0.0, z) - occurred * z).sum() + 0.5 * (at[0] - 1.0) ** 2)

    def gradient(at: FloatArray) -> FloatArray:
        miss = sigmoid(at[0] * centred + at[1]) - occurred
        return np.array([(miss * centred).sum() + at[0] - 1.0, miss.sum()])

    def hessian(at: FloatArray) -> FloatArray:
        p = sigmoid(at[0] * centred + at[1])
        w = p * (1 - p)
        cross = (w * centred).sum()
        return np.array([[(w * centred**2).sum() + 1.0, cross], [cross, w.sum()]])

    start = np.array([1.0, base])
    found = minimize(loss, start, jac=gradient, hess=hessian, method="trust-exact", options={"gtol": 1e-7})
    slope, intercept = float(found.x[0]), float(found.x[1])
    return (slope, intercept - slope * shift) if slope > 0 else (0.0, base)


def _isotonic(raw: FloatArray, occurred: BoolArray) -> dict[str, Any]:
    """Steps of the monotone fit; the outermost are kept off 0 and 1 by half an incident, so that log loss is finite."""
    from sklearn.isotonic import IsotonicRegression

    fit = IsotonicRegression(out_of_bounds="clip").fit(raw, occurred)
    least = 0.5 / (len(raw) + 1)
    steps = np.clip(fit.y_thresholds_, least, 1 - least)
    return {"method": "isotonic", "raw": fit.X_thresholds_.tolist(), "probability": steps.tolist()}
