"""The interval of a single row's risk: how well its level is known, how far a fit strays, and what may just have
happened (docs/decisions/007).

**Level.** The calibration rows are cut by forecast into bins of equally many expected incidents; in each the Jeffreys
interval of the observed rate, Beta(k + 1/2, n - k + 1/2), as log odds around the mean forecast.

**Straying.** How far a fit lies from the law it learns from is not seen in outcomes of 0 and 1, so it is seen where the
law is known: outcomes of the training rows are drawn from the model's first booster, another is fitted to them, and its
forecasts are compared with the ones it should have found (a parametric bootstrap, `models.refit`). The real law is
rougher than the model's forecasts by about as much again, so the variance counts twice; what no column tells does not
fade with a longer history, as straying does, so beyond `UNSEEN_DAYS` it counts for more; and where a lower risk leaves
fewer incidents to learn from, a fit is taken to stray at least as far as at any higher one: its own forecasts are too
smooth there to show it. These are assumptions that only a city with a known true risk can check; the report of a
simulated pilot does.

Both are half widths over the log odds of the forecast, added in quadrature. A forecast is the mean of what the risk may
be; the middle of a log-normal risk is half its variance lower, so the lower end goes down by that. The upper end stays:
to state too low an upper end is the dangerous side.

**Aftermath.** What the calibration part shows right after incidents, beyond the forecast (`models.aftermath`): a share
of the risk lies a jump above its forecast, because of incidents that nobody has reported yet. The upper end leaves as
much outside as before once that share has jumped. A jump is a probability: a small step from a high forecast, a long
one from a low one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.stats import beta, norm

from contracts.results import BoolArray, FloatArray
from models.aftermath import Aftermath
from models.pyfunc import log_odds, risk_interval, sigmoid
from models.refit import Refit

MAX_BINS = 10
INCIDENTS_PER_BIN = 5
STRAY_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.97, 0.99)  # finer where risk is high: there it is acted on
STRAY_MIN_ROWS = 50  # in a bin, for a standard deviation
UNSEEN_DAYS = 860.0  # of history, at which what no column tells has the variance that the refit shows


@dataclass(frozen=True)
class IntervalTable:
    """Half widths of the risk's interval as log odds, over the log odds of the forecast."""

    level: float
    centre: tuple[float, ...]
    below: tuple[float, ...]
    above: tuple[float, ...]

    def apply(self, probability: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Lower and upper end; the forecast lies between."""
        return risk_interval(self.to_json(), probability)

    def to_json(self) -> dict[str, Any]:
        return {"level": self.level, **{name: list(getattr(self, name)) for name in ("centre", "below", "above")}}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> IntervalTable:
        return cls(document["level"], *(tuple(document[name]) for name in ("centre", "below", "above")))


def fit_interval(
    probability: FloatArray,
    occurred: BoolArray,
    *,
    refit: Refit,
    history_days: float,
    aftermath: Aftermath,
    level: float,
) -> IntervalTable:
    """The table of half widths, from the calibration part.

    Args:
        probability: (m,) the model's calibrated forecasts.
        refit: what a booster found of a law that it was fitted to outcomes of, on the same rows.
        history_days: that the model and the refit learned from.
        aftermath: what these rows show right after incidents.
        level: 0.9 for 90 %.
    """
    at, below, above = _level_widths(probability, occurred, level)
    stray_at, stray = _stray(refit)
    centre = np.unique(np.concatenate([at, stray_at]))
    spread = np.sqrt(1 + max(1.0, history_days / UNSEEN_DAYS)) * np.interp(centre, stray_at, stray)
    wide, lowered = float(norm.ppf((1 + level) / 2)) * spread, spread**2 / 2
    down = np.hypot(wide, np.interp(centre, at, below)) + lowered
    up = _with_jumps(np.hypot(wide, np.interp(centre, at, above)), centre, aftermath, level)
    return IntervalTable(level, tuple(centre.tolist()), tuple(down.tolist()), tuple(up.tolist()))


def _with_jumps(above: FloatArray, centre: FloatArray, aftermath: Aftermath, level: float) -> FloatArray:
    """Half widths above that leave as much outside as `above` does of a normal risk, where a share of it jumped."""
    quantile = float(norm.ppf((1 + level) / 2))
    jump = log_odds(sigmoid(centre) + aftermath.jump) - centre

    def widened(width: float, jump: float) -> float:
        spread = width / quantile

        def outside(at: float) -> float:
            usual, jumped = norm.sf(np.array([at, at - jump]) / spread)
            return float((1 - aftermath.share) * usual + aftermath.share * jumped - (1 - level) / 2)

        return float(brentq(outside, 0.0, width + jump + spread))

    if aftermath.share == 0:
        return above
    return np.array([widened(w, j) if w > 0 else w for w, j in zip(above, jump, strict=True)])


def _level_widths(
    probability: FloatArray, occurred: BoolArray, level: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
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
    return np.array(centre), np.array(below), np.array(above)


def _stray(refit: Refit) -> tuple[FloatArray, FloatArray]:
    """Log odds of the forecasts that were found, and the standard deviation of the law around them.

    The mean of the difference is left out: calibration takes it away.
    """
    found = log_odds(refit.found)
    error = log_odds(refit.law) - found
    edges = np.unique(np.quantile(found, STRAY_QUANTILES))
    bins = np.searchsorted(edges, found, side="right")
    kept = [i for i in range(len(edges) + 1) if (bins == i).sum() >= STRAY_MIN_ROWS]
    if not kept:
        return np.array([found.mean()]), np.array([error.std()])
    spread = np.array([error[bins == i].std() for i in kept])
    falling = np.maximum.accumulate(spread[::-1])[::-1]  # no bin strays less than one of higher risk
    return np.array([found[bins == i].mean() for i in kept]), falling


def _equal_risk_edges(rising: FloatArray) -> list[int]:
    """Borders of bins of equal expected incidents. Not of observed ones: a bin that ends at an incident is biased."""
    expected = np.cumsum(rising)
    bins = int(np.clip(expected[-1] // INCIDENTS_PER_BIN, 1, MAX_BINS))
    inner = np.searchsorted(expected, expected[-1] * np.arange(1, bins) / bins)
    whole_ties = np.searchsorted(rising, rising[inner], side="right")
    return [int(edge) for edge in np.unique([0, *whole_ties, len(rising)])]
