"""Partners' simulated files through the real ingest: what was planted is refused, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from contracts.feed import load_feeds
from contracts.params import SimulateParams
from contracts.pilot import load_pilot
from contracts.tables import Tables
from ingest import Store, ingest_feed
from simulation import simulate

PILOT = Path(__file__).parents[2] / "pilots" / "ulsan"
DAYS = 45
END = datetime(2025, 2, 14, 15, tzinfo=UTC)
BREAKS = ["text_in_number", "impossible_date", "missing_id", "control_byte", "out_of_range"]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder with partners' files, the truth, and the store that came of them."""
    root = tmp_path_factory.mktemp("state")
    simulate(SimulateParams(days=DAYS, seed=21), root, lambda _: None)
    pilot = load_pilot(PILOT)
    store = Store(root / "store" / "ulsan")
    feeds = sorted(load_feeds(PILOT, pilot), key=lambda feed: feed.table != "assets")
    for feed in feeds:
        reports = ingest_feed(
            feed, pilot, store=store, roots={"state": root, "shared": root}, now=END + timedelta(hours=1), docs=None
        )
        assert not [report.refused for report in reports if report.refused]
    return root


@pytest.fixture(scope="module")
def tables(state: Path) -> Tables:
    return Store(state / "store" / "ulsan").snapshot()


@pytest.fixture(scope="module")
def refused(state: Path) -> pl.DataFrame:
    return Store(state / "store" / "ulsan").read("quarantine")


@pytest.fixture(scope="module")
def faults(state: Path) -> pl.DataFrame:
    return pl.read_parquet(state / "truth" / "ulsan" / "faults.parquet")


def _rows(frame: pl.DataFrame, file: str) -> set[tuple[str, str, int]]:
    return set(frame.select("feed", file, "row").iter_rows())


def test_every_planted_break_is_refused(faults: pl.DataFrame, refused: pl.DataFrame) -> None:
    planted = _rows(faults.filter(pl.col("kind").is_in(BREAKS)), "file")
    assert len(planted) > 50
    assert planted <= _rows(refused, "source")


def test_nothing_is_refused_but_what_was_planted(faults: pl.DataFrame, refused: pl.DataFrame) -> None:
    """What is left after the broken rows lies out of limits: spikes and the month in Fahrenheit."""
    planted = faults.filter(pl.col("kind").is_in(BREAKS)).select("feed", pl.col("file").alias("source"), "row")
    rest = refused.join(planted, on=["feed", "source", "row"], how="anti")
    assert set(rest["rule"]) == {"limits"}
    sensors = faults.filter(pl.col("kind").is_in(["spike", "unit_mixup", "stuck"]))
    hours = (sensors["last_at"] - sensors["first_at"]).dt.total_hours() + 1
    assert rest.height <= hours.sum()
    assert set(rest["feed"]) <= set(sensors["feed"])


def test_the_month_in_fahrenheit_is_refused(faults: pl.DataFrame, refused: pl.DataFrame) -> None:
    mixed = faults.filter(pl.col("kind") == "unit_mixup")
    assert mixed.height == 1
    hot = refused.filter((pl.col("feed") == "process") & pl.col("column").str.contains("공정온도"))
    assert hot.height > 100


def test_units_and_zones_come_out_right(tables: Tables) -> None:
    def of(metric: str) -> pl.DataFrame:
        return tables.readings.filter(pl.col("metric") == metric)

    assert -20 < of("temperature_c")["value"].median() < 10  # January, sent in kelvin
    first = END - timedelta(days=DAYS)
    for metric in ("traffic_count", "process_pressure_bar", "rain_mm", "river_level_m", "crowd_count"):
        assert of(metric)["observed_at"].min() == first + timedelta(hours=1), metric
        assert of(metric)["observed_at"].max() == END, metric
    assert (tables.readings["known_at"] >= tables.readings["observed_at"]).all()


def test_incidents_in_the_store_are_the_true_ones(state: Path, tables: Tables) -> None:
    truth = pl.read_parquet(state / "truth" / "ulsan" / "incidents.parquet")
    settled = truth.filter(pl.col("corrected_at") <= END)
    known = tables.incidents.sort("known_at").group_by("incident_id", maintain_order=True).last()
    real = known.filter(pl.col("severity") > 0)
    joined = settled.join(real, on="incident_id")
    assert joined.height > 0.97 * settled.height
    same = (joined["asset_id"] == joined["asset_id_right"]) & (joined["hazard"] == joined["hazard_right"])
    assert same.mean() > 0.99
    assert (joined["occurred_at"] == joined["occurred_at_right"]).mean() > 0.999
