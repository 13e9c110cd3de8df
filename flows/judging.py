"""An evaluation as flat numbers for `dvc metrics`, as rows for `dvc plots`, and read back from its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from contracts.results import Estimate, Evaluation, ReliabilityBin

SHOWN = ("log_loss", "log_loss_skill", "brier", "brier_skill", "average_precision", "ece", "recall_at_budget")


def metrics(evaluation: Evaluation) -> dict[str, Any]:
    """rows, incidents, base_rate; each shown score of the model; under its name, each baseline's."""
    return {
        "rows": evaluation.rows,
        "incidents": evaluation.incidents,
        "base_rate": evaluation.base_rate,
        **_values(evaluation.scores),
        **{name: _values(scores) for name, scores in evaluation.baselines.items()},
    }


def reliability_rows(evaluation: Evaluation) -> list[dict[str, float]]:
    """One row a bin: predicted, observed, rows."""
    return [asdict(found) for found in evaluation.reliability]


def read_evaluation(document: Mapping[str, Any]) -> Evaluation:
    """The Evaluation whose `as_json` this is."""
    return Evaluation(
        **{key: document[key] for key in ("hazard", "part", "rows", "incidents", "base_rate")},
        scores=_estimates(document["scores"]),
        baselines={name: _estimates(scores) for name, scores in document["baselines"].items()},
        reliability=tuple(ReliabilityBin(**found) for found in document["reliability"]),
    )


def _values(scores: Mapping[str, Estimate]) -> dict[str, float]:
    return {name: scores[name].value for name in SHOWN}


def _estimates(scores: Mapping[str, Mapping[str, float]]) -> dict[str, Estimate]:
    return {name: Estimate(**found) for name, found in scores.items()}
