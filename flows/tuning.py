"""`foresafe tune`: one time budget for the hazards of a pilot, progress while it runs, what to do at the end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from contracts.errors import ForesafeError
from flows.console import say, table
from flows.each import Outcome, attempt
from flows.places import chosen_hazards, outputs_of
from flows.settings import Settings
from flows.stages.tuning import findings, tune

TOO_HEAVY = "not begun, it takes longer than the time that is left"

if TYPE_CHECKING:
    from models.tuning import Tried, Tuned


def tune_each(settings: Settings, pilot: str, hazards: Sequence[str], *, minutes: float) -> list[Outcome]:
    """One hazard after another; each may use an equal part of the time that is left.

    Raises:
        ForesafeError: no time at all. NotFound: no such pilot or hazard.
    """
    if not 0 < minutes < float("inf"):
        raise ForesafeError(f"--minutes {minutes:g}", where="tune", allowed="above 0")
    names = chosen_hazards(settings, pilot, hazards)
    ends, outcomes = time.monotonic() + 60 * minutes, []
    for place, hazard in enumerate(names):
        seconds = max(ends - time.monotonic(), 0.0) / (len(names) - place)
        say(f"{hazard}: {seconds:.0f} s")
        call = partial(
            tune, settings, pilot, hazard, seconds=seconds, clock=time.monotonic, progress=partial(_tell, hazard)
        )
        outcomes.append(attempt(hazard, call))
    return outcomes


def show(settings: Settings, pilot: str, outcomes: Sequence[Outcome]) -> None:
    """The score of the parameters in force, the best's, how sure the difference is, and how to use the file."""
    tuned: list[Tuned] = [outcome.result for outcome in outcomes if not outcome.refused]
    table(f"tune {pilot}: mean log loss over the folds", [_row(found) for found in tuned])
    for found in tuned:
        say(f"{found.hazard}: {findings(found)[-1]}")
    if better := [found.hazard for found in tuned if found.surely_better]:
        files = ", ".join(str(outputs_of(settings, pilot).tuning / f"{hazard}.yaml") for hazard in better)
        say(f"To use: copy {files} into pilots/{pilot}/params.yaml, then `foresafe train {pilot}`: the gate decides.")


def _row(found: Tuned) -> dict[str, object]:
    change = found.difference
    return {
        "hazard": found.hazard,
        "trials": len(found.tried),
        "in force": f"{found.in_force.log_loss:.6f}",
        "best": f"{found.best.log_loss:.6f}",
        "best minus in force": f"{change.value:+.6f} [{change.low:+.6f}, {change.high:+.6f}]" if change else "",
        "seconds": f"{found.in_force.seconds:.0f} -> {found.best.seconds:.0f}",
        "advice": "use the best" if found.surely_better else "keep those in force",
    }


def _tell(hazard: str, tried: Tried) -> None:
    what = "in force" if tried.in_force else f"trial {tried.number}"
    end = "" if tried.end == "complete" else f", {tried.end} after {len(tried.fold_log_loss)} folds"
    shown = ", ".join(f"{key} {value:g}" for key, value in tried.params.items())
    found = f"log loss {tried.log_loss:.6f}, {tried.seconds:.1f} s{end}" if tried.fold_log_loss else TOO_HEAVY
    say(f"  · {hazard} {what}: {found}; {shown}")
