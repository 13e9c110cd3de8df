"""What monitoring asked for: the newest decision about today's champion, until it is answered."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.asked import asked_for, is_answered, note_answered
from flows.places import outputs_of
from flows.records import append_records
from flows.settings import Settings, load_settings
from tests.integration.small_city import ROOT

NOW = datetime(2026, 3, 20, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Version 3 of every model is the champion."""
    monkeypatch.setattr("models.registry.champion_version", lambda *_: SimpleNamespace(version="3"))
    return load_settings(ROOT, {"FORESAFE_STATE": str(tmp_path)})


def decided(settings: Settings, kind: str, day: int, *, version: str = "3", **inputs: Any) -> str:
    at = datetime(2026, 3, day, tzinfo=UTC).isoformat()
    key = f"ulsan-flood|{version}|{at}"
    record = {"key": key, "subject": "ulsan-flood", "kind": kind, "decided_at": at, "reasons": ["a", "b"]}
    append_records(outputs_of(settings, "ulsan").monitor / "decisions.jsonl", [{**record, "inputs": inputs}])
    return key


def test_the_newest_decision_until_it_is_answered(settings: Settings) -> None:
    assert asked_for(settings, "ulsan") == {}
    decided(settings, "retrain", 1)
    key = decided(settings, "recalibrate", 16, since="2026-03-05T00:00:00+00:00")
    decided(settings, "nothing", 17)
    (found,) = asked_for(settings, "ulsan").values()
    assert (found.key, found.kind, found.why) == (key, "recalibrate", "a; b")
    assert found.since == datetime(2026, 3, 5, tzinfo=UTC)
    outputs = outputs_of(settings, "ulsan")
    note_answered(outputs, [key], at=NOW, why="x")
    note_answered(outputs, [key], at=NOW, why="again")
    assert is_answered(outputs, key)
    assert asked_for(settings, "ulsan") == {}, "the older one is answered with it"


def test_a_decision_about_an_earlier_champion_is_moot(settings: Settings) -> None:
    decided(settings, "retrain", 16, version="2")
    assert asked_for(settings, "ulsan") == {}


def test_without_a_day_the_change_lies_in_the_days_that_were_judged(settings: Settings) -> None:
    decided(settings, "retrain", 30)
    assert asked_for(settings, "ulsan")["flood"].since == datetime(2026, 3, 2, tzinfo=UTC)
