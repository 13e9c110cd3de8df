"""Refused rows on the terminal: show them, or take them in again."""

from __future__ import annotations

from typing import Any

from flows.console import say, table
from flows.each import attempt_each
from flows.instants import now
from flows.pages import ingest_rows
from flows.places import feed_names, outputs_of, pilot_of
from flows.settings import Settings


def list_refused(settings: Settings, pilot: str, *, feed: str, rows: int) -> None:
    """The newest refused rows that were not accepted since; of one feed, or of all."""
    from ingest.quarantine import outstanding
    from ingest.store import Store

    pilot_of(settings, pilot)
    left = outstanding(Store(outputs_of(settings, pilot).store), feed or None)
    shown: Any = left.head(rows).select("feed", "source", "row", "rule", "column", "value", "refused_at")
    table(f"quarantine of {pilot}", shown.to_dicts())
    say(f"{min(rows, left.height)} of {left.height} refused rows")


def replay_refused(settings: Settings, pilot: str) -> list[tuple[str, str]]:
    """Judge every feed's refused rows once more; each feed, and why it was refused (empty where it was not)."""
    from flows import stages

    at = now()
    outcomes = attempt_each(feed_names(settings, pilot), lambda feed: stages.replay_feed(settings, pilot, feed, now=at))
    table(f"replay {pilot}", ingest_rows(outcomes))
    return [(outcome.name, outcome.refused) for outcome in outcomes]
