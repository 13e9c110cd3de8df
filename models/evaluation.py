"""How good forecasts are, by proper rules, each with a 95 % block-bootstrap interval, baselines on the same rows.

| score | what it is |
| --- | --- |
| log_loss, brier | proper rules, lower is better |
| log_loss_skill, brier_skill | 1 - score / score of the training base rate; 0 is no skill |
| average_precision | area under precision against recall, step-wise |
| ece | expected calibration error over bins of equal row counts |
| reliability, resolution, uncertainty | Murphy's decomposition of the Brier score (1973) over the same bins; \
what varies within a bin is left over, so brier differs from reliability - resolution + uncertainty by that |
| recall_at_budget, precision_at_budget | over the rows with the highest risk, as many as the alarm budget allows |
| recall_at_true | over as many rows as there are incidents |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from contracts.errors import BadTable, NotEnoughData
from contracts.params import EvaluateParams
from contracts.results import (
    BoolArray,
    Estimate,
    Evaluation,
    FloatArray,
    InstantArray,
    IntArray,
    ReliabilityBin,
)
from models.blocks import Blocks, average_precision, draw_blocks, estimate


@dataclass(frozen=True)
class Judged:
    """The rows that are judged: what happened, when, and what the training part's base rate was."""

    hazard: str
    part: str
    occurred: BoolArray
    as_of: InstantArray
    base_rate: float
    alerts_per_day: float


def evaluate(
    probability: FloatArray,
    judged: Judged,
    *,
    baselines: Mapping[str, FloatArray],
    params: EvaluateParams,
) -> Evaluation:
    """Every score of the forecasts, and of each baseline's, on the same rows and the same bootstrap draws.

    Args:
        probability: (m,) strictly inside (0, 1).
        baselines: name -> (m,) probabilities.

    Raises:
        NotEnoughData: no row, no incident, or fewer than two blocks. BadTable: not probabilities.
    """
    incidents = int(judged.occurred.sum())
    if incidents == 0:
        raise NotEnoughData(
            f"no incident in the {len(judged.occurred)} rows of the {judged.part} part",
            where=f"evaluate {judged.hazard}",
            allowed="at least 1, better 20",
            fix="lengthen the part, or wait until more labels are ripe",
        )
    for name, values in {"model": probability, **baselines}.items():
        _check(name, values, len(judged.occurred))
    blocks = draw_blocks(judged.as_of, params)
    return Evaluation(
        hazard=judged.hazard,
        part=judged.part,
        rows=len(judged.occurred),
        incidents=incidents,
        base_rate=incidents / len(judged.occurred),
        scores=_estimates(probability, judged, blocks, params),
        baselines={name: _estimates(values, judged, blocks, params) for name, values in baselines.items()},
        reliability=reliability_bins(probability, judged.occurred, params.reliability_bins),
    )


def paired_difference(
    probability: FloatArray, other: FloatArray, judged: Judged, *, params: EvaluateParams
) -> dict[str, Estimate]:
    """Score of `probability` minus score of `other`, on the same draws: far narrower than two intervals apart.

    Keys: log_loss, brier, average_precision. Below 0 is better for the first two, above 0 for the last.
    """
    blocks = draw_blocks(judged.as_of, params)
    mine, theirs = (_replicated(values, judged, blocks, params) for values in (probability, other))
    return {name: estimate(mine[name] - theirs[name]) for name in ("log_loss", "brier", "average_precision")}


def flat_metrics(evaluation: Evaluation) -> dict[str, float]:
    """`part.score`, `part.score.low`, `part.score.high`, `part.baseline.score` ...: what a run logs."""
    part = evaluation.part
    out = {f"{part}.{key}": float(getattr(evaluation, key)) for key in ("rows", "incidents", "base_rate")}
    everyone = {"": evaluation.scores, **{f"{name}.": scores for name, scores in evaluation.baselines.items()}}
    for prefix, scores in everyone.items():
        for score, got in scores.items():
            for suffix, value in (("", got.value), (".low", got.low), (".high", got.high)):
                out[f"{part}.{prefix}{score}{suffix}"] = value
    return out


def row_losses(probability: FloatArray, occurred: BoolArray) -> dict[str, FloatArray]:
    """(m,) log loss and Brier score of each row."""
    chance_of_truth = np.where(occurred, probability, 1.0 - probability)
    return {"log_loss": -np.log(chance_of_truth), "brier": (probability - occurred) ** 2}


