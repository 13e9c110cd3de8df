"""Raw scores become probabilities, fitted on the calibration part and plain data.

`logistic` is Platt's: log odds = slope * raw + intercept, by maximum likelihood with priors. Boosters learn
probabilities, so what a calibration part of a few hundred incidents shows is mostly chance: slope and level are normal
around what they were, with a standard deviation of a tenth each, which thousands of incidents overrule. Where the level
is known to have moved the prior leaves it free, so that the mean forecast equals the observed rate, and the slope's
decides only where a few incidents separate perfectly. A negative slope would turn the model round, so it is held at
0: then every row gets the base rate, and the gate refuses. `isotonic` is the monotone step fit, with interpolation
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

STEADY = 0.1  # standard deviation of slope and level (log odds) around the booster's own
MOVED_SLOPE = 1.0  # of the slope where the level is known to have moved


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


def fit_calibrator(raw: FloatArray, occurred: BoolArray, *, method: Method, moved: bool = False) -> Calibrator:
    """Fit on the calibration part. raw: (m,) log odds; occurred: (m,); moved: the level is known to have moved, or
    `raw` never had the right one, so that these rows alone say what it is.

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
        slope, intercept = _platt(raw, occurred, moved=moved)
        return Calibrator({"method": "logistic", "slope": slope, "intercept": intercept})
    return Calibrator({"method": "none"})


def _platt(raw: FloatArray, occurred: BoolArray, *, moved: bool) -> tuple[float, float]:
    risk = sigmoid(raw)
    middle = float(risk @ raw / risk.sum())  # where incidents are expected: slope and level then hardly interact
    centred = raw - middle
    trust = np.array([MOVED_SLOPE if moved else STEADY, np.inf if moved else STEADY]) ** -2.0
    own = np.array([1.0, middle])

    def loss(at: FloatArray) -> float:
        z = at[0] * centred + at[1]
        return float((np.logaddexp(0.0, z) - occurred * z).sum() + 0.5 * (trust * (at - own) ** 2).sum())

    def gradient(at: FloatArray) -> FloatArray:
        miss = sigmoid(at[0] * centred + at[1]) - occurred
        return np.asarray(np.array([(miss * centred).sum(), miss.sum()]) + trust * (at - own))

    def hessian(at: FloatArray) -> FloatArray:
        p = sigmoid(at[0] * centred + at[1])
        w = p * (1 - p)
        cross = (w * centred).sum()
        return np.asarray([[(w * centred**2).sum() + trust[0], cross], [cross, w.sum() + trust[1]]])

    found = minimize(loss, own, jac=gradient, hess=hessian, method="trust-exact", options={"gtol": 1e-7})
    slope, intercept = float(found.x[0]), float(found.x[1])
    return (slope, intercept - slope * middle) if slope > 0 else (0.0, float(log_odds(np.asarray(occurred.mean()))))


def _isotonic(raw: FloatArray, occurred: BoolArray) -> dict[str, Any]:
    """Steps of the monotone fit; the outermost are kept off 0 and 1 by half an incident, so that log loss is finite."""
    from sklearn.isotonic import IsotonicRegression

    fit = IsotonicRegression(out_of_bounds="clip").fit(raw, occurred)
    least = 0.5 / (len(raw) + 1)
    steps = np.clip(fit.y_thresholds_, least, 1 - least)
    return {"method": "isotonic", "raw": fit.X_thresholds_.tolist(), "probability": steps.tolist()}
