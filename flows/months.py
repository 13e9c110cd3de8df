"""Calendar months in a pilot's zone: what `--from` and `--to` mean, and where one month ends and the next begins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from contracts.errors import ForesafeError, NotEnoughData


def month_borders(first: datetime, last: datetime, *, zone: str, since: str = "", until: str = "") -> list[datetime]:
    """The starts, in UTC, of the months from `since` to `until`, and the end of the last one.

    By default from the first month that begins at or after `first` to the one that a day before `last` is in; never
    more than that.

    Args:
        first, last: of the forecasts that there are. since, until: `2026-03`, or empty; both months are included.

    Raises:
        ForesafeError: not a month, or `since` after `until`. NotEnoughData: no such month has forecasts.
    """
    local, end = first.astimezone(ZoneInfo(zone)), (last - timedelta(days=1)).astimezone(ZoneInfo(zone))
    begins = (local.day, local.hour, local.minute) == (1, 0, 0)
    earliest, latest = _number(local) + (0 if begins else 1), _number(end)
    lowest = _read(since, "--from") if since else earliest
    highest = _read(until, "--to") if until else latest
    if since and until and lowest > highest:
        raise ForesafeError(f"--from {since} is after --to {until}", where="backtest", fix="swap them")
    from_month, to_month = max(lowest, earliest), min(highest, latest)
    if from_month > to_month:
        raise NotEnoughData(
            f"no whole month from {since or _name(lowest)} to {until or _name(highest)} has features",
            where="backtest",
            allowed=f"{_name(earliest)} to {_name(latest)}" if earliest <= latest else "none: the history is too short",
        )
    return [_start(month, ZoneInfo(zone)) for month in range(from_month, to_month + 2)]


def month_name(at: datetime, *, zone: str) -> str:
    """`2026-03`, in the zone."""
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m}"


def _read(text: str, option: str) -> int:
    try:
        return _number(datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC))
    except ValueError as fault:
        raise ForesafeError(f"{text!r} is not a month", where=option, allowed="a month such as 2026-03") from fault


def _number(at: datetime) -> int:
    return 12 * at.year + at.month - 1


def _name(month: int) -> str:
    return f"{month // 12}-{month % 12 + 1:02d}"


def _start(month: int, zone: ZoneInfo) -> datetime:
    return datetime(month // 12, month % 12 + 1, 1, tzinfo=zone).astimezone(UTC)
