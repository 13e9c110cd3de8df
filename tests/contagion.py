"""A law of its own for tests of intervals: incidents bring incidents, and the forecast is not told of any."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from contracts.results import BoolArray, FloatArray, InstantArray, IntArray
from models.pyfunc import log_odds, sigmoid
from models.split import HOUR

PLACES = 40
BROUGHT_OVER_HOURS = 3
STRAY = 0.25  # standard deviation of the forecast's error, log odds


@dataclass(frozen=True)
class Contagion:
    """Hourly rows of every place, each (n,). refitted: strays from the forecast by half the variance of its error."""

    asset: IntArray
    as_of: InstantArray
    occurred: BoolArray
    truth: FloatArray
    forecast: FloatArray
    refitted: FloatArray

    def between(self, first: float, last: float) -> Contagion:
        """A part of the time, as shares of all of it."""
        rows = slice(*(int(share * len(self.asset) / PLACES) * PLACES for share in (first, last)))
        return Contagion(
            *(getattr(self, name)[rows] for name in ("asset", "as_of", "occurred", "truth", "forecast", "refitted"))
        )


def contagion(*, brought: float, days: int, seed: int = 1) -> Contagion:
    """brought: how many more incidents one brings at its place, in the hours after it."""
    random = np.random.default_rng(seed)
    hours = days * 24
    alone = sigmoid(np.linspace(-6.0, -3.5, PLACES) + random.normal(0.0, STRAY, (hours, PLACES)))
    truth, occurred = alone.copy(), np.zeros((hours, PLACES), dtype=bool)
    for hour in range(hours):
        recent = occurred[max(hour - BROUGHT_OVER_HOURS, 0) : hour].sum(axis=0)
        truth[hour] += recent * brought / BROUGHT_OVER_HOURS
        occurred[hour] = random.random(PLACES) < truth[hour]
    usual = np.broadcast_to(truth.mean(axis=0), truth.shape).ravel()
    refitted = sigmoid(log_odds(usual) + random.normal(0.0, STRAY / np.sqrt(2), usual.shape))
    as_of = np.datetime64("2026-03-01", "us") + np.repeat(np.arange(hours), PLACES) * HOUR
    return Contagion(np.tile(np.arange(PLACES), hours), as_of, occurred.ravel(), truth.ravel(), usual, refitted)
