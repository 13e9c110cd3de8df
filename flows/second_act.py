"""The demo's second act: time moves on, the city changes, and the loop closes by itself.

Everything is what an operator has: partners' files, ingest, monitoring, its decision, what that asks for, the gate.
Only the story is made up, and which days are looked at: monitoring is meant to run daily.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flows.asked import Asked, asked_for
from flows.console import say, step, table
from flows.documents import read_json, write_json
from flows.each import Outcome
from flows.pages import decision_rows
from flows.places import outputs_of, params_of, pilot_of
from flows.recovery import recovery
from flows.settings import Settings
from flows.shown import ACT, told_decisions, told_verdicts
from simulation import Changes, Opening, Recalibration

# Seconds on two quiet cores.
BUDGET: Mapping[str, float] = {"go on": 5, "ingest": 12, "watch": 28, "asked": 60, "score": 5}


@dataclass(frozen=True)
class Story:
    """What happens after the first model; days are counted from the last that was shared before.

    looks: days at whose beginning monitoring looks.
    """

    days: int
    opening: Opening
    recalibration: Recalibration
    looks: tuple[int, ...]

    def changes(self, shared_days: int) -> Changes:
        """With days counted from the city's first one."""
        opening, recalibration = asdict(self.opening), asdict(self.recalibration)
        opening["day"] += shared_days
        recalibration["day"] += shared_days
        return Changes(Opening(**opening), Recalibration(**recalibration))


def play(settings: Settings, name: str, story: Story) -> None:
    """Share and ingest more days, look, and do what is asked; told on the console, and kept for the report.

    Played before, it is told again from the record, as monitoring does nothing twice; files and store stay as they are.
    """
    from flows import run

    with step(f"time moves on by {story.days} days", budget_seconds=BUDGET["go on"]):
        share(settings, name, story)
    with step("ingest what is new", budget_seconds=BUDGET["ingest"]):
        run.ingest(settings, name, direct=False)
    path = outputs_of(settings, name).monitor / ACT
    if not is_played(settings, name):
        write_json(path, _close_the_loop(settings, name, story))
    tell(read_json(path, made_by="demo"))
    with step("score every place by the champions of now", budget_seconds=BUDGET["score"]):
        run.score(settings, name, as_of=None, direct=False)


def share(settings: Settings, name: str, story: Story) -> None:
    """Let the partners drop the files of the story's days."""
    from flows import stages

    changes = story.changes(params_of(settings, name).simulate.days)
    stages.go_on(settings, name, days=story.days, changes=changes, progress=lambda _line: None)


def is_played(settings: Settings, name: str) -> bool:
    """Whether an earlier run played it here: the store then knows its days."""
    return (outputs_of(settings, name).monitor / ACT).is_file()


def _close_the_loop(settings: Settings, name: str, story: Story) -> dict[str, Any]:
    """Monitoring, its decisions, the training that they ask for, and what came of it: JSON values only."""
    from flows import run

    shared = params_of(settings, name).simulate
    first = datetime.combine(date.fromisoformat(shared.first_day), datetime.min.time())
    begin = first.replace(tzinfo=ZoneInfo(pilot_of(settings, name).timezone)).astimezone(UTC)
    with step("look for drift, and decide", budget_seconds=BUDGET["watch"]):
        looks = [begin + timedelta(days=shared.days + day) for day in story.looks]
        made = [run.monitor(settings, name, at=at, page=at == looks[-1], direct=False) for at in looks]
    asked = asked_for(settings, name)
    if not asked:
        return _record(story, made, asked, [], {})
    wanted = ", ".join(f"{found.kind} {hazard}" for hazard, found in asked.items())
    with step(f"do what was asked: {wanted}", budget_seconds=BUDGET["asked"]):
        trained = run.train(settings, name, direct=False, asked=True)
    judged = {outcome.name: outcome.result for outcome in trained if outcome.result}
    recovered = {
        hazard: recovery(settings, name, hazard, asked=asked[hazard], version=result["version"])
        for hazard, result in judged.items()
    }
    return _record(story, made, asked, trained, recovered)


def _record(
    story: Story,
    made: Sequence[Sequence[dict[str, Any]]],
    asked: Mapping[str, Asked],
    trained: Sequence[Outcome],
    recovered: Mapping[str, Sequence[Any]],
) -> dict[str, Any]:
    return {
        "story": asdict(story),
        "decisions": [decision for look in made for decision in look],
        "asked": {hazard: found.as_json() for hazard, found in asked.items()},
        "trained": [outcome.as_json() for outcome in trained],
        "recovered": recovered,
    }


def tell(act: Mapping[str, Any]) -> None:
    """What monitoring saw and decided, what the gate said, and how much it recovered."""
    say("What monitoring saw and decided")
    for row in decision_rows(told_decisions(act)):
        say(f"{row['when']}  {row['model']}: {row['decision']}")
        for reason in row["reasons"].splitlines():
            say(f"    {reason}")
    if not act["asked"]:
        say("Nothing was asked for: every model stays.")
    for line in told_verdicts(act):
        say(line)
    for hazard, rows in act["recovered"].items():
        table(f"{hazard}: log loss, and the share of what anyone could know (climatology 0 %, true risk 100 %)", rows)
