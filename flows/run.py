"""What each command does, without its options: through Prefect, or the stage functions directly."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from flows.asked import Asked, asked_for, note_answered
from flows.console import say
from flows.each import Outcome, attempt_each, read_outcomes, record_outcomes
from flows.instants import now
from flows.journal import journaled
from flows.places import feed_names, hazard_names, outputs_of, pilot_of
from flows.settings import Settings


def ingest(settings: Settings, pilot: str, *, direct: bool) -> list[Outcome]:
    """Every feed of a pilot. Raises what stopped all of them."""
    feeds = feed_names(settings, pilot)  # an unsound pilot is refused before any server starts
    if not direct:
        from flows.conducting import conducted, run_flow

        with conducted(settings, tell=_tell):
            from flows.ingest import ingest as flow

            run_flow(flow, pilot)
        return read_outcomes(outputs_of(settings, pilot).last("ingest"))
    from flows import stages

    pull = partial(stages.ingest_feed, settings, pilot, now=now())
    with journaled(outputs_of(settings, pilot), "ingest") as noted:
        outcomes = attempt_each(feeds, pull, progress=_done("ingest"))
        record_outcomes(outputs_of(settings, pilot).last("ingest"), outcomes)
        noted.outcomes(outcomes)
    return outcomes


def train(settings: Settings, pilot: str, *, direct: bool, asked: bool = False) -> list[Outcome]:
    """Features once, then every hazard learned and, if it wins, released.

    asked: only what monitoring asked for and nobody did yet, which may be nothing.
    """
    hazards = hazard_names(settings, pilot)
    wanted = asked_for(settings, pilot) if asked else {}
    if asked and not wanted:
        return []
    if not direct:
        from flows.conducting import conducted, run_flow

        with conducted(settings, tell=_tell):
            from flows.train import train as flow

            run_flow(flow, pilot, *_first(wanted))
        return read_outcomes(outputs_of(settings, pilot).last("train"))
    from flows import stages

    def learn(hazard: str) -> dict[str, Any]:
        return stages.learn_and_release(settings, pilot, hazard, clock=now, asked=wanted.get(hazard))

    with journaled(outputs_of(settings, pilot), "train") as noted:
        stages.features(settings, pilot)
        outcomes = attempt_each(wanted or hazards, learn, progress=_done("train"))
        record_outcomes(outputs_of(settings, pilot).last("train"), outcomes)
        noted.outcomes(outcomes)
        keys = [found.key for found in wanted.values()]
        note_answered(outputs_of(settings, pilot), keys, at=now(), why="by hand")
    return outcomes


def _first(wanted: dict[str, Asked]) -> tuple[str, ...]:
    """Why, and the decision, as the flow takes them: the first; it looks the others up."""
    return next(((found.why, found.key) for found in wanted.values()), ())


def score(settings: Settings, pilot: str, *, as_of: datetime | None, direct: bool) -> dict[str, Any]:
    """Every asset and hazard, by the released models."""
    pilot_of(settings, pilot)
    if not direct:
        from flows.conducting import conducted, run_flow

        with conducted(settings, tell=_tell):
            from flows.score import score as flow

            summary: dict[str, Any] = run_flow(flow, pilot, as_of)
            return summary
    from flows import stages

    with journaled(outputs_of(settings, pilot), "score"):
        return stages.score(settings, pilot, as_of=as_of, now=now())


def backfill(settings: Settings, pilot: str, *, first: datetime, last: datetime, every_hours: int) -> dict[str, Any]:
    """A past range forecast with today's models, here: it needs no server, and goes on where it was stopped."""
    from flows import stages

    with journaled(outputs_of(settings, pilot), "backfill"):
        return stages.backfill(
            settings, pilot, first=first, last=last, every_hours=every_hours, clock=now, progress=_tell
        )


def monitor(
    settings: Settings, pilot: str, *, at: datetime | None, page: bool | None, direct: bool
) -> list[dict[str, Any]]:
    """A window and a decision for each hazard. Only through Prefect is a retraining asked for by an event."""
    hazard_names(settings, pilot)
    if not direct:
        from flows.conducting import conducted, run_flow

        with conducted(settings, tell=_tell):
            from flows.monitor import monitor as flow

            summaries: list[dict[str, Any]] = run_flow(flow, pilot, at, page)
            return summaries
    from flows import stages

    with journaled(outputs_of(settings, pilot), "monitor"):
        return stages.monitor(settings, pilot, now=now(), at=at, page=page)


def _tell(line: str) -> None:
    say(f"  · {line}")


def _done(stage: str) -> Any:
    return lambda outcome: _tell(f"{stage} {outcome.name}{': refused' if outcome.refused else ''}")
