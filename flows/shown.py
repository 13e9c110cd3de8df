"""What the report shows, read back from what the stages left; what is not there yet is left out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from contracts.errors import NotFound
from contracts.results import Decision, QualityReport, RuleCount
from contracts.worth import read_worth
from flows.documents import read_json
from flows.each import Outcome
from flows.judging import read_evaluation
from flows.outputs import Outputs
from flows.pages import decision_rows, verdicts
from flows.places import outputs_of, pilot_of
from flows.settings import Settings

if TYPE_CHECKING:
    from reporting import Changed, ReportInputs

ACT = "second_act.json"  # what the demo's second act leaves beside the decisions


def report_inputs(settings: Settings, name: str, *, now: datetime) -> ReportInputs:
    """Everything of one pilot that the page shows.

    Raises:
        NotFound: the score stage has not run.
    """
    from reporting import ReportInputs, SkillRow

    pilot, outputs = pilot_of(settings, name), outputs_of(settings, name)
    if not (outputs.scores / "scores.parquet").is_file():
        raise NotFound("no scores", where=str(outputs.scores), fix="run the score stage first")
    found = {hazard: outputs.evaluation(hazard) for hazard in pilot.hazards if outputs.evaluation(hazard).is_file()}
    decided = {hazard: outputs.decision(hazard) for hazard in found if outputs.decision(hazard).is_file()}
    valued = {hazard: outputs.worth(hazard) for hazard in found if outputs.worth(hazard).is_file()}
    reached = {hazard: outputs.attainable(hazard) for hazard in found if outputs.attainable(hazard).is_file()}
    return ReportInputs(
        pilot=pilot,
        made_at=now,
        scores=pd.read_parquet(outputs.scores / "scores.parquet"),
        assets=pd.read_parquet(outputs.scores / "assets.parquet"),
        evaluations={hazard: read_evaluation(_json(path)) for hazard, path in found.items()},
        worths={hazard: read_worth(_json(path)) for hazard, path in valued.items()},
        decisions={hazard: _decision(_json(path)) for hazard, path in decided.items()},
        quality=_quality(outputs),
        attainable={hazard: SkillRow(hazard=hazard, **_json(path)) for hazard, path in reached.items()},
        links=links(settings, name),
        changed=_changed(outputs),
    )


def _changed(outputs: Outputs) -> Changed | None:
    """What the demo's second act left, with the page as the report sees it."""
    from flows.stages.watch import PAGE
    from reporting import Changed

    if not (outputs.monitor / ACT).is_file():
        return None
    act, page = _json(outputs.monitor / ACT), outputs.monitor / PAGE
    return Changed(
        decisions=decision_rows(told_decisions(act)),
        verdicts=told_verdicts(act),
        recovered=act["recovered"],
        page=os.path.relpath(page, outputs.report.parent) if page.is_file() else "",
    )


def told_decisions(act: Mapping[str, Any]) -> list[Any]:
    """Of the second act: all about the models that something was asked for, and of the others what is not nothing."""
    return [made for made in act["decisions"] if made["hazard"] in act["asked"] or made["kind"] != "nothing"]


def told_verdicts(act: Mapping[str, Any]) -> list[str]:
    """Of the second act: what the gate said of each model that was asked for, or why there was none to judge."""
    outcomes = [Outcome(**each) for each in act["trained"]]
    return [*verdicts(outcomes), *(f"{each.name}: no new model. {each.refused}" for each in outcomes if each.refused)]


def links(settings: Settings, name: str) -> dict[str, str]:
    """Where to go next. Paths are relative to the project folder, so that the page can be sent on."""
    outputs = outputs_of(settings, name)
    pages = sorted(outputs.docs.rglob("index.html"), key=lambda path: len(path.parts))
    data_docs = {"Data Docs": _below(settings, pages[0])} if pages else {}
    return {
        "Runs and models (Prefect, MLflow)": "make up",
        **data_docs,
        "Scores": _below(settings, outputs.scores),
        "Refused rows": f"foresafe quarantine {name} list",
    }


def _below(settings: Settings, path: Path) -> str:
    return str(path.relative_to(settings.home)) if path.is_relative_to(settings.home) else str(path)


def _json(path: Path) -> Any:
    return read_json(path, made_by=path.parent.name)


def _decision(document: dict[str, Any]) -> Decision:
    kept = {key: document[key] for key in ("kind", "subject", "inputs")}
    at = datetime.fromisoformat(document["decided_at"])
    return Decision(**kept, reasons=tuple(document["reasons"]), decided_at=at)


def _quality(outputs: Outputs) -> list[QualityReport]:
    documents = [found for path in sorted(outputs.quality.glob("*.json")) for found in _json(path)]
    return [
        QualityReport(**{**found, "rules": tuple(RuleCount(**rule) for rule in found["rules"])}) for found in documents
    ]
