"""The monitoring room through simulated years: needless retrainings and calls, changes named, and what it all costs.

    python -m benchmarks.monitoring [--seed N]

One year in which nothing changes but the seasons, and one with eight changes, each after two years of history: the
simulated city, the platform's own features, trainings, gate and monitoring, once a day. Beside it a plain trigger
(Evidently's drift preset with its defaults, weekly) and an oracle that knows the changes. docs/monitoring.md says more.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from multiprocessing import get_context

from benchmarks.monitoring_year.changes import Change, Plan, changed_year
from benchmarks.monitoring_year.city import (
    ROOT,
    WATCHED,
    Lived,
    hazard_index,
    live,
    small_city,
    small_pilot,
    tables_of,
)
from benchmarks.monitoring_year.learn import carry_out, first_champion
from benchmarks.monitoring_year.oracle import oracle_year
from benchmarks.monitoring_year.ours import watch_year
from benchmarks.monitoring_year.plain import plain_retrainings
from benchmarks.monitoring_year.scores import (
    Named,
    Truth,
    calls,
    calls_per_month,
    counted,
    median_delay,
    named,
    total_loss,
)
from benchmarks.monitoring_year.watch import DAY, Year, forecast
from contracts.params import Params, load_params
from simulation.timeline import Timeline
from simulation.world import simulate_world

SEED = 20280401
FIRST_DAY = date(2025, 1, 1)
HISTORY_DAYS, WATCHED_DAYS = 730, 365
DETECT = timedelta(days=42)


@dataclass(frozen=True)
class Size:
    """How long: history before the watched days, and those."""

    seed: int = SEED
    history_days: int = HISTORY_DAYS
    watched_days: int = WATCHED_DAYS

    @property
    def timeline(self) -> Timeline:
        return Timeline(FIRST_DAY, self.history_days + self.watched_days)


@dataclass(frozen=True)
class Quiet:
    """What came of the stationary year. plain: retrainings of the plain trigger."""

    retrainings: int
    recalibrations: int
    calls: int
    calls_per_month: float
    called_for: tuple[str, ...]
    plain: int


@dataclass(frozen=True)
class Changed:
    """What came of the year with changes. losses: who -> total log loss; `truth`: of the simulation's own risk."""

    named: tuple[Named, ...]
    retrainings: int
    recalibrations: int
    calls: int
    trained_by_oracle: int
    plain: int
    losses: Mapping[str, float]


def benchmark_params() -> Params:
    """The pilot's, with a cheaper training: one seed, one thread, and a cut that leaves history for a small city."""
    params = load_params(ROOT, "ulsan")
    train = {"seeds": (1,), "num_threads": 1, "negative_share": 0.25, "num_iterations": 200}
    split = {"calibrate_days": 60, "test_days": 30}
    return params.model_copy(
        update={
            "train": params.train.model_copy(update=train),
            "split": params.split.model_copy(update=split),
        }
    )


def quiet_year(size: Size) -> Quiet:
    """Nothing changes but the seasons."""
    world = simulate_world(size.timeline, small_city(), size.seed)
    year = _year(live(world), world, size)
    watched = watch_year(year, {hazard: first_champion(year, hazard) for hazard in WATCHED}, carry_out)
    called = [d.reasons[0] for d in watched.decisions if d.kind == "call_a_person"]
    return Quiet(
        counted(watched, "retrain"),
        counted(watched, "recalibrate"),
        calls(watched),
        calls_per_month(watched, days=size.watched_days),
        tuple(called),
        len(WATCHED) * len(list(plain_retrainings(year))),
    )


def changing_year(size: Size) -> Changed:
    """Eight changes, one after another."""
    plan = Plan.of(size.timeline, first_day=size.history_days, seed=size.seed)
    lived, world, changes = changed_year(size.timeline, size.seed, plan)
    year = _year(lived, world, size)
    champions = {hazard: first_champion(year, hazard) for hazard in WATCHED}
    watched = watch_year(year, champions, carry_out)
    truth = _truth(lived, size)
    by_oracle, trainings = oracle_year(year, champions, changes, truth)
    import polars as pl

    never = pl.concat([forecast(year, model, year.first, year.last) for model in champions.values()])
    streams = {"ours": watched.scores, "oracle": by_oracle, "never retrained": never}
    return Changed(
        tuple(named(change, watched, until=until) for change, until in _until(changes)),
        counted(watched, "retrain"),
        counted(watched, "recalibrate"),
        calls(watched),
        trainings,
        len(WATCHED) * len(list(plain_retrainings(year))),
        {name: total_loss(scores, truth) for name, scores in streams.items()},
    )


def _until(changes: Sequence[Change]) -> list[tuple[Change, object]]:
    return [(change, change.at + DETECT) for change in changes]


def _year(lived: Lived, world: object, size: Size) -> Year:
    timeline = size.timeline
    first = timeline.first_instant + size.history_days * DAY
    params = benchmark_params()
    return Year.of(tables_of(lived, world), small_pilot(), params, first=first, last=timeline.last_instant)


def _truth(lived: Lived, size: Size) -> Truth:
    cells = tuple(cell.asset_id for cell in lived.city.cells)
    occurred = {hazard: lived.occurred[:, hazard_index(hazard)] for hazard in WATCHED}
    return Truth(size.timeline.first_instant, cells, occurred)
