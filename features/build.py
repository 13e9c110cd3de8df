"""The one entry point: tables and a spine in, features out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import polars as pl

from contracts.errors import BadPilot, BadTable
from contracts.pilot import FeatureChoice, Metric, Pilot
from contracts.results import FeatureInfo, Features, Float32Array, IntArray, Spine
from contracts.tables import ASSETS, INCIDENTS, READINGS, Tables
from features.binning import THREADS, Coded, Wanted, build_trails, code
from features.hours import as_of_hours
from features.incidents import known_incidents
from features.library import baselines
from features.readings import STATS
from features.registry import FeatureFunction, find
from features.spine import first_known
from features.view import View, nearest_of

Asked = Mapping[str, frozenset[str]]  # metric -> statistics
LONG_GAP = 1000  # hours without a row after which the timeline is built in separate pieces


def build_features(tables: Tables, spine: Spine, pilot: Pilot) -> Features:
    """Features of every spine row, from rows with `known_at <= as_of` only.

    Returns:
        values (n, p) float32 in column-major order, NaN where nothing was known. Beside the pilot's choices there are
        always two baseline columns a hazard, `{hazard}_climatology` and `{hazard}_recent_rate`.

    Raises:
        BadPilot: a feature kind, statistic or key that does not exist, or one feature twice.
        BadTable: a spine row whose asset was not known at its as_of.
    """
    described, asked = _described(pilot)
    infos = tuple(info for part in described for info in part)
    out = np.empty((len(spine), len(infos)), np.float32, order="F")
    starts = np.cumsum([0, *(len(part) for part in described)])
    hours = as_of_hours(spine.as_of)
    known, coded = first_known(tables.assets), code(tables.readings)
    for rows, first, last in _pieces(hours, known["since"].to_numpy()):
        view = _view(coded, tables.incidents, pilot, known, first, last, asked=asked)
        place = (hours[rows] - first) * len(view.assets) + _positions(view, spine, rows)
        whole = len(rows) == len(spine) and np.array_equal(place, np.arange(view.shape[0] * view.shape[1]))
        fill = partial(_fill, out, view, None if whole else (rows, place))
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(fill, _jobs(pilot), starts[:-1]))
    return Features(spine, out, infos, _hash(pilot, infos))


def feature_infos(pilot: Pilot) -> tuple[FeatureInfo, ...]:
    """What `build_features` would build, in order: the same functions, run on a city without assets.

    Raises:
        BadPilot: a feature kind, statistic or key that does not exist, or one feature twice.
    """
    return tuple(info for part in _described(pilot)[0] for info in part)


def spec_hash(pilot: Pilot) -> str:
    """Changes when anything that shapes the features does: choices, metrics, hazards, zone, or what they mean."""
    return _hash(pilot, feature_infos(pilot))


def _hash(pilot: Pilot, infos: tuple[FeatureInfo, ...]) -> str:
    parts = [pilot.model_dump_json(exclude={"title"}), *(repr(info) for info in infos)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _described(pilot: Pilot) -> tuple[list[list[FeatureInfo]], Asked]:
    """The columns of each job, and which statistics they ask for of each metric."""
    nobody = first_known(ASSETS.empty())
    nothing = _view(code(READINGS.empty()), INCIDENTS.empty(), pilot, nobody, 0, 0)
    described = [[info for info, _ in function(nothing, choice)] for function, choice in _jobs(pilot)]
    names = Counter(info.name for part in described for info in part)
    if twice := [name for name, n in names.items() if n > 1]:
        raise BadPilot(
            f"feature {twice[0]!r} is chosen twice", where=f"pilot {pilot.name}: features", fix="take one of them out"
        )
    return described, {metric: frozenset(stats) for metric, stats in nothing.asked.items()}


def _jobs(pilot: Pilot) -> list[tuple[FeatureFunction, FeatureChoice]]:
    """Every choice, one metric or hazard at a time: small enough to share among threads."""
    jobs = [(find(choice), one) for choice in pilot.features for one in _one_by_one(choice)]
    return jobs + [(baselines, FeatureChoice(kind="baseline", hazards=(hazard,))) for hazard in pilot.hazards]


def _one_by_one(choice: FeatureChoice) -> list[FeatureChoice]:
    metrics = [choice.model_copy(update={"metrics": (metric,), "hazards": ()}) for metric in choice.metrics]
    hazards = [choice.model_copy(update={"metrics": (), "hazards": (hazard,)}) for hazard in choice.hazards]
    return metrics + hazards or [choice]


def _fill(
    out: Float32Array,
    view: View,
    some: tuple[IntArray, IntArray] | None,
    job: tuple[FeatureFunction, FeatureChoice],
    start: int,
) -> None:
    """Write one job's columns. `some`: rows of the spine and their places in (hours, assets); None: all in order."""
    function, choice = job
    for j, (_, values) in enumerate(function(view, choice), start):
        if some is None:
            out[:, j].reshape(values.shape)[...] = values
        else:
            out[some[0], j] = values.ravel()[some[1]]


