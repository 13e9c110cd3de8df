"""What monitoring asked for and nobody did yet. The record says what is to be done; an event only says: now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from flows.outputs import Outputs
from flows.places import hazard_names, outputs_of, params_of
from flows.records import append_records, read_records
from flows.settings import Settings
from flows.tracking import tracking_of

DECISIONS, ANSWERED = "decisions.jsonl", "answered.jsonl"
ACTIONS = ("retrain", "recalibrate")


@dataclass(frozen=True)
class Asked:
    """One decision about one model. since: from when on the world, or the data, was otherwise. key: of the decision."""

    key: str
    kind: Literal["retrain", "recalibrate"]
    since: datetime
    why: str

    @property
    def version(self) -> str:
        """The champion that it is about."""
        return self.key.split("|")[1]

    def as_json(self) -> dict[str, str]:
        """What a model's provenance says of it."""
        return {"decision": self.key, "kind": self.kind, "since": self.since.isoformat()}


def asked_for(settings: Settings, name: str) -> dict[str, Asked]:
    """Hazard -> the newest decision about its champion of today, where that asks for something and nobody did it."""
    from models.registry import champion_version, registered_name

    outputs, tracking = outputs_of(settings, name), tracking_of(settings)
    records = read_records(outputs.monitor / DECISIONS)
    done = {record["key"] for record in read_records(outputs.monitor / ANSWERED)}
    found = {}
    for hazard in hazard_names(settings, name):
        model = registered_name(name, hazard)
        decided = [record for record in records if record["subject"] == model and record["kind"] in ACTIONS]
        newest = max(decided, key=lambda record: record["decided_at"], default=None)
        champion = champion_version(tracking, model) if newest and newest["key"] not in done else None
        if newest and champion and newest["key"].split("|")[1] == champion.version:
            found[hazard] = _asked(newest, days=params_of(settings, name).monitor.performance_days)
    return found


def is_answered(outputs: Outputs, decision: str) -> bool:
    return any(record["key"] == decision for record in read_records(outputs.monitor / ANSWERED))


def note_answered(outputs: Outputs, decisions: Iterable[str], *, at: datetime, why: str) -> None:
    """These were carried out, or refused on record: not again."""
    kept = [{"key": key, "at": at.isoformat(), "why": why} for key in decisions]
    append_records(outputs.monitor / ANSWERED, kept)


def _asked(record: dict[str, Any], *, days: int) -> Asked:
    """Without a day of its own, the change lies somewhere in the days that were judged."""
    since = record["inputs"].get("since")
    at = datetime.fromisoformat(since) if since else datetime.fromisoformat(record["decided_at"]) - timedelta(days=days)
    return Asked(record["key"], record["kind"], at.replace(tzinfo=at.tzinfo or UTC), "; ".join(record["reasons"]))
