"""Features and labels from a known law, for tests of `models`: nothing here is meant to look like a real city.

log odds(asset, hour) = base + place(asset) + 1.2 * [hour in rush] + 1.0 * gas_z + 0.8 * gas_z * wind_z
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from contracts.params import CalibrateParams, EvaluateParams, SplitParams, TrainParams
from contracts.results import BoolArray, FeatureInfo, Features, FloatArray, IntArray, Labels, Spine
from contracts.worth import Worth
from models import Fitted, Parts, Trial, fit_risk_model, split_parts, trial_on_test
from models.profile import KEYS
from models.worth import worth_of_trial

HAZARD = "chemical_release"
FIRST = np.datetime64("2026-01-01T00:00:00", "us")


@dataclass(frozen=True)
class City:
    features: Features
    labels: Labels
    truth: FloatArray  # (n,) the true risk of each spine row


def city(*, assets: int = 40, days: int = 200, seed: int = 5, base: float = -5.2, horizon_hours: int = 1) -> City:
    """Hourly rows for every asset, ordered by hour and then by asset; the spine is in that order too."""
    random = np.random.default_rng(seed)
    hours = days * 24
    place = random.normal(0.0, 0.7, assets)
    hour_of_day = np.arange(hours) % 24
    rush = np.isin(hour_of_day, (7, 8, 17, 18)).astype(float)
    gas = _wandering(random, hours, assets)
    wind = _wandering(random, hours, 1) + 0.3 * random.normal(size=(hours, assets))
    log_odds = base + place + 1.2 * rush[:, None] + gas + 0.8 * gas * wind
    truth = 1 / (1 + np.exp(-log_odds))
    occurred = random.random((hours, assets)) < truth
    climatology = 1 / (1 + np.exp(-(base + 0.6 + place + 1.2 * rush[:, None])))
    recent = np.broadcast_to(1 / (1 + np.exp(-(base + 0.8 + place))), truth.shape)
    gas_ppb = np.where(random.random(gas.shape) < 0.03, np.nan, 100 + 40 * gas)
    columns = [climatology, recent, gas_ppb, wind, np.broadcast_to(hour_of_day[:, None], truth.shape)]
    columns += [random.normal(size=truth.shape) for _ in range(3)]
    spine = Spine(
        assets=tuple(f"cell-{i:02d}" for i in range(assets)),
        asset=np.tile(np.arange(assets), hours).astype(np.int64),
        as_of=np.repeat(FIRST + np.arange(hours) * np.timedelta64(3_600_000_000, "us"), assets),
    )
    values = np.stack([np.asarray(c, dtype=np.float32).ravel() for c in columns], axis=1)
    features = Features(spine, np.ascontiguousarray(values), INFOS, spec_hash="5f" * 32)
    hit = occurred.ravel()
    rows = np.arange(len(hit), dtype=np.int64)
    count = _counts(np.random.default_rng(seed + 1), truth.ravel(), hit)
    labels = Labels(HAZARD, horizon_hours, rows, hit, count, count.astype(np.float64))
    return City(features, labels, truth.ravel())


def _counts(random: np.random.Generator, truth: FloatArray, hit: BoolArray) -> IntArray:
    """Poisson counts given that there is at least one: the first comes, the rest of the hour is as likely as before."""
    expected = -np.log1p(-truth)
    first = -np.log1p(-random.random(len(truth)) * truth)
    return np.where(hit, 1 + random.poisson(np.maximum(expected - first, 0.0)), 0).astype(np.int64)


def _wandering(random: np.random.Generator, hours: int, assets: int) -> FloatArray:
    """Standard normal at each hour, remembered for about half a day."""
    out = np.empty((hours, assets))
    out[0] = random.normal(size=assets)
    for hour in range(1, hours):
        out[hour] = 0.92 * out[hour - 1] + np.sqrt(1 - 0.92**2) * random.normal(size=assets)
    return out


def placed(features: Features) -> Features:
    """The synthetic city with the columns that a profile reads; one place has no position."""
    asset = features.spine.asset
    hour = (features.spine.as_of.astype("datetime64[h]").astype(np.int64)) % 24
    weekday = (features.spine.as_of.astype("datetime64[D]").astype(np.int64) + 3) % 7
    longitude = np.where(asset == 0, np.nan, 129.0 + 0.01 * asset)
    columns = [longitude, np.where(asset == 0, np.nan, 35.5), hour, weekday, np.zeros(len(asset))]
    infos = tuple(FeatureInfo(name, "made", name, "", "made up") for name in KEYS)
    values = np.column_stack([features.values, *columns]).astype(np.float32)
    return replace(features, values=values, infos=(*features.infos, *infos))


ALERTS_PER_DAY = 5.0
SMALL_TRAIN = TrainParams(
    num_iterations=80, early_stopping_rounds=15, min_data_in_leaf=100, num_threads=1, seeds=(1, 2)
)


@dataclass(frozen=True)
class Walk:
    """A small synthetic city, cut, fitted and scored on its test part."""

    city: City
    parts: Parts
    fitted: Fitted
    trial: Trial


@cache
def walk() -> Walk:
    """The straight way once; computed once for a whole test session."""
    town = city(assets=20, days=160)
    as_of = town.features.spine.as_of[town.labels.rows]
    parts = split_parts(as_of, SplitParams(calibrate_days=35, test_days=50), horizon_hours=town.labels.horizon_hours)
    fitted = fit_risk_model(
        town.features,
        town.labels,
        parts=parts,
        train_params=SMALL_TRAIN,
        calibrate_params=CalibrateParams(),
        alerts_per_day=ALERTS_PER_DAY,
        provenance={"data_instant": "2026-06-09T00:00:00+00:00", "git_revision": "0" * 40},
    )
    trial = trial_on_test(fitted.model, town.features, town.labels, parts=parts, alerts_per_day=ALERTS_PER_DAY)
    return Walk(town, parts, fitted, trial)


DISTRICTS = ("남구", "동구", "북구", "울주군")


@cache
def walk_worth() -> Worth:
    """What the walk's forecasts are worth; its places are dealt out to four districts."""
    walked = walk()
    return worth_of_trial(
        walked.fitted.model,
        walked.trial,
        walked.city.features,
        walked.city.labels,
        parts=walked.parts,
        districts=[DISTRICTS[asset % 4] for asset in range(len(walked.city.features.spine.assets))],
        timezone="Asia/Seoul",
        params=EvaluateParams(replicates=50),
        truth=walked.city.truth[walked.city.labels.rows[walked.parts.test]],
    )


def _info(name: str, words: str, unit: str) -> FeatureInfo:
    return FeatureInfo(name=name, kind="synthetic", words=words, unit=unit, uses="made up")


INFOS = (
    _info(f"{HAZARD}_climatology", "chemical releases, usual for this place and hour", "1"),
    _info(f"{HAZARD}_recent_rate", "chemical releases, own rate of the last 30 days", "1"),
    _info("voc_ppb_mean_6h", "VOC, mean of the last 6 h", "ppb"),
    _info("wind_speed_z", "wind, deviation from usual", ""),
    _info("hour", "hour of the day", "h"),
    *(_info(f"noise_{i}", f"noise {i}", "") for i in range(3)),
)
