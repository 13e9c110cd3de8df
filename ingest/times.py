"""A partner's stamps -> UTC instants; for an interval, its end. A stamp that cannot be read becomes null."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from contracts.rules import ColumnRef, KnownRule, Part, TimeRule

INSTANT = pl.Datetime("us", "UTC")
_LOCAL = pl.Datetime("us")
_ISO_OFFSET = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z")
_ISO_LOCAL = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d")


def instants(frame: pl.DataFrame, rule: TimeRule) -> pl.Series:
    """One instant a row of `frame`, null where the stamp is missing, impossible, or in a refused clock hour."""
    clock = _clock(frame, rule)
    if rule.column is not None:
        stamps = _read_column(frame[rule.column], rule, clock)
    else:
        stamps = _localise(_date(frame, rule) + clock, rule)
    return stamps + timedelta(minutes=rule.shift_minutes) if rule.shift_minutes else stamps


def instants_of_column(values: pl.Series, known: KnownRule, time: TimeRule | None) -> pl.Series:
    """As `instants`, for a `known_at` column: what it does not state about its stamps is as in `time`."""
    rule = TimeRule(
        column=known.column,
        format=known.format or (time.format if time and not known.zone else None),
        zone=known.zone or (time.zone if time else "UTC"),
        ambiguous=known.ambiguous or (time.ambiguous if time else "refuse"),
        nonexistent=known.nonexistent or (time.nonexistent if time else "refuse"),
    )
    return _read_column(values, rule, None)


def _read_column(values: pl.Series, rule: TimeRule, clock: pl.Series | None) -> pl.Series:
    dtype = values.dtype
    if isinstance(dtype, pl.Datetime) and dtype.time_zone:
        return values.dt.cast_time_unit("us").dt.convert_time_zone("UTC")
    if isinstance(dtype, pl.Datetime | pl.Date):
        return _localise(_plus(values.cast(_LOCAL), clock), rule)
    text = values.cast(pl.String).str.strip_chars()
    if rule.format is None:
        return _iso(text, rule, clock)
    if "%z" in rule.format or "%#z" in rule.format:
        return text.str.strptime(INSTANT, rule.format, strict=False)
    return _localise(_plus(text.str.strptime(_LOCAL, rule.format, strict=False), clock), rule)


def _plus(local: pl.Series, clock: pl.Series | None) -> pl.Series:
    return local if clock is None else local + clock


def _iso(text: pl.Series, rule: TimeRule, clock: pl.Series | None) -> pl.Series:
    text = text.str.replace(" ", "T", literal=True)
    out = _localise(_plus(_first_that_reads(text, _ISO_LOCAL, _LOCAL), clock), rule)
    if out.null_count() > text.null_count():
        stated = _first_that_reads(text, _ISO_OFFSET, INSTANT)
        out = pl.select(pl.coalesce(stated, out)).to_series()
    return out


def _first_that_reads(text: pl.Series, formats: tuple[str, ...], dtype: pl.Datetime) -> pl.Series:
    out = pl.repeat(None, len(text), dtype=dtype, eager=True)
    for form in formats:
        if out.null_count() == text.null_count():
            break
        out = pl.select(pl.coalesce(out, text.str.strptime(dtype, form, strict=False))).to_series()
    return out


def _localise(local: pl.Series, rule: TimeRule) -> pl.Series:
    """Local wall-clock time in `rule.zone` -> UTC. Clocks repeat an hour and skip one: the rule says what then."""
    ambiguous = "null" if rule.ambiguous == "refuse" else rule.ambiguous
    zoned = local.dt.replace_time_zone(rule.zone, ambiguous=ambiguous, non_existent="null")
    if rule.nonexistent == "shift" and zoned.null_count() > local.null_count():
        # the skipped hour is read with the clock not yet put forward: 02:30 becomes 03:30
        later = (local + timedelta(hours=1)).dt.replace_time_zone(rule.zone, ambiguous="null", non_existent="null")
        skipped = local.dt.replace_time_zone(rule.zone, ambiguous="earliest", non_existent="null").is_null()
        zoned = pl.select(pl.when(skipped).then(later).otherwise(zoned)).to_series()
    return zoned.dt.convert_time_zone("UTC")


def _date(frame: pl.DataFrame, rule: TimeRule) -> pl.Series:
    """Year, month and day numbers as a local date; an impossible one is null."""
    year, month, day = (_part(frame, part).cast(pl.String) for part in (rule.year, rule.month, rule.day))
    text = pl.concat_str([year, month.str.zfill(2), day.str.zfill(2)], separator="-")
    return frame.select(text.str.strptime(_LOCAL, "%Y-%m-%d", strict=False).alias("date")).to_series()


def _clock(frame: pl.DataFrame, rule: TimeRule) -> pl.Series | None:
    """Hour and minute numbers as a duration; hour 24 is the next midnight. Null where one is impossible."""
    if rule.hour is None and rule.minute is None:
        return None if rule.column is not None else _zero(frame.height)
    hour = _part(frame, 0 if rule.hour is None else rule.hour)
    minute = _part(frame, 0 if rule.minute is None else rule.minute)
    sound = hour.is_between(0, 24) & minute.is_between(0, 59)
    duration = pl.when(sound).then(pl.duration(hours=hour, minutes=minute, time_unit="us")).otherwise(None)
    return _zero(frame.height).to_frame().with_columns(frame).select(duration.alias("clock")).to_series()


def _zero(rows: int) -> pl.Series:
    return pl.repeat(timedelta(0), rows, dtype=pl.Duration("us"), eager=True).alias("clock")


def _part(frame: pl.DataFrame, part: Part | None) -> pl.Expr:
    """A number of the date: stated in the contract, or in a column; null where it is no whole number."""
    if not isinstance(part, ColumnRef):
        return pl.lit(part, dtype=pl.Int64)
    column = pl.col(part.column)
    if frame.schema[part.column] == pl.String:
        column = column.str.strip_chars()
    number = column.cast(pl.Float64, strict=False)
    return pl.when(number == number.floor()).then(number).otherwise(None).cast(pl.Int64, strict=False)