def _pieces(hours: IntArray, appearances: IntArray) -> Iterator[tuple[IntArray, int, int]]:
    """(rows, first hour, last hour) of stretches without a long gap in which no new asset appears."""
    if not len(hours):
        return
    unique, where = np.unique(hours, return_inverse=True)
    epoch = np.searchsorted(np.unique(appearances), unique, side="right")
    cut = np.flatnonzero((np.diff(unique) > LONG_GAP) | (np.diff(epoch) > 0)) + 1
    piece = np.searchsorted(cut, where, side="right")
    for number, stretch in enumerate(np.split(unique, cut)):
        yield np.flatnonzero(piece == number), int(stretch[0]), int(stretch[-1])


def _view(
    coded: Coded,
    incidents: pl.DataFrame,
    pilot: Pilot,
    known: pl.DataFrame,
    first: int,
    last: int,
    *,
    asked: Asked | None = None,
) -> View:
    """asked: the statistics to bin for; every one where it is not known yet."""
    there = known.filter(pl.col("since") <= first)
    serving = _serving(pilot)
    universe = there.filter(~pl.col("kind").is_in(serving) & ~pl.col("asset_id").is_in(serving))
    assets = tuple(universe["asset_id"].to_list())
    sources = {name: _source_assets(metric, there, universe) for name, metric in pilot.metrics.items()}
    stats = {name: frozenset(STATS) if asked is None else asked.get(name, frozenset()) for name in pilot.metrics}
    wanted = {name: Wanted(metric, sources[name][0], stats[name]) for name, metric in pilot.metrics.items()}
    return View(
        pilot=pilot,
        hours=np.arange(first, last + 1, dtype=np.int64),
        assets=assets,
        lon=universe["lon"].to_numpy(),
        lat=universe["lat"].to_numpy(),
        trails=build_trails(coded, wanted, first_bin=first - reach_hours(pilot), last_bin=last),
        sources={name: positions for name, (_, positions) in sources.items()},
        incidents={
            name: known_incidents(incidents, assets=assets, hazard=name, rule=rule)
            for name, rule in pilot.hazards.items()
        },
    )


def _serving(pilot: Pilot) -> list[str]:
    """Kinds and ids of assets that only lend their readings to others (`at: nearest:KIND`, `at: asset:ID`)."""
    return sorted({metric.at.split(":", 1)[1] for metric in pilot.metrics.values() if ":" in metric.at})


def _source_assets(metric: Metric, there: pl.DataFrame, universe: pl.DataFrame) -> tuple[tuple[str, ...], IntArray]:
    """The assets whose readings of a metric are used, and for each of the universe which of them (-1: none)."""
    if metric.at == "own":
        return tuple(universe["asset_id"].to_list()), np.arange(len(universe))
    how, what = metric.at.split(":", 1)
    if how == "asset":
        return (what,), np.zeros(len(universe), np.int64)
    stations = there.filter((pl.col("kind") == what) & pl.col("lon").is_not_null() & pl.col("lat").is_not_null())
    return tuple(stations["asset_id"].to_list()), nearest_of(universe, stations)


def reach_hours(pilot: Pilot) -> int:
    """The longest look back into readings, plus the hour that a change compares with."""
    return max((hours for choice in pilot.features for hours in choice.windows_hours), default=1) + 168


def _positions(view: View, spine: Spine, rows: IntArray) -> IntArray:
    place = {asset: i for i, asset in enumerate(view.assets)}
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
