"""`foresafe backtest`: what was asked for becomes a plan, a line for each decision, a table at the end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from contracts.replay import Replayed
from flows.console import say, table
from flows.each import Outcome, attempt_each
from flows.instants import now
from flows.journal import journaled
from flows.pages import backtest_rows
from flows.places import chosen_hazards, outputs_of
from flows.settings import Settings
from flows.stages.backtest import Plan, backtest, gather, keep, plan_of

if TYPE_CHECKING:
    from models.backtest import Step

SHOWN = 110  # characters of a reason on a progress line


def run_backtest(
    settings: Settings, pilot: str, hazards: Sequence[str], *, since: str, until: str, every_months: int, seeds: int
) -> list[Outcome]:
    """Replay every hazard, write the page, show the table; a hazard that is refused does not stop the others.

    Raises:
        ForesafeError: months or numbers that make no sense. NotFound: no such pilot or hazard, or no features.
        NotEnoughData: nothing could be replayed.
    """
    names = chosen_hazards(settings, pilot, hazards)
    plan = plan_of(settings, pilot, since=since, until=until, every_months=every_months, seeds=seeds)
    terms = -(-(len(plan.borders) - 1) // every_months)
    say(f"{len(names)} hazards x {terms} trainings with {seeds} of the seeds")
    with journaled(outputs_of(settings, pilot), "backtest") as noted:
        outcomes = attempt_each(names, partial(_one, settings, pilot, plan))
        replay = gather(plan, outcomes, at=now())
        page = keep(settings, pilot, replay)
        noted.outcomes(outcomes)
    table(f"backtest {pilot}: log-loss skill over climatology, 95 %", backtest_rows(replay.replayed))
    say(str(page))
    return outcomes


def _one(settings: Settings, pilot: str, plan: Plan, hazard: str) -> Replayed:
    began = time.monotonic()
    found = backtest(settings, pilot, hazard, plan, progress=partial(_tell, hazard))
    say(f"✓ {hazard}: {time.monotonic() - began:.0f} s")
    return found


def _tell(hazard: str, step: Step) -> None:
    released = step.decision.kind == "promote"
    why = "released" if released else f"refused: {step.decision.reasons[0][:SHOWN]}"
    say(f"  · {hazard} {step.term.name}: {why}; in charge: {step.champion}")
