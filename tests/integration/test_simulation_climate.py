"""Simulated weather against nine real years of Ulsan's station, and simulated totals against published ones."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from simulation.city import ulsan
from simulation.figures import ANNUAL_TOTALS, FIRE, FLOOD, HAZARDS, TRAFFIC
from simulation.timeline import Timeline
from simulation.weather import simulate_weather
from simulation.world import World, simulate_world

ULSAN = "152"


@pytest.fixture(scope="module")
def real() -> pl.DataFrame:
    """Daily values of KMA station 152, 2011-2019."""
    here = Path(__file__).parents[2]
    for root in (os.environ.get("FORESAFE_DATA"), here / ".." / "shared" / "data"):
        path = Path(root or "absent") / "ulsan-region-weather" / "kma_asos_daily.csv.gz"
        if path.is_file():
            break
    else:
        pytest.skip("no ulsan-region-weather in ../shared/data or FORESAFE_DATA")
    raw = pl.read_csv(path, infer_schema_length=0).filter(pl.col("stnId") == ULSAN)
    numbers = ("avgTa", "minTa", "maxTa", "sumRn", "hr1MaxRn", "avgWs", "avgRhm")
    return raw.select(
        pl.col("tm").str.slice(5, 2).cast(pl.Int64).alias("month"),
        pl.col("tm").str.slice(0, 4).cast(pl.Int64).alias("year"),
        *(pl.col(name).cast(pl.Float64) for name in numbers),
    ).with_columns(pl.col("sumRn").fill_null(0.0))


@pytest.fixture(scope="module")
def simulated() -> pl.DataFrame:
    """Thirty simulated years of the same station, daily, with the same names."""
    timeline = Timeline(date(2011, 1, 1), 3652)
    frames = []
    for seed in (1, 2, 3):
        weather = simulate_weather(timeline, seed)
        daily = {
            name: values[:, 0].reshape(-1, 24)
            for name, values in vars(weather).items()
            if name in ("temperature_c", "rain_mm", "wind_speed_m_s", "humidity_percent")
        }
        frames.append(
            pl.DataFrame(
                {
                    "month": [d.month for d in timeline.dates],
                    "year": [d.year + 100 * seed for d in timeline.dates],
                    "avgTa": daily["temperature_c"].mean(axis=1),
                    "minTa": daily["temperature_c"].min(axis=1),
                    "maxTa": daily["temperature_c"].max(axis=1),
                    "sumRn": daily["rain_mm"].sum(axis=1),
                    "hr1MaxRn": daily["rain_mm"].max(axis=1),
                    "avgWs": daily["wind_speed_m_s"].mean(axis=1),
                    "avgRhm": daily["humidity_percent"].mean(axis=1),
                }
            )
        )
    return pl.concat(frames)


def _monthly(frame: pl.DataFrame, column: str) -> np.ndarray:
    return frame.group_by("month").agg(pl.col(column).mean()).sort("month")[column].to_numpy()


@pytest.mark.parametrize(
    ("column", "tolerance"), [("avgTa", 1.5), ("avgWs", 0.3), ("avgRhm", 6.0), ("minTa", 2.2), ("maxTa", 2.2)]
)
def test_monthly_means_are_those_of_ulsan(
    real: pl.DataFrame, simulated: pl.DataFrame, column: str, tolerance: float
) -> None:
    gap = np.abs(_monthly(real, column) - _monthly(simulated, column))
    assert gap.max() < tolerance, gap.round(2)


def test_rain_is_as_much_and_as_seasonal(real: pl.DataFrame, simulated: pl.DataFrame) -> None:
    there, here = _monthly(real, "sumRn"), _monthly(simulated, "sumRn")
    assert here.sum() == pytest.approx(there.sum(), rel=0.15)
    assert np.corrcoef(there, here)[0, 1] > 0.85
    wet_there, wet_here = (_share_wet(frame) for frame in (real, simulated))
    assert wet_here == pytest.approx(wet_there, abs=0.04)


def _share_wet(frame: pl.DataFrame) -> float:
    return float((frame["sumRn"] >= 0.1).to_numpy().mean())


def test_rain_extremes_are_those_of_ulsan(real: pl.DataFrame, simulated: pl.DataFrame) -> None:
    for column, ratio in (("sumRn", 1.5), ("hr1MaxRn", 1.6)):
        yearly = [
            frame.group_by("year").agg(pl.col(column).max(), pl.len()).filter(pl.col("len") > 360)[column].median()
            for frame in (real, simulated)
        ]
        assert 1 / ratio < yearly[1] / yearly[0] < ratio, (column, yearly)
    assert simulated["hr1MaxRn"].max() < 160.0
    assert simulated["sumRn"].max() < 500.0
    for much, allowed in ((30.0, 1.4), (80.0, 1.7)):
        days = [(frame["sumRn"] >= much).to_numpy().mean() for frame in (real, simulated)]
        assert 1 / allowed < days[1] / days[0] < allowed, (much, days)


def test_days_resemble_the_days_before(real: pl.DataFrame, simulated: pl.DataFrame) -> None:
    for column, tolerance in (("avgTa", 0.03), ("avgWs", 0.15)):
        memory = []
        for frame in (real, simulated):
            values = frame[column].fill_null(strategy="forward").to_numpy()
            memory.append(np.corrcoef(values[1:], values[:-1])[0, 1])
        assert memory[0] == pytest.approx(memory[1], abs=tolerance), column


@pytest.fixture(scope="module")
def decade() -> World:
    return simulate_world(Timeline(date(2025, 1, 1), 3652), ulsan(), seed=20280401)


def test_annual_totals_are_as_published(decade: World) -> None:
    shown = decade.timeline.shown
    years = decade.timeline.days / 365.25
    for hazard, name in enumerate(HAZARDS):
        total = decade.counts[shown, hazard].sum(dtype=float) / years
        allowed = 2.5 if name == "flood" else 1.1  # a decade has few heavy storms
        assert 1 / allowed < total / ANNUAL_TOTALS[name] < allowed, (name, total)


def test_floods_come_in_heavy_rain_only(decade: World) -> None:
    shown = decade.timeline.shown
    floods = decade.counts[shown, FLOOD].sum(axis=1)
    rain = np.convolve(decade.weather.rain_mm[shown].max(axis=1), np.ones(24))[: floods.size]
    assert floods[rain > 40].sum() > 0.85 * floods.sum()
    worst_days = np.sort(floods.reshape(-1, 24).sum(axis=1))[::-1][:30]
    assert worst_days.sum() > 0.6 * floods.sum()


def test_rain_makes_roads_two_to_three_times_as_dangerous_at_most(decade: World) -> None:
    shown = decade.timeline.shown
    rate = decade.intensity[shown, TRAFFIC].sum(axis=1)
    rain = np.concatenate([[0.0], decade.weather.rain_mm[shown][:-1, 0]])
    assert 1.3 < rate[rain > 0.5].mean() / rate[rain == 0].mean() < 3.0


def test_winter_leads_in_fires(decade: World) -> None:
    shown = decade.timeline.shown
    fires = decade.intensity[shown, FIRE].sum(axis=1)
    month = decade.timeline.month[shown]
    assert fires[month == 1].mean() > 1.3 * fires[month == 7].mean()
