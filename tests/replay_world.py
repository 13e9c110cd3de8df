"""A synthetic city as the backtest sees it: incidents reported late, some too late, some withdrawn again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import polars as pl

from contracts.params import CalibrateParams, EvaluateParams, Params, PromoteParams, SplitParams, TrainParams
from contracts.pilot import Hazard
from contracts.results import Labels
from features import build_labels
from models.backtest import Term, World
from tests.synthetic_risk import HAZARD, city

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
DAYS, DELAY_HOURS = 150, 48
END = FIRST + timedelta(days=DAYS)
RULE = Hazard(label="누출", horizon_hours=1, reporting_delay_hours=DELAY_HOURS, alerts_per_day=5)
PARAMS = Params(
    split=SplitParams(calibrate_days=15, test_days=25),
    train=TrainParams(
        num_iterations=25, learning_rate=0.15, min_data_in_leaf=40, num_threads=1, seeds=(1,), early_stopping_rounds=0
    ),
    calibrate=CalibrateParams(),
    evaluate=EvaluateParams(replicates=40, block_days=5),
    promote=PromoteParams(max_ece=0.05),
)


@cache
def world(seed: int = 5) -> World:
    """One in ten reports comes after the reporting delay; one in twenty is withdrawn ten days later."""
    town = city(assets=10, days=DAYS, base=-3.6, seed=seed)
    spine, random = town.features.spine, np.random.default_rng(seed)
    hits = np.flatnonzero(town.labels.occurred)
    occurred = spine.as_of[hits] + np.timedelta64(30, "m")
    late = random.random(len(hits)) < 0.1
    delay_hours = np.where(late, random.integers(100, 900, len(hits)), random.integers(1, DELAY_HOURS, len(hits)))
    known = occurred + delay_hours.astype("timedelta64[h]")
    reported = pl.DataFrame(
        {
            "incident_id": [f"i{row}" for row in hits],
            "asset_id": [spine.assets[asset] for asset in spine.asset[hits]],
            "hazard": HAZARD,
            "severity": 1.0,
            "occurred_at": pl.Series(occurred).dt.replace_time_zone("UTC"),
            "known_at": pl.Series(known).dt.replace_time_zone("UTC"),
        }
    )
    gone = reported.filter(pl.Series(random.random(len(hits)) < 0.05))
    withdrawn = gone.with_columns(severity=0.0, known_at=pl.col("known_at") + timedelta(days=10))
    assets = pl.DataFrame(
        {"asset_id": spine.assets, "known_at": [FIRST] * len(spine.assets), "district": ["남구", "울주군"] * 5}
    )
    return World(town.features, pl.concat([reported, withdrawn]), assets, HAZARD, RULE, PARAMS)


def terms(*days: int) -> list[Term]:
    """Trainings on these days after the first, each in charge until the next; the last until the end."""
    starts = [FIRST + timedelta(days=day) for day in days]
    return [Term(f"day {day}", start, stop) for day, start, stop in zip(days, starts, [*starts[1:], END], strict=True)]


def final_labels(given: World) -> Labels:
    return build_labels(given.incidents, given.features.spine, hazard=given.hazard, rule=given.rule, observed_until=END)
