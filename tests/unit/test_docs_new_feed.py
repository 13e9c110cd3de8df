"""The example in docs/new-feed.md is a sound contract for its own example file, and every key is described."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from contracts.feed import parse_feed
from contracts.odcs import COLUMN_WORDS, FEED_WORDS
from contracts.pilot import Metric, Pilot
from ingest.parse import Work, candidates, needed_columns
from ingest.raw import read_raw
from ingest.rules import rules
from ingest.sources import Pulled, SourceFile
from ingest.split import BATCH, split

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "new-feed.md").read_text(encoding="utf-8")
PILOT = Pilot(
    name="ulsan",
    title="Ulsan",
    timezone="Asia/Seoul",
    scored_kinds=("plant_unit",),
    metrics={"voc": Metric(unit="ppm", low=0, high=50), "temperature": Metric(unit="degC", low=-40, high=60)},
    hazards={},
    features=(),
)


def test_the_example_contract_reads_the_example_file() -> None:
    contract = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    example = re.search(r"```\n(측정시각.*?)```", PAGE, re.DOTALL)
    assert contract
    assert example
    feed = parse_feed(contract[1], PILOT, where="process.odcs.yaml")
    pulled = Pulled(SourceFile("memory://p", "p"), "b", example[1].encode(feed.encoding))
    raw = read_raw(pulled, feed, needed_columns(feed))
    now = datetime(2026, 1, 6, tzinfo=UTC)
    rows = candidates(raw.frame, Work(feed, PILOT, now)).with_columns(pl.lit(0, dtype=pl.UInt32).alias(BATCH))
    parted = split(rows, rules(feed, PILOT, frozenset(("plant-U-17", "plant-U-18"))), feed, PILOT)
    assert parted.faults.is_empty()
    readings = parted.accepted["readings"].sort("asset_id", "metric")
    assert [(a, m, round(v, 6)) for a, m, v in readings.select("asset_id", "metric", "value").iter_rows()] == [
        ("plant-U-17", "temperature", 20.0),
        ("plant-U-17", "voc", 0.42),
        ("plant-U-18", "temperature", 21.666667),
    ]
    assert readings["observed_at"].unique().to_list() == [datetime(2026, 1, 5, 1, tzinfo=UTC)]
    assert readings["known_at"].unique().to_list() == [datetime(2026, 1, 5, 1, 20, tzinfo=UTC)]


def test_every_key_is_described() -> None:
    for word in FEED_WORDS | COLUMN_WORDS:
        assert f"`{word}`" in PAGE, word
