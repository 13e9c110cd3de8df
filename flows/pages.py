"""What a flow shows in Prefect: a markdown summary and a table. From the stages' results alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from contracts.replay import MODEL, Replayed
from contracts.worth import Coverage
from flows.each import Outcome
from flows.instants import in_seoul

Row = dict[str, Any]


def ingest_rows(outcomes: Sequence[Outcome]) -> list[Row]:
    """One row a feed: batches, rows, accepted, duplicates, quarantined, refused."""
    return [_ingest_row(outcome.name, outcome.result or [], outcome.refused) for outcome in outcomes]


def _ingest_row(feed: str, reports: Sequence[Row], refused: str) -> Row:
    totals = {key: sum(report[key] for report in reports) for key in ("rows", "accepted", "duplicates", "quarantined")}
    whole = [f"{report['source']}: {report['refused']}" for report in reports if report["refused"]]
    return {"feed": feed, "batches": len(reports), **totals, "refused": refused or "; ".join(whole)}


def train_rows(outcomes: Sequence[Outcome]) -> list[Row]:
    """One row a hazard: its skill, and whether it was released."""
    return [
        {
            "hazard": outcome.name,
            **{key: _short((outcome.result or {}).get(key)) for key in _TRAINED},
            "refused": outcome.refused,
        }
        for outcome in outcomes
    ]


_TRAINED = ("incidents", "brier_skill", "average_precision", "ece", "version", "kind")


def verdicts(outcomes: Sequence[Outcome]) -> list[str]:
    """One line a hazard that was judged: released or not, and what the gate found against it."""
    lines = []
    for outcome in outcomes:
        judged = outcome.result or {}
        if judged.get("kind") == "refuse":
            lines.append(f"{outcome.name}: not released. {'; '.join(judged['reasons'])}")
        elif judged.get("kind") == "wait":
            lines.append(
                f"{outcome.name}: version {judged['version']} waits for `foresafe approve` or `foresafe refuse`"
            )
        elif judged.get("kind") == "promote":
            lines.append(f"{outcome.name}: released as version {judged['version']}")
    return lines


def score_rows(summary: Row) -> list[Row]:
    """One row a hazard: the highest risk, where, and by which model."""
    shown = ("hazard", "place", "probability", "band", "model", "version", "degraded")
    return [{key: _short(found[key]) for key in shown} for found in summary["hazards"]]


def decision_rows(summaries: Sequence[Row]) -> list[Row]:
    """One row a decision: when (as the data has it), about which model, what, and why."""
    return [
        {
            "when": in_seoul(datetime.fromisoformat(made["decided_at"])),
            "model": made["subject"],
            "decision": made["kind"].replace("_", " "),
            "reasons": "\n".join(made["reasons"]),
        }
        for made in summaries
    ]


def backtest_rows(replayed: Iterable[Replayed]) -> list[Row]:
    """One row a hazard: log-loss skill over climatology with its 95 % interval, and who was in charge at last."""
    return [_backtest_row(found) for found in replayed]


def _backtest_row(found: Replayed) -> Row:
    skill = {name: f"{e.value:+.3f} [{e.low:+.3f}, {e.high:+.3f}]" for name, e in found.whole.items()}
    return {
        "hazard": found.hazard,
        "months": len(found.months),
        "forecasts": found.rows,
        "no outcome yet": sum(month.unripe for month in found.months) or None,
        "incidents": found.incidents,
        "expected": round(sum(month.expected for month in found.months), 1),
        "skill": skill[MODEL],
        "logistic regression": skill["logistic_regression"],
        "weekly counts held": _held(found.coverage),
        "released": f"{found.releases} of {len(found.terms)}",
        "in charge at last": found.terms[-1][0],
    }


def _held(coverage: Coverage | None) -> str | None:
    """`91 of 90 %, worst 88`: how often a district's week lay in its interval, and what was stated."""
    if coverage is None:
        return None
    return f"{100 * coverage.covered:.0f} of {100 * coverage.stated:.0f} %, worst {100 * coverage.worst:.0f}"


def markdown(title: str, facts: Iterable[str], rows: Sequence[Row]) -> str:
    """A heading, a list of facts, a table."""
    lines = [f"# {title}", "", *(f"- {fact}" for fact in facts), ""]
    if rows:
        lines += ["| " + " | ".join(rows[0]) + " |", "|" + " --- |" * len(rows[0])]
        lines += ["| " + " | ".join(_cell(value) for value in row.values()) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def artifact_key(kind: str, pilot: str) -> str:
    """Prefect's keys hold lower case letters, digits and dashes."""
    return f"{kind}-{pilot.replace('_', '-')}"


def _cell(value: object) -> str:
    return str("" if value is None else value).replace("|", "\\|").replace("\n", "; ")


def _short(value: object) -> object:
    return float(f"{value:.4g}") if isinstance(value, float) else value
