"""Features with seasons, weather that lasts for days and a known change: for tests of `monitoring`. Seeded."""

from __future__ import annotations

import numpy as np

from contracts.results import FeatureInfo, Features, FloatArray, Spine

DAY = 24
START = np.datetime64("2023-01-01T00:00:00", "us")
HOUR = np.timedelta64(3_600_000_000, "us")
NAMES = ("temperature", "humidity", "traffic", "gas", "rain", "population", *(f"noise_{i}" for i in range(6)))
IMPORTANCE = {"gas": 0.4, "traffic": 0.25, "temperature": 0.15, "population": 0.1, "rain": 0.1}


def seasonal(*, days: int, assets: int = 12, seed: int = 1, every: int = 2) -> tuple[Features, FloatArray]:
    """Rows of every asset at every `every`-th hour, and forecasts that depend on gas and traffic."""
    random = np.random.default_rng(seed)
    hours = np.arange(0, days * DAY, every)
    weather = _lasting(random, days, persistence=0.8)[hours // DAY]
    damp = _lasting(random, days, persistence=0.8)[hours // DAY]
    season = -np.cos(2 * np.pi * hours / (DAY * 365.25))
    clock = np.sin(2 * np.pi * (hours % DAY) / DAY)
    place = random.normal(size=assets)

    def each(common: FloatArray, noise: float) -> FloatArray:
        return common[:, None] + noise * random.normal(size=(len(hours), assets))

    storms = np.maximum(0.0, _lasting(random, days, persistence=0.5)[hours // DAY] - 1.0)
    columns = [
        each(12 + 10 * season + 4 * clock + 3 * weather, 1.0),
        each(60 + 10 * season + 12 * damp, 4.0),
        each(1000 + 400 * clock + 100 * (hours // DAY % 7 < 5), 120.0) * np.exp(0.3 * place),
        each(100 + 10 * season + 15 * weather, 10.0) + 10 * place,
        each(storms, 0.0) * random.gamma(2.0, size=(len(hours), assets)),
        np.broadcast_to(np.round(np.exp(9 + 0.5 * place)), (len(hours), assets)),
        *(random.normal(size=(len(hours), assets)) for _ in range(6)),
    ]
    values = np.stack([column.ravel() for column in columns], axis=1).astype(np.float32)
    return features_of(values, hours, assets), forecasts(values)


def forecasts(values: np.ndarray) -> FloatArray:
    gas, traffic = values[:, 3].astype(np.float64), values[:, 2].astype(np.float64)
    return np.asarray(1 / (1 + np.exp(5 - (gas - 100) / 30 - (traffic - 1000) / 1000)))


def features_of(values: np.ndarray, hours: np.ndarray, assets: int) -> Features:
    spine = Spine(
        assets=tuple(f"cell-{i:02d}" for i in range(assets)),
        asset=np.tile(np.arange(assets), len(hours)).astype(np.int64),
        as_of=np.repeat(START + hours * HOUR, assets),
    )
    infos = tuple(FeatureInfo(name, "synthetic", name, "", "made up") for name in NAMES)
    return Features(spine, values, infos, spec_hash="ab" * 32)


def _lasting(random: np.random.Generator, days: int, *, persistence: float) -> FloatArray:
    """(days,) standard normal, like yesterday."""
    out, fresh = np.empty(days), random.normal(size=days)
    out[0] = fresh[0]
    for day in range(1, days):
        out[day] = persistence * out[day - 1] + np.sqrt(1 - persistence**2) * fresh[day]
    return out
