"""The gate: a challenger is released only if it is better, on untouched rows, scored now. Every rule can refuse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from contracts.params import EvaluateParams, PromoteParams
from contracts.results import Decision, Estimate, Evaluation, FloatArray
from models.evaluation import Judged, evaluate, paired_difference


@dataclass(frozen=True)
class Contender:
    """A model's forecasts of the rows that are judged.

    name: for the record, e.g. `ulsan-flood version 7`. fitted_until: the last instant whose incidents it was fitted
    or calibrated on (`RiskModel.provenance["fitted_until"]`).
    """

    name: str
    probability: FloatArray
    fitted_until: datetime


@dataclass(frozen=True)
class Rule:
    """One rule's verdict. `reason` says what was found, whether it passed or not."""

    name: str
    passed: bool
    reason: str


def decide_promotion(
    challenger: Contender,
    champion: Contender | None,
    *,
    judged: Judged,
    baselines: Mapping[str, FloatArray],
    params: PromoteParams,
    evaluate_params: EvaluateParams,
    decided_at: datetime,
) -> Decision:
    """Promote or refuse, with every rule's finding. Without a champion the baselines alone are the bar.

    Rules: rows neither model was fitted on; enough incidents; ECE limit; Brier skill over the base rate; against every
    baseline and the champion, the whole 95 % interval of the paired log loss difference below 0, and no worse Brier
    score.

    Args:
        judged: the rows; the forecasts of `challenger`, `champion` and `baselines` are all of exactly these.

    Raises:
        NotEnoughData: no incident at all, or too short a time for the bootstrap. BadTable: not probabilities.
    """
    evaluation = evaluate(challenger.probability, judged, baselines=baselines, params=evaluate_params)
    rivals = {f"baseline {name}": values for name, values in baselines.items()}
    if champion is not None:
        rivals[f"champion {champion.name}"] = champion.probability
    differences = {
        name: paired_difference(challenger.probability, values, judged, params=evaluate_params)
        for name, values in rivals.items()
    }
    rules = [
        *(_untouched(contender, judged) for contender in (challenger, champion) if contender is not None),
        *_own_merit(evaluation, params),
        *(rule for name, difference in differences.items() for rule in _beats(name, difference)),
    ]
    refused = [rule.reason for rule in rules if not rule.passed]
    return Decision(
        kind="refuse" if refused else "promote",
        subject=challenger.name,
        reasons=tuple(refused or [rule.reason for rule in rules]),
        decided_at=decided_at,
        inputs=_inputs(challenger, champion, evaluation, differences, rules),
    )


def _untouched(contender: Contender, judged: Judged) -> Rule:
    first = judged.as_of.min().astype("datetime64[us]").item().replace(tzinfo=UTC)
    passed = first >= contender.fitted_until
    found = "were not used to fit" if passed else "were partly used to fit"
    return Rule("untouched", passed, f"rows from {first:%Y-%m-%d %H:%M} UTC on {found} {contender.name}")


def _own_merit(evaluation: Evaluation, params: PromoteParams) -> Iterator[Rule]:
    enough = evaluation.incidents >= params.min_test_incidents
    yield Rule("incidents", enough, f"{evaluation.incidents} rows with an incident, needed {params.min_test_incidents}")
    ece = evaluation.scores["ece"].value
    yield Rule("calibration", ece <= params.max_ece, f"expected calibration error {ece:.4f}, limit {params.max_ece}")
    skill = evaluation.scores["brier_skill"].value
    passed = skill > params.min_brier_skill
    yield Rule("skill", passed, f"Brier skill {skill:.4f}, must be above {params.min_brier_skill}")


def _beats(rival: str, difference: Mapping[str, Estimate]) -> Iterator[Rule]:
    loss, brier = difference["log_loss"], difference["brier"]
    found = f"log loss {loss.value:+.5f} [{loss.low:+.5f}, {loss.high:+.5f}] against {rival}"
    yield Rule("log_loss", loss.high < 0, found if loss.high < 0 else f"{found}: not surely better")
    found = f"Brier score {brier.value:+.6f} [{brier.low:+.6f}, {brier.high:+.6f}] against {rival}"
    yield Rule("brier", brier.value <= 0, found if brier.value <= 0 else f"{found}: worse")


def _inputs(
    challenger: Contender,
    champion: Contender | None,
    evaluation: Evaluation,
    differences: Mapping[str, Mapping[str, Estimate]],
    rules: list[Rule],
) -> dict[str, Any]:
    return {
        "challenger": challenger.name,
        "champion": champion.name if champion else None,
        "evaluation": evaluation.as_json(),
        "differences": {n: {score: asdict(e) for score, e in d.items()} for n, d in differences.items()},
        "rules": [asdict(rule) for rule in rules],
    }
