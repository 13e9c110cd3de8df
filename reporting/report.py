"""The report page: one HTML file that works offline. What was forecast, how far to trust it, and on what data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from markupsafe import Markup

from contracts.alarm_rate import PEAK_AT_ONCE
from contracts.pilot import Pilot
from contracts.results import Decision, Evaluation, QualityReport
from contracts.worth import Worth
from reporting import charts
from reporting.combined import combined_risk
from reporting.geometry import cell_ring, outline
from reporting.page import template

STEP = 2.5  # between two colours of the map
BANDS = ("low", "elevated", "high", "extreme")
NAMES = {
    "climatology": "climatology",
    "recent_rate": "recent rate",
    "logistic_regression": "logistic regression",
    "base_rate": "base rate",
}


@dataclass(frozen=True)
class SkillRow:
    """Log-loss skill of one hazard on the simulated city: climatology is 0 and the true risk is 1."""

    hazard: str
    share: float
    truth_log_loss: float
    model_log_loss: float
    climatology_log_loss: float


@dataclass(frozen=True)
class Changed:
    """The city changed, and what was done about it: once, in the demo.

    decisions: rows of when, model, decision and reasons. verdicts: what the gate said. recovered: hazard -> stretches
    of time with log losses of the `old model` and the `new model`, and their shares of what could be known; None where
    the new one was not judged.
    page: where Evidently's page is, seen from the report.
    """

    decisions: Sequence[Mapping[str, str]]
    verdicts: Sequence[str]
    recovered: Mapping[str, Sequence[Mapping[str, Any]]]
    page: str


@dataclass(frozen=True)
class ReportInputs:
    """All that the page shows.

    scores: SCORES columns, one forecast instant. assets: asset_id, name, district, lon, lat. quality: one a batch.
    worths: hazard -> what its forecasts are worth to those who act. attainable: only where the truth is known
    (simulation). links: words -> where to go next. changed: None where nothing of the kind was played.
    """

    pilot: Pilot
    made_at: datetime
    scores: pd.DataFrame
    assets: pd.DataFrame
    evaluations: Mapping[str, Evaluation]
    worths: Mapping[str, Worth]
    decisions: Mapping[str, Decision]
    quality: Sequence[QualityReport]
    attainable: Mapping[str, SkillRow]
    links: Mapping[str, str]
    changed: Changed | None = None


def render_report(inputs: ReportInputs) -> str:
    """The whole page as text."""
    return template("report.html.j2").render(
        pilot=inputs.pilot,
        as_of=_local(inputs.scores["as_of"].iloc[0], inputs.pilot) if len(inputs.scores) else "",
        made_at=_local(inputs.made_at, inputs.pilot),
        zone=inputs.pilot.timezone,
        hazards=[_hazard_card(inputs, hazard) for hazard in sorted(set(inputs.scores["hazard"]))],
        combined=_combined(inputs),
        feeds=_feeds(inputs.quality),
        refusals=_refusals(inputs.quality),
        links=inputs.links,
        changed=inputs.changed,
        recovered=[
            _recovered_card(inputs, *found) for found in (inputs.changed.recovered if inputs.changed else {}).items()
        ],
    )


def _recovered_card(inputs: ReportInputs, hazard: str, stretches: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    shares = [
        (f"{stretch['when'].split()[0]}: {words}", stretch[f"{which} share"])
        for stretch in stretches
        for which, words in (("old", "old model"), ("new", "new model"))
        if stretch[f"{which} share"] is not None
    ]
    bars = charts.skill_bars([(words, share, share, share) for words, share in shares])
    return {"label": inputs.pilot.hazards[hazard].label or hazard, "bars": Markup(bars), "stretches": stretches}


def _local(instant: datetime, pilot: Pilot) -> str:
    return pd.Timestamp(instant).tz_convert(ZoneInfo(pilot.timezone)).strftime("%Y-%m-%d %H:%M")


def _hazard_card(inputs: ReportInputs, hazard: str) -> dict[str, object]:
    rule = inputs.pilot.hazards[hazard]
    scores = inputs.scores[inputs.scores["hazard"] == hazard].merge(
        inputs.assets[["asset_id", "name", "district", "lon", "lat"]], on="asset_id", how="left"
    )
    scores = scores.sort_values("probability", ascending=False)
    evaluation = inputs.evaluations.get(hazard)
    return {
        "key": hazard,
        "label": rule.label or hazard,
        "horizon": rule.horizon_hours,
        "map": Markup(charts.risk_map(_shapes(scores))),
        "legend": Markup(charts.legend(_legend(scores))),
        "top": [_top_row(row) for row in scores.head(8).to_dict("records")],
        "expected": float(scores["probability"].sum()),
        "alarms": int(scores["band"].isin(BANDS[2:]).sum()),
        "degraded": sorted({text for text in scores["degraded"] if text}),
        "version": f"{scores['model'].iloc[0]} v{scores['version'].iloc[0]}",
        "evaluation": evaluation,
        "reliability": Markup(charts.reliability(evaluation.reliability)) if evaluation else "",
        "skill": Markup(charts.skill_bars(_skill_rows(evaluation))) if evaluation else "",
        "attainable": inputs.attainable.get(hazard),
        "decision": inputs.decisions.get(hazard),
        **_worth_card(inputs.worths.get(hazard)),
    }


def _combined(inputs: ReportInputs) -> list[dict[str, object]]:
    """The places of the highest risk over all hazards; none where there is one hazard only."""
    if inputs.scores["hazard"].nunique() < 2:
        return []
    top = combined_risk(inputs.scores).head(5).merge(inputs.assets[["asset_id", "name", "district"]], how="left")
    labels = {hazard: rule.label or hazard for hazard, rule in inputs.pilot.hazards.items()}
    return [{**row, "leading": labels[row["leading_hazard"]]} for row in top.to_dict("records")]


def _worth_card(worth: Worth | None) -> dict[str, object]:
    """What the page shows of it: the reliability of districts apart from that of seasons."""
    if worth is None:
        return {"worth": None}
    kinds = {kind: [group for group in worth.reliability if group.kind == kind] for kind in ("district", "season")}
    recall = {share.group: share for share in worth.fairness.shares}
    return {
        "worth": worth,
        "districts": [{"reliability": group, "share": recall.get(group.group)} for group in kinds["district"]],
        "seasons": kinds["season"],
        "groups": Markup(charts.ratio_lines(worth.reliability)),
        "costs": Markup(charts.cost_lines(worth.costs)),
        "peak": PEAK_AT_ONCE,
    }


def _top_row(row: Mapping[str, object]) -> dict[str, object]:
    return {**row, "drivers": str(row["drivers"]).split("\n")}


def _shapes(scores: pd.DataFrame) -> list[charts.Shape]:
    """Each colour is a step of STEP in risk below the map's highest: the pattern shows even beside one hot place."""
    highest = float(scores["probability"].max()) if len(scores) else 1.0
    shapes = []
    for row in scores.to_dict("records"):
        geometry = outline(row["asset_id"], float(row["lon"]), float(row["lat"]))
        if geometry is None:
            continue
        ring = cell_ring(row["asset_id"]) if geometry["type"] == "Polygon" else [tuple(geometry["coordinates"])]
        tooltip = (
            f"{row['name']} ({row['district']})\n{charts.percent(row['probability'])}, 90 % interval "
            f"{charts.percent(row['low'])} to {charts.percent(row['high'])}\n"
            f"usual here at this hour: {charts.percent(row['baseline'])}\n{row['drivers']}"
        )
        shapes.append(charts.Shape(ring, _strength(row["probability"], highest), tooltip, row["band"] in BANDS[2:]))
    return shapes


