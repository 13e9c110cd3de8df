"""`foresafe backtest`: what was asked for becomes a plan, a line for each decision, a table at the end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from contracts.errors import ForesafeError, NotEnoughData
from contracts.replay import MODEL, Replayed
from flows.console import say, table
from flows.each import Outcome, attempt_each
from flows.instants import now
from flows.months import month_borders
from flows.places import chosen_hazards, pilot_of
from flows.settings import Settings
from flows.stages.backtest import Plan, Replay, backtest, first_and_last, keep

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
    if every_months < 1:
        raise ForesafeError(f"--every-months {every_months}", where="backtest", allowed="1 or more")
    first, last = first_and_last(settings, pilot)
    zone = pilot_of(settings, pilot).timezone
    plan = Plan(month_borders(first, last, zone=zone, since=since, until=until), every_months, seeds)
    terms = -(-(len(plan.borders) - 1) // every_months)
    say(f"{len(names)} hazards x {terms} trainings with {seeds} of the seeds")
    outcomes = attempt_each(names, partial(_one, settings, pilot, plan))
    replayed: list[Replayed] = [outcome.result for outcome in outcomes if not outcome.refused]
    if not replayed:
        raise NotEnoughData("no hazard could be replayed", where=f"pilot {pilot}", cause=outcomes[0].refused)
    refused = {outcome.name: outcome.refused for outcome in outcomes if outcome.refused}
    page = keep(settings, pilot, Replay(plan, replayed, refused, made_at=now()))
    table(f"backtest {pilot}: log-loss skill over climatology, 95 %", [_row(found) for found in replayed])
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


def _row(found: Replayed) -> dict[str, object]:
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
        "released": f"{found.releases} of {len(found.terms)}",
        "in charge at last": found.terms[-1][0],
    }
