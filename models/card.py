"""The model card, in Markdown, written from the run's own results (Mitchell et al. 2019)."""

from __future__ import annotations

from collections.abc import Mapping

from contracts.results import Decision, Estimate, Evaluation
from contracts.worth import Worth
from models.card_worth import (
    FORBIDDEN,
    INTENDED,
    budget_text,
    coverage_text,
    failure_modes,
    fairness_text,
    groups_table,
    severity_text,
)
from models.fit import Fitted

_DECIDED = {"promote": "Promoted", "refuse": "Refused", "wait": "Left to an operator"}
SHOWN = {
    "log_loss": "log loss",
    "log_loss_skill": "log loss skill",
    "brier": "Brier score",
    "brier_skill": "Brier skill",
    "average_precision": "average precision",
    "ece": "calibration error (ECE)",
    "recall_at_budget": "recall at the alarm budget",
    "precision_at_budget": "precision at the alarm budget",
}


def model_card(name: str, fitted: Fitted, evaluation: Evaluation, worth: Worth, decision: Decision) -> str:
    """What the model is, on what it was made, how good it is against what, and what it is not for."""
    model = fitted.model
    sections = [
        f"# {name}",
        f"Probability of at least one **{model.hazard}** at a place within the next {model.horizon_hours} h. "
        f"{_DECIDED[decision.kind]} at {decision.decided_at:%Y-%m-%d %H:%M} UTC.",
        "## Data\n" + _bullets(model.provenance),
        f"## Model\n{len(model.boosters)} LightGBM boosters of {fitted.trees} trees, averaged as log odds; "
        f"{len(model.infos)} features (specification `{model.spec_hash[:12]}`); "
        f"calibration: {model.calibrator.method}, slope {model.calibrator.slope:.3f}." + _unused(fitted.unused),
        f"## Skill\n{evaluation.rows:,} rows of the {evaluation.part} part, {evaluation.incidents:,} with an incident "
        f"({100 * evaluation.base_rate:.3f} %). In brackets: 95 % block-bootstrap interval.\n\n" + _table(evaluation),
        "## Calibration\n" + _reliability(evaluation),
        "## Calibration by district and season\n" + groups_table(worth),
        "## Alarm budget\n"
        f"Bands: elevated from {model.bands.elevated:.4g}, high (an alert) from {model.bands.high:.4g}, "
        f"extreme from {model.bands.extreme:.4g}.\n\n" + budget_text(worth),
        "## Who is warned, who is disturbed\n" + fairness_text(worth),
        "## Intervals\n" + coverage_text(worth),
        "## Severity\n" + severity_text(worth),
        "## What it listens to\n" + _importance(fitted),
        "## Release decision\n" + "\n".join(f"- {reason}" for reason in decision.reasons),
        "## Known failure modes\n" + "\n".join(f"- {text}" for text in failure_modes(worth)),
        "## Intended use\n" + INTENDED,
        "## Forbidden use\n" + "\n".join(f"- {text}" for text in FORBIDDEN),
    ]
    return "\n\n".join(sections) + "\n"


def _table(evaluation: Evaluation) -> str:
    everyone = {"model": evaluation.scores, **evaluation.baselines}
    head = "| | " + " | ".join(name.replace("_", " ") for name in everyone) + " |"
    rule = "| --- |" + " --- |" * len(everyone)
    rows = [
        f"| {words} | " + " | ".join(_estimate(scores[score]) for scores in everyone.values()) + " |"
        for score, words in SHOWN.items()
    ]
    return "\n".join([head, rule, *rows])


def _estimate(got: Estimate) -> str:
    return f"{got.value:.4g} [{got.low:.4g}, {got.high:.4g}]"


def _reliability(evaluation: Evaluation) -> str:
    rows = [f"| {b.predicted:.4g} | {b.observed:.4g} | {b.rows:,} |" for b in evaluation.reliability]
    return "\n".join(["| forecast | observed | rows |", "| --- | --- | --- |", *rows])


def _importance(fitted: Fitted) -> str:
    words = {info.name: info.words for info in fitted.model.infos}
    top = sorted(fitted.importance.items(), key=lambda pair: -pair[1])[:10]
    return "\n".join(f"- {words[name]}: {100 * share:.1f} % of the gain" for name, share in top)


def _bullets(provenance: Mapping[str, object]) -> str:
    return "\n".join(f"- {key.replace('_', ' ')}: {value}" for key, value in provenance.items() if key != "params")


def _unused(unused: tuple[str, ...]) -> str:
    return f" Constant or never known in training, so without effect: {', '.join(unused)}." if unused else ""
