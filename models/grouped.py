"""Reliability group by group: what was forecast against what came true, by district and by season."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from contracts.results import BoolArray, FloatArray, IntArray
from contracts.worth import GroupReliability
from models.blocks import Blocks, estimate
from models.evaluation import equal_count_bins

MIN_INCIDENTS = 10  # for the ratio of observed to forecast
MIN_BLOCKS = 4  # with rows of the group: fewer weeks cannot say how weeks differ


def reliability_by_group(
    probability: FloatArray,
    occurred: BoolArray,
    *,
    kind: str,
    group: IntArray,
    names: tuple[str, ...],
    blocks: Blocks,
    bins: int,
) -> tuple[GroupReliability, ...]:
    """One entry a group with rows. group: (m,) positions in `names`. bins: of equal row counts, within each group."""
    observed = blocks.binned(occurred.astype(np.float64), group, len(names))
    predicted = blocks.binned(probability, group, len(names))
    out = []
    for g in np.unique(group):
        mine = group == g
        rows, incidents = int(mine.sum()), int(observed[0, g])
        ece, by_chance = _ece(probability[mine], occurred[mine], bins)
        known = incidents >= MIN_INCIDENTS and len(np.unique(blocks.block[mine])) >= MIN_BLOCKS
        with np.errstate(invalid="ignore", divide="ignore"):  # a draw may leave a season out
            ratio = estimate(observed[:, g] / predicted[:, g]) if known else None
        out.append(
            GroupReliability(
                kind=kind,
                group=names[g],
                rows=rows,
                incidents=incidents,
                predicted=float(predicted[0, g] / rows),
                observed=incidents / rows,
                ratio=ratio,
                ece=ece,
                ece_by_chance=by_chance,
            )
        )
    return tuple(out)


def _ece(probability: FloatArray, occurred: BoolArray, count: int) -> tuple[float, float]:
    """Calibration error, and the one that right forecasts would show on these rows."""
    bins, used = equal_count_bins(probability, count)
    expected = np.bincount(bins, weights=probability, minlength=used).astype(np.float64)
    observed = np.bincount(bins, weights=occurred, minlength=used)
    return (
        float(np.abs(expected - observed).sum() / len(bins)),
        float(poisson_mean_deviation(expected).sum() / len(bins)),
    )


def poisson_mean_deviation(mean: FloatArray) -> FloatArray:
    """E|K - mean| of a Poisson count: 2 exp(-mean) mean^(floor(mean) + 1) / floor(mean)! (Crow 1958)."""
    whole = np.floor(mean)
    return np.asarray(2 * np.exp(-mean + (whole + 1) * np.log(np.maximum(mean, 1e-300)) - gammaln(whole + 1)))
