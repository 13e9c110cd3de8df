"""Instants for people: what they type becomes UTC, what they read is Korean time. And the clock itself."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from contracts.errors import ForesafeError, NotEnoughData

if TYPE_CHECKING:  # importing Polars costs what a rollback does not have
    import polars as pl

    from contracts.pilot import Pilot

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


def data_instant(readings: Iterable[pl.DataFrame], incidents: pl.DataFrame) -> datetime:
    """The last instant at which anything arrived: of the readings, which flow steadily; without any, of the incidents.

    readings: whole or in portions, with `known_at`.

    Raises:
        NotEnoughData: the store is empty.
    """
    known = [frame["known_at"].max() for frame in readings]
    latest = max((at for at in known if isinstance(at, datetime)), default=incidents["known_at"].max())
    if isinstance(latest, datetime):
        return latest
    raise NotEnoughData(
        "no readings and no incidents",
        where="store",
        cause="ingest has not run, or every row was quarantined",
        fix="run `foresafe ingest PILOT`, then `foresafe quarantine PILOT list`",
    )


def first_instant(
    readings: Iterable[pl.DataFrame], incidents: pl.DataFrame, pilot: Pilot, *, history_days: float, end: datetime
) -> datetime:
    """When the first reading (without any, incident) has `history_days` behind it: training starts here.

    Attributes are no readings in this sense: they hold since long before. Nor is the earliest thousandth of the
    readings, so that one sensor with a clock in the past does not make the training set decades long.

    Args:
        readings: whole or in portions, with `metric` and `observed_at`; their hours are counted, so it begins on one.
        end: the data instant.

    Raises:
        NotEnoughData: the store is empty, or shorter than that.
    """
    import polars as pl

    flowing = pl.col("metric").is_in([name for name, metric in pilot.metrics.items() if not metric.static])
    counted = [_hours(frame.filter(flowing)["observed_at"]) for frame in readings]
    hours = pl.concat([*counted, _hours(incidents["occurred_at"].head(0))])
    first = _early(hours if len(hours) else _hours(incidents["occurred_at"]))
    start = None if first is None else first + timedelta(days=history_days)
    if start is None or start >= end:
        raise NotEnoughData(
            f"training would start at {start!s} and data ends at {end!s}",
            where="spine",
            allowed=f"more than spine.history_days = {history_days:g}",
            cause="a short history",
            fix="share more history, or lower spine.history_days in params.yaml",
        )
    return start


def _hours(times: pl.Series) -> pl.DataFrame:
    return times.dt.truncate("1h").rename("hour").value_counts()


def _early(hours: pl.DataFrame) -> datetime | None:
    """The hour in which the earliest thousandth ends; None where there is no hour."""
    import polars as pl

    summed = hours.group_by("hour").agg(pl.col("count").sum()).sort("hour")
    rank = 0.001 * (summed["count"].sum() - 1)
    found: datetime | None = summed.filter(pl.col("count").cum_sum() > rank)["hour"].min()  # type: ignore[assignment]
    return found