def _legend(scores: pd.DataFrame) -> list[tuple[float, str]]:
    highest = float(scores["probability"].max()) if len(scores) else 1.0
    steps = len(charts.RAMP)
    return [((i + 0.5) / steps, f"to {charts.percent(highest / STEP ** (steps - 1 - i))}") for i in range(steps)]


def _strength(probability: float, highest: float) -> float:
    steps_down = math.log(highest / max(probability, 1e-12)) / math.log(STEP)
    return 1 - (math.floor(steps_down) + 0.5) / len(charts.RAMP)


def _skill_rows(evaluation: Evaluation) -> list[tuple[str, float, float, float]]:
    """Log-loss skill of the model and of each baseline on the same rows; 0 is the base rate of the training part."""
    rows = []
    if "log_loss_skill" in evaluation.scores:
        model = evaluation.scores["log_loss_skill"]
        rows.append(("Foresafe model", model.value, model.low, model.high))
    for name, scores in evaluation.baselines.items():
        if "log_loss_skill" in scores:
            skill = scores["log_loss_skill"]
            rows.append((NAMES.get(name, name), skill.value, skill.low, skill.high))
    return rows


def _feeds(quality: Sequence[QualityReport]) -> list[dict[str, object]]:
    rows = pd.DataFrame([{**q.as_json(), "refused": int(bool(q.refused))} for q in quality])
    if rows.empty:
        return []
    totals = rows.groupby(["partner", "feed"], as_index=False).agg(
        batches=("batch", "nunique"),
        rows=("rows", "sum"),
        accepted=("accepted", "sum"),
        duplicates=("duplicates", "sum"),
        quarantined=("quarantined", "sum"),
        refused=("refused", "sum"),
    )
    return [{str(key): value for key, value in row.items()} for row in totals.to_dict("records")]


def _refusals(quality: Sequence[QualityReport]) -> list[dict[str, object]]:
    """Each rule that refused rows, with one example, most first; then whole batches that were refused."""
    counts: dict[tuple[str, str, str, str], dict[str, object]] = {}
    for report in quality:
        for rule in report.rules:
            key = (report.partner, report.feed, rule.rule, rule.column)
            first = {"example": rule.first_value, "source": report.source, "row": rule.first_row, "rows": 0}
            counts.setdefault(key, first)["rows"] += rule.rows  # type: ignore[operator]
    named = [
        dict(zip(("partner", "feed", "rule", "column"), key, strict=True)) | value for key, value in counts.items()
    ]
    named.sort(key=lambda row: -int(str(row["rows"])))
    whole = [
        {"partner": q.partner, "feed": q.feed, "rule": "whole file", "column": "", "rows": q.rows, "row": 0,
         "source": q.source, "example": q.refused}
        for q in quality if q.refused
    ]  # fmt: skip
    return named[:20] + whole
