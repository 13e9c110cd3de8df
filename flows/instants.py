"""Instants for people: what they type becomes UTC, what they read is Korean time. And the clock itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from contracts.errors import ForesafeError, NotEnoughData
from contracts.tables import Tables

SEOUL = ZoneInfo("Asia/Seoul")


def now() -> datetime:
    """The clock: read here, handed down as an argument everywhere else."""
    return datetime.now(UTC)


def read_instant(text: str, *, zone: str) -> datetime:
    """An ISO 8601 instant in UTC; without an offset it is the pilot's local time.

    Raises:
        ForesafeError: not such a text, or a local time that the zone's clocks skip.
    """
    try:
        given = datetime.fromisoformat(text)
    except ValueError as fault:
        raise ForesafeError(
            f"{text!r} is not an instant",
            where="--as-of",
            allowed="2025-06-01T09:00 (the pilot's time) or 2025-06-01T00:00:00+00:00",
        ) from fault
    local = given if given.tzinfo is not None else given.replace(tzinfo=ZoneInfo(zone))
    instant = local.astimezone(UTC)
    if given.tzinfo is None and instant.astimezone(local.tzinfo).replace(tzinfo=None) != given:
        raise ForesafeError(f"{text!r} does not exist in {zone}", where="--as-of", cause="the clocks were put forward")
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


def first_instant(tables: Tables, *, history_days: float) -> datetime:
    """When the first reading (without any, incident) has `history_days` behind it: training starts here.

    Raises:
        NotEnoughData: the store is empty, or shorter than that.
    """
    starts = [(tables.readings, "observed_at"), (tables.incidents, "occurred_at")]
    first = next((frame[at].min() for frame, at in starts if frame.height), None)
    end = data_instant(tables)
    if not isinstance(first, datetime) or first + timedelta(days=history_days) >= end:
        raise NotEnoughData(
            f"data from {first!s} to {end!s} only",
            where="spine",
            allowed=f"more than spine.history_days = {history_days:g}",
            cause="a short history",
            fix="share more history, or lower spine.history_days in params.yaml",
        )
    return first + timedelta(days=history_days)
