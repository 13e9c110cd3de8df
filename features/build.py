"""The one entry point: tables and a spine in, features out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np
import polars as pl

from contracts.errors import BadPilot, BadTable
from contracts.pilot import FeatureChoice, Pilot
from contracts.results import FeatureInfo, Features, Float32Array, IntArray, Spine
from contracts.tables import ASSETS, INCIDENTS, READINGS, Tables
from features.binning import THREADS, Wanted, build_trails
from features.coded import Coded, code
from features.hours import FOREVER, as_of_hours
from features.incidents import known_incidents
from features.library import baselines
from features.readings import STATS
from features.registry import FeatureFunction, find
from features.spine import first_known
from features.universe import Universe
from features.view import View

Job = tuple[FeatureFunction, FeatureChoice, int]
LONG_GAP = 1000  # hours without a row after which the timeline is built in separate pieces


@dataclass(frozen=True)
class Plan:
    """What a pilot's features are, and what they are made from.

    jobs: each fills some columns, from the one on that it names. stats: metric -> the statistics that they ask for.
    reach_hours: how far back they look into readings.
    """

    jobs: tuple[Job, ...]
    infos: tuple[FeatureInfo, ...]
    spec_hash: str
    stats: Mapping[str, frozenset[str]]
    reach_hours: int


def build_features(tables: Tables, spine: Spine, pilot: Pilot) -> Features:
    """Features of every spine row, from rows with `known_at <= as_of` only.

    Returns:
        values (n, p) float32 in column-major order, NaN where nothing was known. Beside the pilot's choices there are
        always two baseline columns a hazard, `{hazard}_climatology` and `{hazard}_recent_rate`.

    Raises:
        BadPilot: a feature kind, statistic or key that does not exist, or one feature twice.
        BadTable: a spine row whose asset was not known at its as_of.
    """
    plan = plan_of(pilot)
    out = np.empty((len(spine), len(plan.infos)), np.float32, order="F")
    hours = as_of_hours(spine.as_of)
    known, coded = first_known(tables.assets), code(tables.readings)
    for rows, first, last in _pieces(hours, known["since"].to_numpy()):
        view = _view(coded, tables.incidents, pilot, known, first, last, stats=plan.stats, reach=plan.reach_hours)
        place = (hours[rows] - first) * len(view.assets) + positions_in(view.assets, spine, rows)
        whole = len(rows) == len(spine) and np.array_equal(place, np.arange(view.shape[0] * view.shape[1]))
        write = partial(fill, out, view, None if whole else (rows, place))
        slow_first = sorted(plan.jobs, key=lambda job: bool(job[1].metrics))  # so that none runs alone at the end
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(write, slow_first))
    return Features(spine, out, plan.infos, plan.spec_hash)


def feature_infos(pilot: Pilot) -> tuple[FeatureInfo, ...]:
    """What `build_features` would build, in order: the same functions, run on a city without assets.

    Raises:
        BadPilot: a feature kind, statistic or key that does not exist, or one feature twice.
    """
    return plan_of(pilot).infos


def spec_hash(pilot: Pilot) -> str:
    """Changes when anything that shapes the features does: choices, metrics, hazards, zone, or what they mean."""
    return plan_of(pilot).spec_hash


def plan_of(pilot: Pilot) -> Plan:
    """Every choice, one metric or hazard at a time: small enough to share among threads.

    Raises:
        BadPilot: a feature kind, statistic or key that does not exist, or one feature twice.
    """
    return _planned(pilot.model_dump_json(), tuple(find(choice) for choice in pilot.features))


@lru_cache(maxsize=8)  # the same pilot is built hour after hour, month after month
def _planned(pilot_json: str, functions: tuple[FeatureFunction, ...]) -> Plan:
    pilot = Pilot.model_validate_json(pilot_json)
    chosen = [
        (function, one)
        for function, choice in zip(functions, pilot.features, strict=True)
        for one in _one_by_one(choice)
    ]
    chosen += [(baselines, FeatureChoice(kind="baseline", hazards=(hazard,))) for hazard in pilot.hazards]
    nobody = first_known(ASSETS.empty())
    everything = dict.fromkeys(pilot.metrics, frozenset(STATS))
    nothing = _view(code(READINGS.empty()), INCIDENTS.empty(), pilot, nobody, 0, 0, stats=everything, reach=1)
    nothing = replace(nothing, reach_hours=int(FOREVER))
    jobs: list[Job] = []
    infos: list[FeatureInfo] = []
    for function, choice in chosen:
        jobs.append((function, choice, len(infos)))
        for info, values in function(nothing, choice):
            infos.append(info)
            if not isinstance(values, np.ndarray):
                values(out=np.empty(nothing.shape, np.float32))
    names = Counter(info.name for info in infos)
    if twice := [name for name, n in names.items() if n > 1]:
        raise BadPilot(
            f"feature {twice[0]!r} is chosen twice", where=f"pilot {pilot.name}: features", fix="take one of them out"
        )
    parts = [pilot.model_dump_json(exclude={"title"}), *(repr(info) for info in infos)]
    fingerprint = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    stats = {metric: frozenset(asked) for metric, asked in nothing.asked.items()}
    reach = max((hours for asked in nothing.asked.values() for hours in asked.values()), default=1)
    return Plan(tuple(jobs), tuple(infos), fingerprint, stats, reach)


def _one_by_one(choice: FeatureChoice) -> list[FeatureChoice]:
    metrics = [choice.model_copy(update={"metrics": (metric,), "hazards": ()}) for metric in choice.metrics]
    hazards = [choice.model_copy(update={"metrics": (), "hazards": (hazard,)}) for hazard in choice.hazards]
    return metrics + hazards or [choice]


def fill(out: Float32Array, view: View, some: tuple[IntArray, IntArray] | None, job: Job) -> None:
    """Write one job's columns. `some`: rows of the spine and their places in (hours, assets); None: all in order."""
    function, choice, start = job
    for j, (_, values) in enumerate(function(view, choice), start):
        if some is None:
            column = out[:, j].reshape(view.shape)
            if isinstance(values, np.ndarray):
                column[...] = values
            else:
                values(out=column)
        else:
            known = values if isinstance(values, np.ndarray) else values(out=np.empty(view.shape, np.float32))
            out[some[0], j] = known.ravel()[some[1]]


