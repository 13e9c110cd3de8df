"""A feed is late by its own habit, not by ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from flows.freshness import freshness
from ingest.store import Store

START = datetime(2026, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def rows(feed: str, every_hours: int, number: int) -> pl.DataFrame:
    times = [START + every_hours * HOUR * n for n in range(number)]
    return pl.DataFrame(
        {
            "asset_id": "a",
            "metric": "gas",
            "observed_at": [at - HOUR for at in times],
            "known_at": times,
            "value": 1.0,
            "partner": "p",
            "feed": feed,
            "batch": feed,
        }
    )


def test_each_feed_by_its_own_habit(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for feed, every_hours, number in (("hourly", 1, 49), ("daily", 24, 3), ("once", 1, 1)):
        store.commit("readings", rows(feed, every_hours, number), batches=[feed], at=START)
    found = freshness(tmp_path)
    last = START + 48 * HOUR
    assert {feed: fresh.usual_hours for feed, fresh in found.items()} == {"hourly": 1, "daily": 24, "once": None}
    assert (found["hourly"].known, found["hourly"].observed) == (last, last - HOUR)
    assert not found["hourly"].late(last + 3 * HOUR)
    assert found["hourly"].late(last + 4 * HOUR)
    assert not found["daily"].late(last + 71 * HOUR)
    assert found["daily"].late(last + 73 * HOUR)
    assert not found["once"].late(last + 9_000 * HOUR), "attributes that came once have no habit"
    assert found["once"].silent_hours(last + 9_000 * HOUR) is None
    assert found["hourly"].silent_hours(last - HOUR) == 0, "data ahead of the clock is not silent"


def test_an_empty_store_has_no_feeds(tmp_path: Path) -> None:
    assert freshness(tmp_path) == {}
