"""The monitoring room through simulated years: needless retrainings and calls, changes named, and what it all costs.

    python -m benchmarks.monitoring [--seed N] [--seeds HOW_MANY]

One year in which nothing changes but the seasons, and one with eight changes, each after two years of history: the
simulated city, the platform's own features, trainings, gate and monitoring, once a day. Beside it a plain trigger
(Evidently's drift preset with its defaults, weekly) and an oracle that knows the changes. docs/monitoring.md says more.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from multiprocessing import get_context

import polars as pl

from benchmarks.monitoring_year.changes import Plan, changed_year
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
from benchmarks.monitoring_year.outcome import Changed, Outcome, Quiet, side_by_side, table, worst_of
from benchmarks.monitoring_year.plain import plain_retrainings
from benchmarks.monitoring_year.scores import Truth, counted, named, total_loss
from benchmarks.monitoring_year.watch import DAY, Year, forecast
from contracts.params import Params, load_params
from simulation.timeline import Timeline
from simulation.world import World, simulate_world

SEED = 20290101
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


def benchmark_params() -> Params:
    """The pilot's, with a cheaper training: one seed, one thread, and a cut that leaves history for a small city."""
    params = load_params(ROOT, "ulsan")
    train = {"seeds": (1,), "num_threads": 1, "negative_share": 0.25, "num_iterations": 200, "profile_kinds": 0}
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
    called = [decision.reasons[0] for decision in watched.decisions if decision.kind == "call_a_person"]
    plain = len(WATCHED) * len(list(plain_retrainings(year)))
    return Quiet(counted(watched, "retrain"), counted(watched, "recalibrate"), tuple(called), plain)


def changing_year(size: Size) -> Changed:
    """Eight changes, one after another."""
    plan = Plan.of(size.timeline, first_day=size.history_days, seed=size.seed)
    lived, world, changes = changed_year(size.timeline, size.seed, plan)
    year, truth = _year(lived, world, size), _truth(lived, size)
    champions = {hazard: first_champion(year, hazard) for hazard in WATCHED}
    watched = watch_year(year, champions, carry_out)
    by_oracle, trainings = oracle_year(year, champions, changes, truth)
    never = pl.concat([forecast(year, model, year.first, year.last) for model in champions.values()])
    streams = {"ours": watched.scores, "oracle": by_oracle, "never": never}
    losses = {name: total_loss(scores, truth) for name, scores in streams.items()}
    return Changed(
        named=tuple(named(change, watched, until=change.at + DETECT) for change in changes),
        retrainings=counted(watched, "retrain"),
        recalibrations=counted(watched, "recalibrate"),
        released=watched.released,
        calls=counted(watched, "call_a_person"),
        trained_by_oracle=trainings,
        plain=len(WATCHED) * len(list(plain_retrainings(year))),
        losses={**losses, "truth": truth.least(watched.scores)},
    )


def _year(lived: Lived, world: World, size: Size) -> Year:
    timeline = size.timeline
    first = timeline.first_instant + size.history_days * DAY
    tables = tables_of(lived, world)
    return Year.of(tables, small_pilot(), benchmark_params(), first=first, last=timeline.last_instant)


def _truth(lived: Lived, size: Size) -> Truth:
    cells = tuple(cell.asset_id for cell in lived.city.cells)
    occurred, risk = (
        {hazard: values[:, hazard_index(hazard)] for hazard in WATCHED} for values in (lived.occurred, lived.risk)
    )
    return Truth(size.timeline.first_instant, cells, occurred, risk)


def run(sizes: Sequence[Size]) -> list[Outcome]:
    """Both years of each, on two processes."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        both = [(size, pool.submit(changing_year, size), pool.submit(quiet_year, size)) for size in sizes]
        return [
            Outcome(size.seed, size.watched_days, quiet.result(), changed.result()) for size, changed, quiet in both
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description="The monitoring room through two simulated years.")
    parser.add_argument("--seed", type=int, default=SEED, help=f"of the simulated city; {SEED} unless told")
    parser.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="so many, from --seed on; the end is the worst"
    )
    given = parser.parse_args()
    outcomes = run([Size(seed=given.seed + position) for position in range(given.seeds)])
    for outcome in outcomes:
        for words in outcome.quiet.called_for:
            print(f"called for in the quiet year of {outcome.seed}: {words}", file=sys.stderr)
    print(side_by_side(outcomes) if len(outcomes) > 1 else table(outcomes[0]))
    print(json.dumps(worst_of(outcomes)))


if __name__ == "__main__":
    main()
