"""Who is warned and who is disturbed: recall and false alarms by district, with what chance alone would show.

Recall differs between districts for good reasons too: where risk is steady and low there is less to foresee. A gap
beyond chance is a question to people, not a verdict.
"""

from __future__ import annotations

import numpy as np

from contracts.results import BoolArray, Estimate, FloatArray, IntArray
from contracts.worth import FairShares, Share
from models.blocks import Blocks, estimate

MIN_INCIDENTS = 10  # rows with an incident; the recall of fewer moves by more than a tenth with each one
CHANCE_DRAWS = 2_000
MONTH_DAYS = 30.0


def fair_shares(
    probability: FloatArray,
    occurred: BoolArray,
    *,
    threshold: float,
    asset: IntArray,
    group: IntArray,
    names: tuple[str, ...],
    blocks: Blocks,
) -> FairShares:
    """Every district's recall and false alarms at one threshold, the same for all.

    Args:
        asset, group: (m,) position of each row's place, and of its district in `names`.
    """
    alert = probability >= threshold
    hits, caught, false, rows = (
        blocks.binned(values.astype(np.float64), group, len(names))
        for values in (occurred, alert & occurred, alert & ~occurred, np.ones(len(alert)))
    )
    with np.errstate(invalid="ignore", divide="ignore"):  # a draw may leave a district without incidents or rows
        recall = caught / hits
        places = np.array([len(np.unique(asset[group == g])) for g in range(len(names))])
        rows_a_day = rows[0].sum() / blocks.days / max(places.sum(), 1)  # of one place
        false_rate = false / rows * rows_a_day * MONTH_DAYS
    enough = hits[0] >= MIN_INCIDENTS
    shares = tuple(
        Share(
            group=names[g],
            places=int(places[g]),
            rows=int(rows[0, g]),
            incidents=int(hits[0, g]),
            alerts=int(caught[0, g] + false[0, g]),
            recall=_recall(recall[:, g], int(hits[0, g])) if enough[g] else None,
            false_alarms_per_place_month=estimate(false_rate[:, g]),
        )
        for g in range(len(names))
        if rows[0, g] > 0
    )
    return _with_gap(shares, threshold, recall=recall, hits=hits[0], names=names, judged=np.flatnonzero(enough))


def _recall(replicated: FloatArray, incidents: int) -> Estimate:
    """Draws of none caught are all 0 and those of all caught all 1: there the exact bound of a share is the end."""
    got, least = estimate(replicated), 0.025 ** (1 / incidents)
    if got.value == 0:
        return Estimate(0.0, 0.0, 1 - least)
    return Estimate(1.0, least, 1.0) if got.value == 1 else got


def _with_gap(
    shares: tuple[Share, ...],
    threshold: float,
    *,
    recall: FloatArray,
    hits: FloatArray,
    names: tuple[str, ...],
    judged: IntArray,
) -> FairShares:
    if len(judged) < 2:
        note = f"too few incidents: a gap needs two districts with at least {MIN_INCIDENTS} rows with an incident each"
        return FairShares(float(threshold), shares, None, None, "", "", note)
    best, worst = judged[np.argmax(recall[0, judged])], judged[np.argmin(recall[0, judged])]
    gap = estimate(recall[:, best] - recall[:, worst])
    chance = gap_by_chance(recall[0, judged], hits[judged])
    verdict = "more than chance shows" if gap.value > chance else "no more than chance shows"
    left_out = len(shares) - len(judged)
    note = f"{verdict}; {left_out} districts have too few incidents to judge" if left_out else verdict
    return FairShares(float(threshold), shares, gap, chance, names[best], names[worst], note)


def gap_by_chance(recall: FloatArray, incidents: FloatArray) -> float:
    """95 % quantile of highest less lowest recall when every district's incidents are caught with the same chance."""
    together = float((recall * incidents).sum() / incidents.sum())
    drawn = np.random.default_rng(0).binomial(incidents.astype(np.int64), together, (CHANCE_DRAWS, len(incidents)))
    shares = drawn / incidents
    return float(np.quantile(shares.max(axis=1) - shares.min(axis=1), 0.95))
