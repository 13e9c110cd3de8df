"""Raw scores become probabilities with an interval; both are fitted on the calibration part and are plain data.

**Calibrator.** `logistic` is Platt's: log odds = slope * raw + intercept, by maximum likelihood with one prior, slope
normal around 1 with standard deviation 1. The prior decides only where a few incidents separate perfectly; it leaves
the intercept free, so the mean forecast equals the observed rate. A negative slope would turn the model round, so it
is held at 0: then every row gets the base rate, and the gate refuses. `isotonic` is the monotone step fit, with
interpolation between its steps. `none` trusts the booster.

**Interval.** What the calibration part supports about rows like this one: its rows are cut by forecast into bins of
equally many expected incidents; in each bin the Jeffreys interval of the observed rate, Beta(k + 1/2, n - k + 1/2),
is expressed as log odds around the bin's mean forecast, and interpolated between bins; the spread over seeds is added
in quadrature.
It says how well the *level* of the risk is known for rows with such a forecast. It does not know that incidents
within a day are alike, nor what the model misses inside a bin, so a single row's true risk lies outside more often
than the level says (in the synthetic law of the tests about half of the time).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from scipy.optimize import minimize
from scipy.stats import beta, norm

from contracts.errors import NotEnoughData
from contracts.results import BoolArray, FloatArray
from models.pyfunc import calibrated, log_odds, risk_interval, sigmoid

Method = Literal["logistic", "isotonic", "none"]
MAX_BINS = 10
INCIDENTS_PER_BIN = 5


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


@dataclass(frozen=True)
class IntervalTable:
    """Half widths of the risk's interval as log odds, over the log odds of the forecast."""

    level: float
    centre: tuple[float, ...]
    below: tuple[float, ...]
    above: tuple[float, ...]
    spread_factor: float

    def apply(self, probability: FloatArray, seed_spread: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Lower and upper end; the forecast lies between."""
        return risk_interval(self.to_json(), probability, seed_spread)

    def to_json(self) -> dict[str, Any]:
        lists = {name: list(getattr(self, name)) for name in ("centre", "below", "above")}
        return {"level": self.level, **lists, "spread_factor": self.spread_factor}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> IntervalTable:
        lists = {name: tuple(document[name]) for name in ("centre", "below", "above")}
        return cls(level=document["level"], spread_factor=document["spread_factor"], **lists)


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


def fit_interval(
    probability: FloatArray, occurred: BoolArray, *, level: float, calibration_slope: float
) -> IntervalTable:
    """The table of half widths. probability: (m,) calibrated, on the calibration part; level: 0.9 for 90 %."""
    order = np.argsort(probability, kind="stable")
    edges = _equal_risk_edges(probability[order])
    centre, below, above = [], [], []
    for start, stop in pairwise(edges):
        rows = order[start:stop]
        n, k = len(rows), int(occurred[rows].sum())
        middle = log_odds(probability[rows].mean())
        ends = beta.ppf([(1 - level) / 2, (1 + level) / 2], k + 0.5, n - k + 0.5)
        low, high = log_odds(np.asarray(ends))
        centre.append(float(middle))
        below.append(float(max(middle - low, 0.0)))
        above.append(float(max(high - middle, 0.0)))
    factor = float(norm.ppf((1 + level) / 2)) * calibration_slope
    return IntervalTable(level, tuple(centre), tuple(below), tuple(above), factor)


def _equal_risk_edges(rising: FloatArray) -> list[int]:
    """Borders of bins of equal expected incidents. Not of observed ones: a bin that ends at an incident is biased."""
    expected = np.cumsum(rising)
    bins = int(np.clip(expected[-1] // INCIDENTS_PER_BIN, 1, MAX_BINS))
    inner = np.searchsorted(expected, expected[-1] * np.arange(1, bins) / bins)
    whole_ties = np.searchsorted(rising, rising[inner], side="right")
    return [int(edge) for edge in np.unique([0, *whole_ties, len(rising)])]


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
