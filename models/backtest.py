"""History replayed as it would have run: at each training, only what was known by then.

Two steps. `challenge` fits a challenger from what was known at one instant; it asks nothing of other instants, so that
challengers can be fitted side by side. `walk` then goes through them in order: the gate compares each with the champion
of that day, and whoever is champion then forecasts until the next training. Judging comes afterwards (`hindsight`).

Features are point-in-time already: those of a past hour are the same whether they are built then or now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from contracts.errors import NotEnoughData
from contracts.params import Params, TrainParams
from contracts.pilot import Hazard
from contracts.replay import NOBODY
from contracts.results import Decision, Features, FloatArray, InstantArray, IntArray, Labels, instant_of
from features import build_labels
from models.baselines import baseline_probabilities, climatology, recent_rate
from models.calibrate import Calibrator, fit_calibrator
from models.counts import count_variance
from models.evaluation import Judged
from models.influence import TextArray
from models.promote import Contender, Surroundings, decide_promotion
from models.pyfunc import raw_scores
from models.split import HOUR, Parts, split_parts
from models.train import parse_booster, train


@dataclass(frozen=True)
class World:
    """One hazard of one pilot.

    incidents: every version that was ever known, with `known_at`. assets: with `known_at` and `district`.
    params: with the hazard's own `train`.
    """

    features: Features
    incidents: pl.DataFrame
    assets: pl.DataFrame
    hazard: str
    rule: Hazard
    params: Params


@dataclass(frozen=True)
class Term:
    """From one training, at `start`, to the next: forecasts with `as_of` in [start, stop). name: the local month."""

    name: str
    start: datetime
    stop: datetime


@dataclass(frozen=True)
class Forecaster:
    """What the replay needs of a model: calibrated probabilities, and how wide its counts lie (`models.counts`).
    fitted_until: as `Contender`."""

    name: str
    boosters: tuple[str, ...]
    calibrator: Calibrator
    count_variance: float
    fitted_until: datetime

    def predict(self, features: Features, rows: IntArray) -> FloatArray:
        raw = raw_scores(tuple(parse_booster(text) for text in self.boosters), features.values[rows])
        return self.calibrator.apply(raw.mean(axis=0))


@dataclass(frozen=True)
class Bout:
    """A challenger and the recent rows on which the gate judges it. rows: of the spine; the others (len(rows),)."""

    challenger: Forecaster
    rows: IntArray
    judged: Judged
    probability: FloatArray
    baselines: Mapping[str, FloatArray]


@dataclass(frozen=True)
class Challenge:
    """What one training gave. baselines: of the term's `rows`; a regression that cannot be fitted yet is climatology.
    bout: None where nothing could be trained or judged, and `refused` says why."""

    term: Term
    rows: IntArray
    baselines: Mapping[str, FloatArray]
    bout: Bout | None
    refused: str = ""


@dataclass(frozen=True)
class Step:
    """One term as it would have been: the decision at its start, who was in charge, and the forecasts of `rows`.
    count_variance: as `Forecaster`; None while climatology was in charge, which states no interval."""

    term: Term
    decision: Decision
    champion: str
    rows: IntArray
    probability: FloatArray
    baselines: Mapping[str, FloatArray]
    count_variance: float | None


def challenge(load: Callable[[], World], term: Term) -> Challenge:
    """Train on what was known at `term.start`, and forecast with the baselines of that day.

    Args:
        load: gives the world wherever this runs, so that only its path travels there.
    """
    world = load()
    labels = labels_known_at(world, term.start)
    rows = rows_between(world.features.spine.as_of, term.start, term.stop)
    try:
        bout, baselines = _bout(world, labels, rows, term)
    except NotEnoughData as reason:
        return Challenge(term, rows, _simple_baselines(world, labels, rows), None, str(reason))
    return Challenge(term, rows, baselines, bout)


def labels_known_at(world: World, at: datetime) -> Labels:
    """What was ripe at `at`, by the incidents that were known at `at`: later reports and corrections do not exist."""
    known = world.incidents.filter(pl.col("known_at") <= at)
    return build_labels(known, world.features.spine, hazard=world.hazard, rule=world.rule, observed_until=at)


def walk(world: World, challenges: Iterable[Challenge]) -> Iterator[Step]:
    """The gate, term after term, in order; each step as soon as its challenge is there."""
    champion: Forecaster | None = None
    for given in challenges:
        decision = _decide(world, given, champion)
        if decision.kind == "promote" and given.bout is not None:
            champion = given.bout.challenger
        if champion is None:
            name, forecast, variance = NOBODY, given.baselines["climatology"], None
        else:
            name, variance = champion.name, champion.count_variance
            forecast = champion.predict(world.features, given.rows)
        yield Step(given.term, decision, name, given.rows, forecast, given.baselines, variance)


def districts_known_at(world: World, at: datetime) -> list[str]:
    """Of each asset of the spine, the latest district known at `at`; empty text where it has none."""
    known = world.assets.filter(pl.col("known_at") <= at).sort("known_at").unique("asset_id", keep="last")
    named = dict(known.select("asset_id", "district").drop_nulls().iter_rows())
    return [named.get(asset, "") for asset in world.features.spine.assets]


def rows_between(as_of: InstantArray, start: datetime, stop: datetime) -> IntArray:
    """Positions with `start <= as_of < stop`."""
    return np.flatnonzero((as_of >= instant_of(start)) & (as_of < instant_of(stop))).astype(np.int64)


def _bout(world: World, labels: Labels, rows: IntArray, term: Term) -> tuple[Bout, Mapping[str, FloatArray]]:
    features, params = world.features, world.params
    as_of = features.spine.as_of[labels.rows]
    parts = split_parts(as_of, params.split, horizon_hours=labels.horizon_hours)
    challenger = _fit(features, labels, parts, params.train, world=world, term=term)
    judged = Judged(
        hazard=world.hazard,
        part="gate",
        occurred=labels.occurred[parts.test],
        as_of=as_of[parts.test],
        base_rate=float(labels.occurred[parts.train].mean()),
        alerts_per_day=world.rule.alerts_per_day,
    )
    test = labels.rows[parts.test]
    both = baseline_probabilities(features, labels, parts=parts, rows=np.concatenate([test, rows]))
    bout = Bout(
        challenger, test, judged, challenger.predict(features, test), {n: v[: len(test)] for n, v in both.items()}
    )
    return bout, {name: values[len(test) :] for name, values in both.items()}


def _fit(
    features: Features, labels: Labels, parts: Parts, config: TrainParams, *, world: World, term: Term
) -> Forecaster:
    """The model without what only a released one needs: intervals of the risk, bands, usual values."""
    ensemble = train(features, labels, parts=parts, config=config)
    rows = labels.rows[parts.calibrate]
    raw = raw_scores(ensemble.parsed(), features.values[rows])
    method = world.params.calibrate.method
    calibrator = fit_calibrator(raw.mean(axis=0), labels.occurred[parts.calibrate], method=method)
    forecast, districts = calibrator.apply(raw.mean(axis=0)), districts_known_at(world, term.start)
    variance = count_variance(forecast, labels, features.spine, parts.calibrate, districts)
    until = features.spine.as_of[rows].max() + labels.horizon_hours * HOUR
    fitted_until = datetime.fromisoformat(f"{np.datetime_as_string(until, unit='s')}+00:00")
    return Forecaster(f"model of {term.name}", ensemble.boosters, calibrator, variance, fitted_until)


def _simple_baselines(world: World, labels: Labels, rows: IntArray) -> Mapping[str, FloatArray]:
    rate = float(labels.occurred.mean()) if len(labels) else 0.0
    usual = climatology(world.features, world.hazard, rows, base_rate=rate)
    recent = recent_rate(world.features, world.hazard, rows, base_rate=rate)
    return {"climatology": usual, "recent_rate": recent, "logistic_regression": usual}


def _decide(world: World, given: Challenge, champion: Forecaster | None) -> Decision:
    name = f"model of {given.term.name}"
    bout = given.bout
    if bout is None:
        return Decision("refuse", name, (given.refused,), decided_at=given.term.start, by="the training")
    rival = None
    if champion is not None:
        forecast = champion.predict(world.features, bout.rows)
        rival = Contender(champion.name, forecast, champion.fitted_until)
    try:
        return decide_promotion(
            Contender(name, bout.probability, bout.challenger.fitted_until),
            rival,
            judged=bout.judged,
            baselines=bout.baselines,
            params=world.params.promote,
            evaluate_params=world.params.evaluate,
            decided_at=given.term.start,
            surroundings=Surroundings(districts=_of_rows(world, bout.rows, given.term.start)),
        )
    except NotEnoughData as reason:
        return Decision("refuse", name, (str(reason),), decided_at=given.term.start, by="the gate")


def _of_rows(world: World, rows: IntArray, at: datetime) -> TextArray | None:
    """(len(rows),) the district of each row's asset; None where no asset has one."""
    districts = districts_known_at(world, at)
    if not any(districts):
        return None
    names: TextArray = np.array(districts, dtype=object)
    return names[world.features.spine.asset[rows]]
