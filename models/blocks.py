"""The block bootstrap: whole blocks of days are drawn, so that dependence within a block is kept (Künsch 1989).

A score that is a ratio of sums needs only each block's sums: a replicate is then one row of block weights times a
small matrix, never a pass over the rows. Average precision is a sum over thresholds of such ratios.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from contracts.errors import NotEnoughData
from contracts.params import EvaluateParams
from contracts.results import Estimate, FloatArray, InstantArray, IntArray

DAY = np.timedelta64(86_400_000_000, "us")
COVERAGE = (0.025, 0.975)
CHUNK_CELLS = 4_000_000  # of a replicates x thresholds matrix, so that memory stays small


@dataclass(frozen=True)
class Blocks:
    """block: (m,) position of each row's block. weights: (1 + replicates, blocks); row 0 is all ones: the estimate."""

    block: IntArray
    weights: FloatArray
    days: float

    @property
    def count(self) -> int:
        return int(self.weights.shape[1])

    def sums(self, values: FloatArray) -> FloatArray:
        """(blocks,) sum of a per-row quantity."""
        return np.bincount(self.block, weights=values, minlength=self.count).astype(np.float64)

    def total(self, values: FloatArray) -> FloatArray:
        """(1 + replicates,) weighted sums of a per-row quantity."""
        return np.asarray(self.weights @ self.sums(values))

    def binned(self, values: FloatArray, bins: IntArray, count: int) -> FloatArray:
        """(1 + replicates, count) weighted sums within bins."""
        flat = np.bincount(self.block * count + bins, weights=values, minlength=self.count * count)
        return np.asarray(self.weights @ flat.reshape(self.count, count))


def draw_blocks(as_of: InstantArray, params: EvaluateParams) -> Blocks:
    """Blocks of `block_days` from the first row on, and `replicates` draws of as many blocks with replacement.

    Raises:
        NotEnoughData: fewer than two blocks hold rows; an interval would then mean nothing.
    """
    day = ((as_of - as_of.min()) // DAY).astype(np.int64)
    _, block = np.unique((day / params.block_days).astype(np.int64), return_inverse=True)
    count = int(block.max()) + 1
    if count < 2:
        raise NotEnoughData(
            f"{int(day.max()) + 1} days make {count} block of {params.block_days:g} days",
            where="evaluate",
            allowed="at least 2 blocks, better 10",
            fix="lengthen split.test_days or lower evaluate.block_days",
        )
    random = np.random.default_rng(params.seed)
    drawn = random.multinomial(count, np.full(count, 1.0 / count), size=params.replicates)
    weights = np.vstack([np.ones(count), drawn])
    return Blocks(block.astype(np.int64), weights, float(day.max() + 1))


def estimate(replicated: FloatArray) -> Estimate:
    """Row 0 is the value; the rest give the 95 % interval, which always contains the value."""
    value, draws = float(replicated[0]), replicated[1:][np.isfinite(replicated[1:])]
    low, high = np.quantile(draws, COVERAGE) if len(draws) else (value, value)
    return Estimate(value, min(float(low), value), max(float(high), value))


def average_precision(blocks: Blocks, probability: FloatArray, occurred: FloatArray) -> FloatArray:
    """(1 + replicates,) step-wise average precision; equal scores are one threshold, as in scikit-learn.

    Only thresholds with an incident count, so per block the rows at or above each such threshold are enough.
    """
    scores, threshold = np.unique(-probability, return_inverse=True)
    hit = np.bincount(threshold, weights=occurred, minlength=len(scores)) > 0
    used = np.flatnonzero(hit)
    slot = np.searchsorted(used, threshold)  # the first used threshold at or below the row's score
    seen = slot < len(used)
    cells = blocks.count * len(used)
    flat = blocks.block[seen] * len(used) + slot[seen]
    rows, hits = (
        np.bincount(flat, weights=weights, minlength=cells).reshape(blocks.count, len(used)).astype(np.float64)
        for weights in (np.ones(len(flat)), occurred[seen])
    )
    chunk = max(1, CHUNK_CELLS // len(used))
    starts = range(0, len(blocks.weights), chunk)
    return np.concatenate([_precision_sum(blocks.weights[start : start + chunk], hits, rows) for start in starts])


def _precision_sum(weights: FloatArray, hits: FloatArray, rows: FloatArray) -> FloatArray:
    new_hits, new_rows = weights @ hits, weights @ rows
    all_hits, all_rows = np.cumsum(new_hits, axis=1), np.cumsum(new_rows, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):  # a draw without incidents has no average precision
        precision = np.where(all_rows > 0, all_hits / all_rows, 0.0)
        return np.asarray((new_hits * precision).sum(axis=1) / all_hits[:, -1])
