"""Real partners' data from YAML alone: Chicago, Seoul's wide Korean tables, Ulsan's cp949 history."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from contracts.feed import load_feeds
from contracts.pilot import load_pilot
from contracts.results import QualityReport
from ingest import Store, ingest_feed, outstanding

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("FORESAFE_DATA", ROOT.parent / "shared" / "data"))
pytestmark = pytest.mark.slow


def walk(name: str, folder: str, tmp_path: Path) -> tuple[Store, dict[str, QualityReport]]:
    if not (DATA / folder).is_dir():
        pytest.skip(f"no {folder} in {DATA}: the real data is not part of the repository (set FORESAFE_DATA)")
    pilot_folder = ROOT / "pilots" / name
    pilot = load_pilot(pilot_folder)
    store = Store(tmp_path / "store")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    reports = {}
    for feed in load_feeds(pilot_folder, pilot):
        (reports[feed.name],) = ingest_feed(feed, pilot, store=store, roots={"shared": DATA}, now=now, docs=None)
    return store, reports


def test_chicago_keeps_all_5832_hours_distinct(tmp_path: Path) -> None:
    store, reports = walk("chicago", "chicago-accidents", tmp_path)
    tables = store.snapshot()
    assert (reports["readings"].accepted, reports["incidents"].accepted) == (2_373_624, 25_205)
    assert outstanding(store).is_empty()
    flow = tables.readings.filter(pl.col("metric") == "taxi_inflow")
    assert flow["observed_at"].n_unique() == 5832
    assert flow.height == 5832 * 200
    # stamped 00:00 of 1 February at -06:00: the hour's end is 07:00 UTC, and it is known then
    assert flow["observed_at"].min() == datetime(2016, 2, 1, 7, tzinfo=UTC)
    assert (tables.readings["known_at"] == tables.readings["observed_at"]).all()
    celsius = tables.readings.filter(pl.col("metric") == "temperature")["value"]
    assert (round(celsius.min(), 2), round(celsius.max(), 2)) == (-15.97, 33.13)  # type: ignore[arg-type]
    assert tables.assets["kind"].value_counts().sort("kind").rows() == [("cell", 150), ("scored_cell", 50)]


def test_seoul_is_taken_in_from_wide_korean_tables(tmp_path: Path) -> None:
    store, reports = walk("seoul", "seoul-driving", tmp_path)
    tables = store.snapshot()
    assert outstanding(store).is_empty()
    assert tables.assets["name"].n_unique() == 25
    assert reports["speed"].accepted == 720 * 25
    assert reports["driving"].accepted == 18_000 * 9
    assert reports["people"].accepted == 15 * 25
    gangnam = tables.readings.filter(pl.col("asset_id") == "seoul-강남구", pl.col("metric") == "traffic_speed")
    assert gangnam.sort("observed_at").row(0, named=True)["value"] == 50.64346389806513
    risk = pl.read_csv(DATA / "seoul-driving/risk_scores/Seoul-2016-district-hour-risk.csv").drop("date", "time")
    assert tables.incidents.height == sum(int((risk[c] > 0).sum()) for c in risk.columns)
    assert tables.incidents["severity"].sum() == risk.sum().sum_horizontal()[0]


def test_ulsan_weather_is_taken_in_from_cp949_and_gzip(tmp_path: Path) -> None:
    store, reports = walk("ulsan-weather", "ulsan-region-weather", tmp_path)
    tables = store.snapshot()
    assert outstanding(store).is_empty()
    assert reports["landslides"].accepted == 359
    assert reports["stations"].accepted == 31
    assert set(tables.incidents["asset_id"]) <= set(tables.assets["asset_id"])
    assert "경상남도-밀양시-내일동" in set(tables.assets["asset_id"])
    assert tables.incidents["occurred_at"].n_unique() == 11
    rain = tables.readings.filter(pl.col("metric") == "rain_day")
    assert rain.height == 101_895  # an empty field means no rain
    ulsan = rain.filter(pl.col("asset_id") == "kma-152")
    assert round(ulsan["value"].max()) == 266  # type: ignore[arg-type]
