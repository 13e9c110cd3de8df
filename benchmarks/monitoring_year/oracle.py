"""An oracle that knows each change and its time: it retrains then, as soon as the data allows, and never else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from benchmarks.monitoring_year.changes import Change
from benchmarks.monitoring_year.learn import Known, challenger
from benchmarks.monitoring_year.scores import Truth, total_loss
from benchmarks.monitoring_year.watch import DAY, Released, Year, forecast
from contracts.errors import NotEnoughData

LEARN_DAYS = (14, 42)  # of ripe labels since the change: as soon as it can be learnt at all, and again with more


@dataclass(frozen=True)
class Turn:
    """A change that stays, and when its retraining can be made."""

    since: datetime
    at: datetime


def oracle_year(
    year: Year, champions: Mapping[str, Released], changes: Sequence[Change], truth: Truth
) -> tuple[pl.DataFrame, int]:
    """The scores it issues, and how many models it trained for them.

    It makes the retraining and the recalibration, and takes, knowing the future, whichever of both and the model in use
    does best until the next change: so it is a bar that no policy is sure to reach.
    """
    parts, trainings = [], 0
    for hazard, model in champions.items():
        start = year.first
        turns = list(_turns(year, hazard, changes))
        for position, turn in enumerate(turns):
            parts.append(forecast(year, model, start, turn.at))
            until = turns[position + 1].at if position + 1 < len(turns) else year.last
            best = _best(year, model, turn, until, truth)
            trainings, model, start = trainings + (best is not model), best, turn.at
        parts.append(forecast(year, model, start, year.last))
    return pl.concat(parts), trainings


def _turns(year: Year, hazard: str, changes: Sequence[Change]) -> Iterator[Turn]:
    rule = year.pilot.hazards[hazard]
    ripening = timedelta(hours=rule.horizon_hours + rule.reporting_delay_hours)
    mine = [change.at for change in changes if change.ends is None and hazard in change.hazards]
    turns = [
        Turn(since, _midnight(year, since + ripening + timedelta(days=days))) for since in mine for days in LEARN_DAYS
    ]
    yield from sorted((turn for turn in turns if turn.at < year.last), key=lambda turn: turn.at)


def _midnight(year: Year, at: datetime) -> datetime:
    """The first end of a watched day at or after `at`."""
    return year.first - (year.first - at) // DAY * DAY


def _best(year: Year, champion: Released, turn: Turn, until: datetime, truth: Truth) -> Released:
    given, found = Known.of(year, turn.at, champion.model.hazard), [champion]
    for kind in ("retrain", "recalibrate"):
        try:
            found.append(challenger(given, champion, kind=kind, since=turn.since)[0])
        except NotEnoughData:
            continue
    return min(found, key=lambda model: total_loss(forecast(year, model, turn.at, until), truth))
