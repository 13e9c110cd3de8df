"""What people type becomes the right instant, and training starts where readings flow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from contracts.errors import ForesafeError, NotEnoughData
from contracts.pilot import Metric, Pilot
from contracts.tables import ASSETS, INCIDENTS, READINGS, Tables
from flows.instants import data_instant, first_instant, in_seoul, read_instant

START = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-06-01T09:00", datetime(2025, 6, 1, 0, tzinfo=UTC)),
        ("2025-06-01", datetime(2025, 5, 31, 15, tzinfo=UTC)),
        ("2025-06-01T09:00+00:00", datetime(2025, 6, 1, 9, tzinfo=UTC)),
        ("2025-06-01T09:00Z", datetime(2025, 6, 1, 9, tzinfo=UTC)),
    ],
)
def test_an_instant_without_offset_is_the_pilots_time(text: str, expected: datetime) -> None:
    assert read_instant(text, zone="Asia/Seoul") == expected


def test_an_hour_that_the_clocks_skip_is_refused() -> None:
    with pytest.raises(ForesafeError, match="does not exist in America/Chicago"):
        read_instant("2025-03-09T02:30", zone="America/Chicago")


def test_a_word_is_no_instant() -> None:
    with pytest.raises(ForesafeError, match="'tomorrow' is not an instant"):
        read_instant("tomorrow", zone="Asia/Seoul")


def test_people_read_korean_time() -> None:
    assert in_seoul(datetime(2025, 5, 31, 15, tzinfo=UTC)) == "2025-06-01 00:00 KST"


def pilot() -> Pilot:
    metrics = {
        "voc_ppb": Metric(unit="ppb", low=0, high=9),
        "population": Metric(unit="people", low=0, high=9, static=True),
    }
    return Pilot(name="t", title="t", timezone="UTC", scored_kinds=("cell",), metrics=metrics, hazards={}, features=())


def tables(rows: list[tuple[str, datetime]]) -> Tables:
    provenance = {"partner": "p", "feed": "f", "batch": "b", "asset_id": "a", "value": 1.0}
    frame = pl.DataFrame([{**provenance, "metric": m, "observed_at": at, "known_at": at} for m, at in rows])
    return Tables(READINGS.conform(frame) if rows else READINGS.empty(), INCIDENTS.empty(), ASSETS.empty())


def first_of(given: Tables, *, history_days: float) -> datetime:
    """In two portions, as the features stage reads them."""
    portions = [given.readings.head(3), given.readings.slice(3)]
    end = data_instant(portions, given.incidents)
    return first_instant(portions, given.incidents, pilot(), history_days=history_days, end=end)


def test_attributes_do_not_start_the_training() -> None:
    hourly = [("voc_ppb", START + timedelta(hours=hour)) for hour in range(100)]
    given = tables([("population", datetime(2000, 1, 1, tzinfo=UTC)), *hourly])
    assert first_of(given, history_days=2) == START + timedelta(days=2)
    assert data_instant([given.readings], given.incidents) == START + timedelta(hours=99)


def test_one_clock_in_the_past_does_not_start_the_training() -> None:
    hourly = [("voc_ppb", START + timedelta(hours=hour)) for hour in range(2000)]
    given = tables([("voc_ppb", datetime(1970, 1, 1, tzinfo=UTC)), *hourly])
    assert START <= first_of(given, history_days=0) <= START + timedelta(hours=2)


def test_the_earliest_thousandth_is_cut_as_a_quantile_cuts_it() -> None:
    random = np.random.default_rng(3)
    given = tables([("voc_ppb", START + timedelta(minutes=int(m))) for m in random.integers(0, 90_000, 5000)])
    exact = given.readings["observed_at"].dt.timestamp("us").quantile(0.001, "lower")
    assert first_of(given, history_days=0) == datetime.fromtimestamp(exact / 1e6, UTC).replace(minute=0)


def test_too_short_a_history_and_an_empty_store_are_said_so() -> None:
    with pytest.raises(NotEnoughData, match=r"spine\.history_days"):
        first_of(tables([("voc_ppb", START), ("voc_ppb", START + timedelta(days=1))]), history_days=2)
    with pytest.raises(NotEnoughData, match="no readings and no incidents"):
        data_instant([], tables([]).incidents)
