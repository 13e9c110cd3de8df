"""Instants for people: what they type becomes UTC, what they read is Korean time. And the clock itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from contracts.errors import ForesafeError, NotEnoughData

if TYPE_CHECKING:  # importing Polars costs what a rollback does not have
    from contracts.pilot import Pilot
    from contracts.tables import Tables

SEOUL = ZoneInfo("Asia/Seoul")


def now() -> datetime:
    """The clock: read here, handed down as an argument everywhere else."""
    return datetime.now(UTC)


def read_instant(text: str, *, zone: str, where: str = "--as-of") -> datetime:
    """An ISO 8601 instant in UTC; without an offset it is the pilot's local time.

    Raises:
        ForesafeError: not such a text, or a local time that the zone's clocks skip.
    """
    try:
        given = datetime.fromisoformat(text)
    except ValueError as fault:
        raise ForesafeError(
            f"{text!r} is not an instant",
            where=where,
            allowed="2025-06-01T09:00 (the pilot's time) or 2025-06-01T00:00:00+00:00",
        ) from fault
    local = given if given.tzinfo is not None else given.replace(tzinfo=ZoneInfo(zone))
    instant = local.astimezone(UTC)
    if given.tzinfo is None and instant.astimezone(local.tzinfo).replace(tzinfo=None) != given:
        raise ForesafeError(f"{text!r} does not exist in {zone}", where=where, cause="the clocks were put forward")
    return instant


def in_seoul(instant: datetime) -> str:
    """`2025-06-01 09:00 KST`."""
    return f"{instant.astimezone(SEOUL):%Y-%m-%d %H:%M} KST"


def data_instant(tables: Tables) -> datetime:
    """The last instant at which anything arrived: of the readings, which flow steadily; without any, of the incidents.

    Raises:
        NotEnoughData: the store is empty.
    """
    for frame in (tables.readings, tables.incidents):
        latest = frame["known_at"].max()
        if isinstance(latest, datetime):
            return latest
    raise NotEnoughData(
        "no readings and no incidents",
        where="store",
        cause="ingest has not run, or every row was quarantined",
        fix="run `foresafe ingest PILOT`, then `foresafe quarantine PILOT list`",
    )


def first_instant(tables: Tables, pilot: Pilot, *, history_days: float) -> datetime:
    """When the first reading (without any, incident) has `history_days` behind it: training starts here.

    Attributes are no readings in this sense: they hold since long before. Nor is the earliest thousandth of the
    readings, so that one sensor with a clock in the past does not make the training set decades long.

    Raises:
        NotEnoughData: the store is empty, or shorter than that.
    """
    import polars as pl

    flowing = [name for name, metric in pilot.metrics.items() if not metric.static]
    observed = tables.readings.filter(pl.col("metric").is_in(flowing))["observed_at"]
    times = observed if len(observed) else tables.incidents["occurred_at"]
    first, end = times.dt.timestamp("us").quantile(0.001, "lower"), data_instant(tables)
    start = None if first is None else datetime.fromtimestamp(first / 1e6, UTC) + timedelta(days=history_days)
    if start is None or start >= end:
        raise NotEnoughData(
            f"training would start at {start!s} and data ends at {end!s}",
            where="spine",
            allowed=f"more than spine.history_days = {history_days:g}",
            cause="a short history",
            fix="share more history, or lower spine.history_days in params.yaml",
        )
    return start
