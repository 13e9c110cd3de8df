"""Small random cities for property tests, and the slow, obvious feature build that the fast one is held against."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from hypothesis import strategies as st

from contracts.pilot import FeatureChoice, Hazard, Metric, Pilot
from contracts.tables import ASSETS, INCIDENTS, READINGS, Tables
from features import leaks
from features.library import STATS

START = datetime(2025, 3, 8, tzinfo=UTC)  # the next day has 23 hours in Chicago
HOURS = 60
ASSET_IDS = ("a", "b", "c", "station")
METRICS = {
    "voc_ppb": Metric(unit="ppb", low=0, high=1000),
    "wind_m_s": Metric(unit="m/s", low=0, high=60, at="nearest:station"),
    "population": Metric(unit="1", low=0, high=1e6, static=True),
}
PROVENANCE = {"partner": "p", "feed": "f", "batch": "x"}
MINUTES = st.integers(0, HOURS * 60)
# one choice or more of every registered kind: the property tests and the leak tests run over all of them
EVERYTHING = (
    FeatureChoice(kind="trailing", metrics=("voc_ppb", "wind_m_s"), windows_hours=(1, 3, 30), stats=STATS),
    FeatureChoice(kind="change", metrics=("voc_ppb",), windows_hours=(1, 24)),
    FeatureChoice(kind="latest", metrics=("population", "wind_m_s")),
    FeatureChoice(kind="incident_count", hazards=("fire",), windows_hours=(1, 24, 100)),
    FeatureChoice(kind="hours_since_incident", hazards=("fire",)),
    FeatureChoice(kind="neighbour_mean", metrics=("voc_ppb",), hazards=("fire",), windows_hours=(6,), neighbours=2),
    FeatureChoice(kind="climatology", hazards=("fire",), shrinkage=5),
    FeatureChoice(kind="calendar"),
    FeatureChoice(kind="place"),
    FeatureChoice(kind="hourly", metrics=("voc_ppb", "wind_m_s"), windows_hours=(3, 30), stats=("mean", "max", "std")),
    FeatureChoice(kind="hourly_change", metrics=("voc_ppb",), windows_hours=(24,), stats=("mean", "max", "std")),
)


def pilot(choices: tuple[FeatureChoice, ...], *, horizon: int = 1, delay: int = 0) -> Pilot:
    return Pilot(
        name="tiny",
        title="tiny",
        timezone="America/Chicago",
        country="US",
        scored_kinds=("cell",),
        metrics=METRICS,
        hazards={"fire": Hazard(horizon_hours=horizon, reporting_delay_hours=delay, min_severity=1)},
        features=choices,
    )


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


# delays: on the spot, under an hour, whole hours, late by days
DELAY_MINUTES = st.sampled_from([0, 0, 0, 10, 60, 60, 90, 60 * 5, 60 * 30])


@st.composite
def readings(draw: st.DrawFn) -> pl.DataFrame:
    rows = []
    for _ in range(draw(st.integers(0, 40))):
        metric = draw(st.sampled_from(sorted(METRICS)))
        minute = draw(MINUTES)
        value = draw(st.one_of(st.integers(-5, 60).map(float), st.sampled_from([math.nan, math.inf, 0.1, 33.3])))
        rows.append(
            {
                "asset_id": "station" if metric == "wind_m_s" else draw(st.sampled_from(ASSET_IDS[:3])),
                "metric": metric,
                "observed_at": at(minute),
                "known_at": at(minute + draw(DELAY_MINUTES)),
                "value": value,
                **PROVENANCE,
            }
        )
        if draw(st.integers(0, 3)) == 0:  # a correction of it, known at some later time or the same
            later = rows[-1]["known_at"] + timedelta(minutes=draw(DELAY_MINUTES))
            rows.append({**rows[-1], "known_at": later, "value": draw(st.integers(0, 60)) + 0.5})
    return READINGS.conform(pl.DataFrame(rows, schema=READINGS.schema))


@st.composite
def incidents(draw: st.DrawFn) -> pl.DataFrame:
    rows = []
    for number in range(draw(st.integers(0, 12))):
        minute = draw(MINUTES)
        row = {
            "incident_id": f"i{number}",
            "asset_id": draw(st.sampled_from(ASSET_IDS[:3])),
            "hazard": draw(st.sampled_from(["fire", "fire", "flood"])),
            "occurred_at": at(minute),
            "known_at": at(minute + draw(DELAY_MINUTES)),
            "severity": draw(st.sampled_from([0.5, 1.0, 2.0])),
            **PROVENANCE,
        }
        rows.append(row)
        if draw(st.integers(0, 2)) == 0:
            later = row["known_at"] + timedelta(minutes=draw(DELAY_MINUTES))
            change = draw(
                st.sampled_from([{"severity": 0.0}, {"severity": 3.0}, {"asset_id": "b"}, {"hazard": "fire"}])
            )
            rows.append({**row, "known_at": later, **change})
    return INCIDENTS.conform(pl.DataFrame(rows, schema=INCIDENTS.schema))


def readings_of(*rows: tuple[str, str, float, float, float]) -> pl.DataFrame:
    """Readings written out: asset, metric, hour observed, hour known, value. Hours count from START."""
    frames = [
        {
            "asset_id": asset,
            "metric": metric,
            "observed_at": at(60 * observed),
            "known_at": at(60 * known),
            "value": value,
        }
        for asset, metric, observed, known, value in rows
    ]
    return READINGS.conform(pl.DataFrame([{**row, **PROVENANCE} for row in frames], schema=READINGS.schema))


def incidents_of(*rows: tuple[str, str, float, float, float]) -> pl.DataFrame:
    """Fires written out: id, asset, hour occurred, hour known, severity. Hours count from START."""
    frames = [
        {
            "incident_id": i,
            "asset_id": asset,
            "occurred_at": at(60 * hour),
            "known_at": at(60 * known),
            "severity": severity,
        }
        for i, asset, hour, known, severity in rows
    ]
    return INCIDENTS.conform(
        pl.DataFrame([{**row, "hazard": "fire", **PROVENANCE} for row in frames], schema=INCIDENTS.schema)
    )


def assets(*, late_minutes: int = 0) -> pl.DataFrame:
    """Three cells and a station; cell c is known only `late_minutes` after the start."""
    places = {"a": (129.30, 35.50), "b": (129.32, 35.50), "c": (129.39, 35.52), "station": (129.31, 35.51)}
    long_ago = START - timedelta(days=400)
    rows = [
        {
            "asset_id": name,
            "name": name,
            "kind": "station" if name == "station" else "cell",
            "district": "d",
            "lon": lon,
            "lat": lat,
            "known_at": at(late_minutes) if name == "c" and late_minutes else long_ago,
            **PROVENANCE,
        }
        for name, (lon, lat) in places.items()
    ]
    return ASSETS.conform(pl.DataFrame(rows, schema=ASSETS.schema))


@st.composite
def cities(draw: st.DrawFn) -> Tables:
    return Tables(draw(readings()), draw(incidents()), assets(late_minutes=draw(st.sampled_from([0, 0, 1500]))))


def known_by(tables: Tables, as_of: datetime) -> Tables:
    """The same city with every row deleted that nobody knew at `as_of`."""
    return leaks.known_by(tables, np.datetime64(as_of.replace(tzinfo=None), "us"))


def shuffled(tables: Tables, seed: int) -> Tables:
    """The same rows in another order, some of them twice."""
    frames = (tables.readings, tables.incidents, tables.assets)
    return Tables(*(pl.concat([f, f.head(seed % 7)]).sample(fraction=1, shuffle=True, seed=seed) for f in frames))


def current(frame: pl.DataFrame, key: list[str], content: list[str], as_of: datetime) -> list[dict[str, object]]:
    """The oracle's versions: for each key the row known last, by as_of; ties to the one that sorts last by content."""
    newest: dict[tuple[object, ...], dict[str, object]] = {}
    for row in frame.sort(["known_at", *content]).to_dicts():
        if row["known_at"] <= as_of:
            newest[tuple(row[k] for k in key)] = row
    return list(newest.values())


