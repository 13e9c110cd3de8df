"""Stamps: zones, the hours that clocks repeat and skip, parts of dates, intervals."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest

from contracts.rules import ColumnRef, TimeRule
from ingest.times import instants

BERLIN = "Europe/Berlin"


def read(texts: list[str], **rule: object) -> list[datetime | None]:
    frame = pl.DataFrame({"at": pl.Series(texts, dtype=pl.String)})
    return instants(frame, TimeRule(column="at", **rule)).to_list()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ambiguous", "hour"), [("earliest", 0), ("latest", 1), ("refuse", None)], ids=["earliest", "latest", "refuse"]
)
def test_the_hour_that_clocks_repeat(ambiguous: str, hour: int | None) -> None:
    wanted = None if hour is None else datetime(2025, 10, 26, hour, 30, tzinfo=UTC)
    texts = ["2025-10-26 02:30", "2025-10-26 04:30"]
    assert read(texts, zone=BERLIN, ambiguous=ambiguous) == [wanted, datetime(2025, 10, 26, 3, 30, tzinfo=UTC)]


def test_the_hour_that_clocks_skip() -> None:
    texts = ["2025-03-30 01:30", "2025-03-30 02:30", "2025-03-30 03:30"]
    before, after = datetime(2025, 3, 30, 0, 30, tzinfo=UTC), datetime(2025, 3, 30, 1, 30, tzinfo=UTC)
    assert read(texts, zone=BERLIN) == [before, None, after]
    assert read(texts, zone=BERLIN, nonexistent="shift") == [before, after, after]


def test_a_refused_repeated_hour_stays_refused_when_skipped_hours_are_shifted() -> None:
    texts = ["2025-10-26 02:30", "2025-03-30 02:30"]
    assert read(texts, zone=BERLIN, nonexistent="shift") == [None, datetime(2025, 3, 30, 1, 30, tzinfo=UTC)]


def test_a_fixed_offset_keeps_every_hour_distinct() -> None:
    hours = [f"2016-03-13 {h:02}:00" for h in range(24)] + [f"2016-11-06 {h:02}:00" for h in range(24)]
    assert len(set(read(hours, zone="Etc/GMT+6"))) == 48


def test_a_stamp_with_its_own_offset_keeps_it() -> None:
    texts = ["2025-01-01T00:00:00+09:00", "2025-01-01T00:00:00Z", "2025-01-01T00:00:00.5", "2025-01-01"]
    midnight = datetime(2025, 1, 1, tzinfo=UTC)
    assert read(texts, zone="UTC") == [
        datetime(2024, 12, 31, 15, tzinfo=UTC),
        midnight,
        midnight.replace(microsecond=500000),
        midnight,
    ]


def test_impossible_stamps_are_null_not_errors() -> None:
    texts = ["2025-02-30 00:00", "2025-13-01", "soon", "", "2025-01-01T25:00"]
    assert read(texts, zone="UTC") == [None] * 5
    assert read(["30/02/2025", "01/02/2025"], zone="UTC", format="%d/%m/%Y")[0] is None


def test_parts_of_a_date_and_hour_24() -> None:
    frame = pl.DataFrame({"d": ["1", "30", "31", " 2 ", "x"], "h": ["0", "24", "1", "25", "1"]})
    rule = TimeRule(year=2016, month=9, day=ColumnRef(column="d"), hour=ColumnRef(column="h"), zone="Asia/Seoul")
    assert instants(frame, rule).to_list() == [
        datetime(2016, 8, 31, 15, tzinfo=UTC),
        datetime(2016, 9, 30, 15, tzinfo=UTC),
        None,
        None,
        None,
    ]


def test_a_date_column_and_an_hour_column() -> None:
    frame = pl.DataFrame({"d": ["20250101", "20250101"], "h": [9, 24]})
    rule = TimeRule(column="d", format="%Y%m%d", hour=ColumnRef(column="h"), zone="Asia/Seoul")
    assert instants(frame, rule).to_list() == [datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, 15, tzinfo=UTC)]


def test_typed_columns_need_no_format() -> None:
    local = pl.DataFrame({"at": pl.Series([datetime(2025, 1, 1, 9, tzinfo=UTC)]).dt.replace_time_zone(None)})
    assert instants(local, TimeRule(column="at", zone="Asia/Seoul")).to_list() == [datetime(2025, 1, 1, tzinfo=UTC)]
    aware = pl.DataFrame({"at": pl.Series([datetime(2025, 1, 1, 9, tzinfo=UTC)], dtype=pl.Datetime("ms", "UTC"))})
    assert instants(aware, TimeRule(column="at", zone="Asia/Seoul")).to_list() == [datetime(2025, 1, 1, 9, tzinfo=UTC)]
    days = pl.DataFrame({"at": [date(2025, 1, 1)]})
    rule = TimeRule(column="at", zone="UTC", stamp="start", interval_minutes=1440)
    assert instants(days, rule).to_list() == [datetime(2025, 1, 2, tzinfo=UTC)]
