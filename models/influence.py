"""Whose data a challenger's gain rests on, and where it loses. docs/decisions/006-influence.md says why it is so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from contracts.params import EvaluateParams
from contracts.results import BoolArray, Estimate, Features, FloatArray, InstantArray
from models.blocks import draw_blocks, estimate
from models.evaluation import Judged, row_losses
from models.pyfunc import log_odds, sigmoid

WIDEST, HALVINGS = 20.0, 30  # log odds that a level is looked for in, to 2e-8
TextArray = npt.NDArray[np.object_]


@dataclass(frozen=True)
class WithoutPartner:
    """The judged rows as if one partner had shared nothing, all (m,).

    kept: False where an incident is known from this partner alone; nobody can say whether it happened.
    challenger, rival: forecasts from features in which this partner's readings are not known.
    """

    kept: BoolArray
    challenger: FloatArray
    rival: FloatArray


@dataclass(frozen=True)
class Influence:
    """gain: of log loss a row over the rival, with everybody's data. left: without the partner's; None where that
    leaves no incident."""

    gain: Estimate
    left: Estimate | None

    @property
    def share(self) -> float:
        """The part of the gain that goes with the partner: 1 is all of it; below 0, the partner's data hides gain."""
        return 0.0 if self.left is None or self.gain.value == 0 else 1.0 - self.left.value / self.gain.value


def unknown_readings(features: Features, metrics: frozenset[str]) -> Features:
    """The same rows with every feature of these metrics not known, as when their feeds are silent."""
    columns = [place for place, info in enumerate(features.infos) if info.source in metrics]
    values = np.array(features.values)
    values[:, columns] = np.nan
    return replace(features, values=values)


def influence(
    challenger: FloatArray, rival: FloatArray, judged: Judged, without: WithoutPartner, *, params: EvaluateParams
) -> Influence:
    """The mean gain over all rows, and over the rows that are kept by the forecasts that are left.

    Both forecasts are brought to the level of the rows first: rows with incidents are taken away, and every forecast
    of the whole risk would be punished for that, the better one the most. So a gain of the level alone is none here.

    Raises:
        NotEnoughData: too short a time for the bootstrap.
    """
    kept, occurred = without.kept, judged.occurred
    everything = _gain(challenger, rival, occurred, judged.as_of, params)
    if not (occurred & kept).any():
        return Influence(everything, None)
    left = _gain(without.challenger[kept], without.rival[kept], occurred[kept], judged.as_of[kept], params)
    return Influence(everything, left)


def by_district(
    probability: FloatArray, rival: FloatArray, judged: Judged, *, districts: TextArray, params: EvaluateParams
) -> dict[str, Estimate]:
    """District -> how much higher the log loss is than the rival's, as a share of it: 0.05 is 5 % worse.

    Args:
        districts: (m,) text; empty where none is known, and left out.

    Raises:
        NotEnoughData: too short a time for the bootstrap.
    """
    blocks = draw_blocks(judged.as_of, params)
    mine, theirs = (row_losses(values, judged.occurred)["log_loss"] for values in (probability, rival))
    out: dict[str, Estimate] = {}
    for district in sorted(set(districts) - {""}):
        inside = (districts == district).astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):  # a draw without the district says nothing of it
            out[district] = estimate(blocks.total(mine * inside) / blocks.total(theirs * inside) - 1.0)
    return out


def influences(
    challenger: FloatArray,
    rival: FloatArray,
    judged: Judged,
    without: Mapping[str, WithoutPartner],
    *,
    params: EvaluateParams,
) -> dict[str, Influence]:
    """Partner -> its influence."""
    return {partner: influence(challenger, rival, judged, left, params=params) for partner, left in without.items()}


def levelled(probability: FloatArray, rate: float) -> FloatArray:
    """The forecasts with one number added to their log odds, so that their mean is `rate`, inside (0, 1)."""
    odds, low, high = log_odds(probability), -WIDEST, WIDEST
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if sigmoid(odds + middle).mean() > rate else (middle, high)
    return sigmoid(odds + (low + high) / 2)


def _gain(
    challenger: FloatArray, rival: FloatArray, occurred: BoolArray, as_of: InstantArray, params: EvaluateParams
) -> Estimate:
    rate = float(occurred.mean())
    mine, theirs = (row_losses(levelled(values, rate), occurred)["log_loss"] for values in (challenger, rival))
    blocks = draw_blocks(as_of, params)
    with np.errstate(invalid="ignore", divide="ignore"):  # a draw of blocks without rows says nothing
        return estimate(blocks.total(theirs - mine) / blocks.total(np.ones(len(mine))))