def reliability_bins(probability: FloatArray, occurred: BoolArray, count: int) -> tuple[ReliabilityBin, ...]:
    """Mean forecast against observed rate in bins of equal row counts; equal forecasts share a bin."""
    bins, used = equal_count_bins(probability, count)
    rows = np.bincount(bins, minlength=used)
    predicted = np.bincount(bins, weights=probability, minlength=used) / rows
    observed = np.bincount(bins, weights=occurred, minlength=used) / rows
    return tuple(ReliabilityBin(float(p), float(o), int(n)) for p, o, n in zip(predicted, observed, rows, strict=True))


def equal_count_bins(probability: FloatArray, count: int) -> tuple[IntArray, int]:
    """Bin of each row and how many bins are used; none is empty."""
    edges = np.unique(np.quantile(probability, np.linspace(0, 1, count + 1)[1:-1]))
    _, bins = np.unique(np.searchsorted(edges, probability), return_inverse=True)
    return bins.astype(np.int64), int(bins.max()) + 1


def _estimates(probability: FloatArray, judged: Judged, blocks: Blocks, params: EvaluateParams) -> dict[str, Estimate]:
    return {name: estimate(values) for name, values in _replicated(probability, judged, blocks, params).items()}


def _replicated(
    probability: FloatArray, judged: Judged, blocks: Blocks, params: EvaluateParams
) -> dict[str, FloatArray]:
    """Score -> (1 + replicates,)."""
    occurred = judged.occurred.astype(np.float64)
    rows, hits = blocks.total(np.ones(len(occurred))), blocks.total(occurred)
    out: dict[str, FloatArray] = {}
    reference = row_losses(np.full(len(occurred), judged.base_rate), judged.occurred)
    for name, losses in row_losses(probability, judged.occurred).items():
        total = blocks.total(losses)
        out[name] = total / rows
        out[f"{name}_skill"] = 1.0 - total / blocks.total(reference[name])
    out["average_precision"] = average_precision(blocks, probability, occurred)
    out |= _decomposition(probability, occurred, blocks, params.reliability_bins)
    budget = min(len(occurred), max(1, round(judged.alerts_per_day * blocks.days)))
    alerts = blocks.total(_in_top(probability, budget))
    caught = blocks.total(_in_top(probability, budget) * occurred)
    with np.errstate(invalid="ignore", divide="ignore"):  # a draw without incidents has no recall
        out["recall_at_budget"], out["precision_at_budget"] = caught / hits, caught / alerts
        out["recall_at_true"] = blocks.total(_in_top(probability, int(occurred.sum())) * occurred) / hits
    return out


def _decomposition(probability: FloatArray, occurred: FloatArray, blocks: Blocks, count: int) -> dict[str, FloatArray]:
    bins, used = equal_count_bins(probability, count)
    rows = blocks.binned(np.ones(len(occurred)), bins, used)
    predicted, observed = blocks.binned(probability, bins, used), blocks.binned(occurred, bins, used)
    everything = rows.sum(axis=1, keepdims=True)
    base = observed.sum(axis=1, keepdims=True) / everything
    safe = np.maximum(rows, 1.0)  # a draw may leave a bin empty; its weight is then 0
    share, gap = rows / everything, (predicted - observed) / safe
    return {
        "ece": (share * np.abs(gap)).sum(axis=1),
        "reliability": (share * gap**2).sum(axis=1),
        "resolution": (share * (observed / safe - base) ** 2).sum(axis=1),
        "uncertainty": (base * (1.0 - base))[:, 0],
    }


def _in_top(probability: FloatArray, count: int) -> FloatArray:
    """1 for the `count` highest rows, 0 for the rest; rows equal at the border share what is left (a fair draw)."""
    border = np.partition(probability, len(probability) - count)[len(probability) - count]
    above, equal = probability > border, probability == border
    return np.asarray(above + equal * ((count - above.sum()) / equal.sum()))


def _check(name: str, values: FloatArray, rows: int) -> None:
    if values.shape != (rows,) or not np.all((values > 0) & (values < 1)):
        raise BadTable(
            f"{name} is not {rows} probabilities",
            where="evaluate",
            allowed="one number strictly between 0 and 1 for each row",
        )
