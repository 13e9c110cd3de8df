"""Decisions, kept in the registry whatever their outcome, and a model's history read from there.

Short, as a tag `decided.INSTANT` of the version (of the model itself where no version came to be), so that one query
lists them; in full, as `decisions/INSTANT.json` among the files of the version's run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlflow.exceptions import MlflowException

from contracts.results import Decision
from models.registry.client import Tracking, connect
from models.registry.moves import AliasMove, alias_moves, move_alias, stamp
from models.registry.versions import Version, all_versions, champion_version, find_model

DECIDED = "decided"
LONGEST = 4_500  # characters of a tag that every MLflow database takes


@dataclass(frozen=True)
class Event:
    """One line of a model's history. version: empty where none came to be. kind: trained, promote, wait, refuse,
    rollback, champion, interrupted."""

    at: datetime
    version: str
    kind: str
    by: str
    words: str


def release(tracking: Tracking, version: Version, decision: Decision) -> bool:
    """Keep the decision with the version, and make it the champion if the decision is to promote. True if it now is."""
    save_decision(tracking, version, decision)
    if decision.kind != "promote":
        return False
    reason = "; ".join(decision.reasons)
    move_alias(tracking, version, alias="champion", at=decision.decided_at, reason=reason, by=decision.by)
    return True


def save_decision(tracking: Tracking, version: Version, decision: Decision) -> None:
    """In full with the run first, then short on the version: what is listed can be read."""
    client, at = connect(tracking), stamp(decision.decided_at)
    text = json.dumps(decision.as_json(), ensure_ascii=False, indent=1)
    client.log_text(version.run_id, text, f"decisions/{at.replace(':', '')}.json")
    client.set_model_version_tag(version.name, version.version, f"{DECIDED}.{at}", _short(decision))


def save_refusal(tracking: Tracking, name: str, decision: Decision) -> None:
    """A decision about a model that got no version: it could not be trained, or did not load in a fresh process."""
    ensure_registered(tracking, name)
    key = f"{DECIDED}.{stamp(decision.decided_at)}"
    connect(tracking).set_registered_model_tag(name, key, _short(decision))


def ensure_registered(tracking: Tracking, name: str) -> None:
    try:
        connect(tracking).create_registered_model(name)
    except MlflowException as fault:
        if fault.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def recorded_decision(tracking: Tracking, version: Version) -> Decision | None:
    """The last decision about a version, as short as its tag has it; None before any."""
    tags = next(found.tags for found in all_versions(tracking, version.name) if str(found.version) == version.version)
    decisions = _decisions(tags)
    return decisions[-1] if decisions else None


def history(tracking: Tracking, name: str) -> tuple[Event, ...]:
    """Everything that became of a model's versions, oldest first.

    Raises:
        NotFound: no such registered model.
    """
    events = [_judged(decision, "") for decision in _decisions(find_model(tracking, name).tags)]
    for found in all_versions(tracking, name):
        number = str(found.version)
        if trained := found.tags.get("trained_at"):
            words = f"run {found.run_id}, manifest {found.tags.get('manifest_sha256', '')[:12]}"
            events.append(Event(datetime.fromisoformat(trained), number, "trained", "", words))
        events += [_judged(decision, number) for decision in _decisions(found.tags)]
    moves = alias_moves(tracking, name)
    events += [_moved(move) for move in moves if move.alias == "champion"]
    return tuple(sorted(events, key=lambda event: event.at))


def unexplained_champion(tracking: Tracking, name: str, recorded: AliasMove | None) -> str:
    """Words for an alias that points elsewhere than the record says; empty where they agree."""
    there = champion_version(tracking, name)
    alias, noted = there.version if there else "none", recorded.version if recorded else "none"
    if alias == noted:
        return ""
    return f"the champion alias points at {alias}, the record says {noted}: it was moved by other means than Foresafe"


def _judged(decision: Decision, version: str) -> Event:
    return Event(decision.decided_at, version, decision.kind, decision.by, "; ".join(decision.reasons))


def _moved(move: AliasMove) -> Event:
    if not move.happened:
        return Event(move.moved_at, move.version, "interrupted", move.by, "the alias was not moved")
    return Event(move.moved_at, move.version, "champion", move.by, f"by {move.kind}")


def _decisions(tags: dict[str, str]) -> list[Decision]:
    found = []
    for key, text in tags.items():
        if key.startswith(f"{DECIDED}."):
            noted = json.loads(text)
            at = datetime.fromisoformat(key.removeprefix(f"{DECIDED}."))
            found.append(Decision(**{**noted, "reasons": tuple(noted["reasons"])}, decided_at=at))
    return sorted(found, key=lambda decision: decision.decided_at)


def _short(decision: Decision) -> str:
    """Kind, subject, by and as many reasons as fit."""
    reasons = list(decision.reasons)
    while len(text := _tag(decision, reasons)) > LONGEST:
        reasons = [*reasons[:-2], "..."] if len(reasons) > 1 else [reasons[0][: len(reasons[0]) // 2]]
    return text


def _tag(decision: Decision, reasons: list[str]) -> str:
    noted: dict[str, Any] = {"kind": decision.kind, "subject": decision.subject, "by": decision.by, "reasons": reasons}
    return json.dumps(noted, ensure_ascii=False)