def oracle_window(
    tables: Tables, metric: str, stat: str, asset: str, as_of: datetime, hours: int, ago: int = 0
) -> float:
    """`stat` of one asset's readings in (as_of - ago - hours, as_of - ago] known by as_of. NaN where none."""
    limits = METRICS[metric]
    usable = tables.readings.filter(
        pl.col("value").is_finite() & pl.col("value").is_between(limits.low, limits.high) & (pl.col("metric") == metric)
    )
    stop = as_of - timedelta(hours=ago)
    start = stop - timedelta(hours=hours)
    rows = [
        (row["observed_at"], row["value"])
        for row in current(usable, ["asset_id", "observed_at"], ["value"], as_of)
        if row["asset_id"] == ("station" if metric == "wind_m_s" else asset) and start < row["observed_at"] <= stop
    ]
    if stat == "count":
        return float(len(rows))
    if not rows:
        return math.nan
    values = np.array([value for _, value in rows])
    statistics = {
        "mean": values.mean, "max": values.max, "min": values.min, "std": values.std, "last": lambda: max(rows)[1]
    }  # fmt: skip
    return float(statistics[stat]())


def oracle_hourly(tables: Tables, metric: str, stat: str, trail: str, asset: str, as_of: datetime, hours: int) -> float:
    """Mean or max, over the window's hours that have a reading, of `stat` of each hour, all as known by as_of."""
    each = [oracle_window(tables, metric, stat, asset, as_of, 1, ago=ago) for ago in range(hours)]
    there = [value for value in each if not math.isnan(value)]
    return math.nan if not there else float({"mean": np.mean, "max": np.max}[trail](there))


def oracle_incidents(tables: Tables, asset: str, as_of: datetime) -> list[datetime]:
    """When the fires happened that were known to have happened at this asset by as_of."""
    rows = current(tables.incidents, ["incident_id"], ["occurred_at", "asset_id", "hazard", "severity"], as_of)
    return [
        row["occurred_at"]
        for row in rows
        if row["hazard"] == "fire" and row["asset_id"] == asset and row["severity"] >= 1 and row["occurred_at"] <= as_of
    ]
