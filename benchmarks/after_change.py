"""What a retraining a fortnight after a change recovers: the usual cut in time against the one of docs/decisions/010.

    python -m benchmarks.after_change          or make bench-after_change; the last line is JSON

The synthetic city of the tests, 30 places and 240 days. On day 180 a sensor comes to read 1.6 times as much plus 40, or
the law of a fifth of the places changes. Every model is judged on every third day from 194 on, which none of them saw;
the oracle was trained on all other days since the change.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from contracts.params import AfterChangeParams, CalibrateParams, SplitParams, TrainParams
from contracts.results import Features, IntArray, Labels
from models import Parts, RiskModel, fit_risk_model, split_parts
from models.split import cut_for_retraining
from tests.synthetic_risk import FIRST, SMALL_TRAIN, City, city

DAYS, CHANGE, TRAINED = 240, 180, 194
CHANGES = ("sensor", "law")
SEEDS = (1, 2, 3)
WEIGHTS = (1.0, 10.0, 20.0)
SPLIT = SplitParams(calibrate_days=30, test_days=30)
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class World:
    """What is seen and what happens, with a change on day `CHANGE`; day: (m,) of each labelled row."""

    features: Features
    labels: Labels
    day: IntArray


def main() -> None:
    """One row a change: the mean log loss over the seeds."""
    found = {change: _mean([dict(_losses(_changed(change, seed))) for seed in SEEDS]) for change in CHANGES}
    ways = list(found[CHANGES[0]])
    print("change   " + "".join(f"{way:>20}" for way in ways))
    for change, losses in found.items():
        print(f"{change:9}" + "".join(f"{losses[way]:20.4f}" for way in ways))
    print(json.dumps({c: {way: round(loss, 4) for way, loss in losses.items()} for c, losses in found.items()}))


def _changed(change: str, seed: int) -> World:
    town = city(assets=30, days=DAYS, seed=seed)
    day = ((town.features.spine.as_of - FIRST) // DAY).astype(np.int64)
    features = _other_readings(town, day >= CHANGE) if change == "sensor" else town.features
    labels = _other_law(town, day >= CHANGE, seed) if change == "law" else town.labels
    return World(features, labels, day)


def _other_readings(town: City, late: np.ndarray) -> Features:
    values = town.features.values.copy()
    values[late, 2] = 1.6 * values[late, 2] + 40
    return replace(town.features, values=values)


def _other_law(town: City, late: np.ndarray, seed: int) -> Labels:
    odds = np.log(town.truth / (1 - town.truth)) + np.where(town.features.spine.asset < 6, 1.6, -0.3)
    drawn = np.random.default_rng(seed).random(len(odds)) < 1 / (1 + np.exp(-odds))
    return replace(town.labels, occurred=np.where(late, drawn, town.labels.occurred))


def _losses(world: World) -> Iterator[tuple[str, float]]:
    as_of = world.features.spine.as_of
    judged = np.flatnonzero((world.day >= TRAINED) & (world.day % 3 == 0))

    def trained(until_day: int, split: SplitParams, params: TrainParams = SMALL_TRAIN) -> float:
        parts = split_parts(as_of[world.day < until_day], split, horizon_hours=1)
        return _loss(_fit(world, parts, params), world, judged)

    yield "champion", trained(CHANGE, SPLIT)
    yield "the usual cut", trained(TRAINED, SPLIT)
    since = FIRST + CHANGE * DAY
    cut = cut_for_retraining(as_of[world.day < TRAINED], SPLIT, AfterChangeParams(), since=since)
    at = since.astype(datetime).replace(tzinfo=UTC)
    for weight in WEIGHTS:
        params = SMALL_TRAIN.model_copy(update={"changed_at": at, "weight_since": weight})
        yield f"after, weight {weight:g}", trained(TRAINED, cut, params)
    seen = np.flatnonzero((world.day >= CHANGE) & (world.day % 3 != 0))
    yield "oracle", _loss(_fit(world, Parts(seen, seen, seen[:0]), SMALL_TRAIN), world, judged)


def _fit(world: World, parts: Parts, params: TrainParams) -> RiskModel:
    """The oracle has nothing to calibrate on: its own rows would say that it is surer than it is."""
    method = "logistic" if len(parts.test) else "none"
    return fit_risk_model(
        world.features,
        world.labels,
        parts=parts,
        train_params=params,
        calibrate_params=CalibrateParams(method=method),
        alerts_per_day=5.0,
        provenance={},
    ).model


def _loss(model: RiskModel, world: World, rows: IntArray) -> float:
    probability = model.predict(world.features.take(rows))[0]
    return float(-np.log(np.where(world.labels.occurred[rows], probability, 1 - probability)).mean())


def _mean(found: list[dict[str, float]]) -> dict[str, float]:
    return {way: float(np.mean([losses[way] for losses in found])) for way in found[0]}


if __name__ == "__main__":
    main()