def _pieces(hours: IntArray, appearances: IntArray) -> Iterator[tuple[IntArray, int, int]]:
    """(rows, first hour, last hour) of stretches without a long gap in which no new asset appears."""
    if not len(hours):
        return
    there = np.zeros(hours.max() - hours.min() + 1, bool)
    there[hours - hours.min()] = True
    unique = np.flatnonzero(there) + hours.min()
    epoch = np.searchsorted(np.unique(appearances), unique, side="right")
    cut = np.flatnonzero((np.diff(unique) > LONG_GAP) | (np.diff(epoch) > 0)) + 1
    for stretch in np.split(unique, cut):
        first, last = int(stretch[0]), int(stretch[-1])
        yield np.flatnonzero((hours >= first) & (hours <= last)), first, last


def _view(
    coded: Coded,
    incidents: pl.DataFrame,
    pilot: Pilot,
    known: pl.DataFrame,
    first: int,
    last: int,
    *,
    stats: Mapping[str, frozenset[str]],
    reach: int,
) -> View:
    universe = Universe.at(known, pilot, first)
    wanted = {
        name: Wanted(metric, universe.lent_by[name], stats.get(name, frozenset()))
        for name, metric in pilot.metrics.items()
    }
    return View(
        pilot=pilot,
        hours=np.arange(first, last + 1, dtype=np.int64),
        assets=universe.assets,
        lon=universe.lon,
        lat=universe.lat,
        trails=build_trails(coded, wanted, first_bin=first - reach, last_bin=last),
        reach_hours=reach,
        sources=universe.sources,
        incidents={
            name: known_incidents(incidents, assets=universe.assets, hazard=name, rule=rule)
            for name, rule in pilot.hazards.items()
        },
    )


def positions_in(assets: tuple[str, ...], spine: Spine, rows: IntArray) -> IntArray:
    """Where the assets of some rows of the spine stand in `assets`. Raises BadTable where they do not."""
    place = {asset: i for i, asset in enumerate(assets)}
    of_spine = np.array([place.get(asset, -1) for asset in spine.assets], np.int64)
    positions = of_spine[spine.asset[rows]]
    if len(positions) and positions.min() < 0:
        bad = rows[np.flatnonzero(positions < 0)[0]]
        raise BadTable(
            f"asset {spine.assets[spine.asset[bad]]!r} was not known at {spine.as_of[bad]}",
            where="spine",
            allowed="assets that the store knew by as_of and that are not only a source for others",
        )
    return positions
