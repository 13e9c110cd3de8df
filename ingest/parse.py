"""The partner's table -> candidates: our columns, UTC, the pilot's units; nothing dropped and nothing judged yet.

A candidate frame has `__row`, our columns, and two flags for every number: `X__stated` (the partner sent something)
and `X__number` (nothing was sent, or it is a finite number). What could not be read is null; `ingest.rules` says which
nulls are faults. The frame is what Great Expectations sees and what the vectorised split works on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import h3
import polars as pl

from contracts.feed import Feed
from contracts.pilot import Pilot
from contracts.rules import ColumnRule, GridPlace, PointPlace
from contracts.units import SAME
from ingest.raw import ROW
from ingest.times import INSTANT, instants, instants_of_column

SENT_IN = "__sent_in"  # wide_assets: the partner's column that a candidate comes from
STATED, NUMBER, MAPPED = "__stated", "__number", "__mapped"


@dataclass(frozen=True)
class Work:
    """What parsing needs beside the file: the contract, the pilot, and the instant of receipt."""

    feed: Feed
    pilot: Pilot
    now: datetime

    @property
    def at(self) -> str:
        return "occurred_at" if self.feed.table == "incidents" else "observed_at"


def needed_columns(feed: Feed) -> frozenset[str]:
    """The partner's columns that the contract reads; wide_assets with `*` reads all others as well."""
    used = {
        c
        for rule in feed.columns
        if rule.name not in _TIMES
        for c in (rule.compose or (rule.column,))
        if not rule.ignored
    }
    if feed.time:
        used |= set(feed.time.columns)
    if feed.known_at.column:
        used.add(feed.known_at.column)
    if feed.place:
        used |= set(feed.place.columns)
    if feed.assets and feed.assets.columns != "*":
        used |= set(feed.assets.columns)
    return frozenset(used)


_TIMES = ("observed_at", "occurred_at", "known_at")


def candidates(raw: pl.DataFrame, work: Work) -> pl.DataFrame:
    """Candidate rows of one file: one a partner's row, or in wide_assets one a cell that states something."""
    feed = work.feed
    timed = _with_times(raw, work)
    if feed.layout == "wide_assets":
        timed = _melt_assets(timed, feed)
    columns = [pl.col(ROW)]
    columns += [pl.col(SENT_IN)] if SENT_IN in timed.columns else []
    columns += _ids_and_words(timed, work)
    columns += _numbers(timed, work)
    out = timed.select(*columns, *(pl.col(c) for c in (work.at, "known_at") if c in timed.columns))
    out = _place(out, timed, work)
    out = _convert_long(out, work)
    return _incident_ids(out, work) if feed.table == "incidents" else out


def _with_times(raw: pl.DataFrame, work: Work) -> pl.DataFrame:
    feed, out = work.feed, raw
    if feed.time is not None:
        out = out.with_columns(instants(raw, feed.time).alias(f"__{work.at}"))
    elif feed.known_at.since is not None:
        out = out.with_columns(pl.lit(feed.known_at.since).cast(INSTANT).alias(f"__{work.at}"))
    known = feed.known_at
    if known.column is not None:
        stamps = instants_of_column(raw[known.column], known, feed.time)
        out = out.with_columns(stamps.alias("__known_at"))
    else:
        out = out.with_columns(_known_without_column(work).alias("__known_at"))
    if f"__{work.at}" not in out.columns:  # assets known through a column only
        out = out.with_columns(pl.col("__known_at").alias(f"__{work.at}"))
    return out.drop(work.at, "known_at", strict=False).rename({f"__{work.at}": work.at, "__known_at": "known_at"})


def _known_without_column(work: Work) -> pl.Expr:
    known = work.feed.known_at
    if known.delay_minutes is not None:
        return pl.col(f"__{work.at}") + timedelta(minutes=known.delay_minutes)
    return pl.lit(known.since or work.now).cast(INSTANT)


def _melt_assets(frame: pl.DataFrame, feed: Feed) -> pl.DataFrame:
    """A column per asset -> a row per cell that states something."""
    other = needed_columns(feed) | {ROW, "observed_at", "occurred_at", "known_at"}
    chosen = feed.assets.columns if feed.assets else "*"
    assets = [c for c in frame.columns if c not in other] if chosen == "*" else list(chosen)
    keep = [c for c in frame.columns if c not in assets]
    frame = frame.with_columns(pl.col(assets).cast(pl.String)) if not _same_types(frame, assets) else frame
    long = frame.unpivot(on=assets, index=keep, variable_name=SENT_IN, value_name="__cell")
    return long.filter(_cleaned(long, "__cell", feed).is_not_null())


def _same_types(frame: pl.DataFrame, columns: list[str]) -> bool:
    return len({frame.schema[c] for c in columns}) == 1


def _cleaned(frame: pl.DataFrame, column: str, feed: Feed) -> pl.Expr:
    """The column with missing marks as null; text is stripped."""
    if frame.schema[column] == pl.String:
        text = pl.col(column).str.strip_chars()
        return pl.when(text.is_in(list(feed.missing))).then(None).otherwise(text)
    if frame.schema[column].is_numeric():
        number = pl.col(column).cast(pl.Float64).fill_nan(None)
        marks = [float(m) for m in feed.missing if _is_number(m)]
        return pl.when(number.is_in(marks)).then(None).otherwise(number) if marks else number
    return pl.col(column)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _text(frame: pl.DataFrame, column: str, feed: Feed) -> pl.Expr:
    kind = frame.schema[column]
    if kind.is_integer() or kind == pl.Boolean:
        return pl.col(column).cast(pl.String)
    return _cleaned(frame, column, feed).cast(pl.String)


def _ids_and_words(frame: pl.DataFrame, work: Work) -> list[pl.Expr]:
    feed, out = work.feed, []
    if feed.layout == "wide_assets":
        prefix = feed.assets.prefix if feed.assets else ""
        out.append((pl.lit(prefix) + pl.col(SENT_IN)).alias("asset_id"))
    words = {
        "readings": ("asset_id", "metric"),
        "incidents": ("incident_id", "asset_id", "hazard"),
        "assets": ("asset_id", "name", "kind", "district"),
    }[feed.table]
    for word in words:
        rule = feed.rule(word)
        if rule is not None:
            out += _word(frame, rule, feed)
        elif word in feed.constants:
            out.append(pl.lit(str(feed.constants[word])).alias(word))
    return out


def _word(frame: pl.DataFrame, rule: ColumnRule, feed: Feed) -> list[pl.Expr]:
    """A text column as our word: composed, mapped, prefixed."""
    if rule.compose:
        text = pl.concat_str([_text(frame, c, feed) for c in rule.compose], separator="-")
    else:
        text = _text(frame, rule.column, feed)
    extra = []
    if rule.map is not None:
        mapped = _mapped(text, rule.map).cast(pl.String)
        extra.append((text.is_null() | mapped.is_not_null()).alias(rule.name + MAPPED))
        text = mapped
    return [(pl.lit(rule.prefix) + text if rule.prefix else text).alias(rule.name), *extra]


def _mapped(text: pl.Expr, words: dict[str, str | float]) -> pl.Expr:
    listed = {theirs: ours for theirs, ours in words.items() if theirs != "*"}
    kind = pl.Float64() if all(isinstance(w, float | int) for w in words.values()) else pl.String()
    rest = pl.when(text.is_not_null()).then(pl.lit(words["*"])) if "*" in words else None
    return text.replace_strict(list(listed), list(listed.values()), default=rest, return_dtype=kind)


def _numbers(frame: pl.DataFrame, work: Work) -> list[pl.Expr]:
    feed, pilot, out = work.feed, work.pilot, []
    for rule in feed.metric_columns(pilot):
        conversion = feed.to_pilot_unit(rule.name, pilot)
        out += _number(frame, rule.column, rule.name, feed, rule, conversion.scale, conversion.offset)
    if feed.layout == "wide_assets":
        name = "severity" if feed.table == "incidents" else "value"
        out += _number(frame, "__cell", name, feed, feed.rule(name))
    for name in {"readings": ("value",), "incidents": ("severity",), "assets": ("lon", "lat")}[feed.table]:
        rule_ = feed.rule(name)
        if rule_ is not None and feed.layout != "wide_assets":
            out += _number(frame, rule_.column, name, feed, rule_)
        elif name == "severity" and feed.layout != "wide_assets":
            severity = float(feed.constants.get("severity", 1.0))
            out += [pl.lit(severity).alias(name), *(pl.lit(True).alias(name + flag) for flag in (STATED, NUMBER))]
    return out


def _number(
    frame: pl.DataFrame,
    column: str,
    name: str,
    feed: Feed,
    rule: ColumnRule | None,
    scale: float = 1.0,
    offset: float = 0.0,
) -> list[pl.Expr]:
    sent = _cleaned(frame, column, feed)
    number = sent.cast(pl.Float64, strict=False)
    if rule is not None and rule.map is not None:
        number = _mapped(_text(frame, column, feed), rule.map).cast(pl.Float64, strict=False)
    if rule is not None and rule.empty is not None:
        number = pl.when(sent.is_null()).then(pl.lit(rule.empty)).otherwise(number)
    finite = number.is_finite().fill_null(False)
    value = pl.when(finite).then(number).otherwise(None)
    value = value * scale + offset if (scale, offset) != (1.0, 0.0) else value
    return [
        value.alias(name),
        (pl.lit(True) if rule is not None and rule.empty is not None else sent.is_not_null()).alias(name + STATED),
        (sent.is_null() | finite).alias(name + NUMBER),
    ]


def _convert_long(out: pl.DataFrame, work: Work) -> pl.DataFrame:
    """In a long table each metric has its own unit."""
    if "value" not in out.columns:
        return out
    value = pl.col("value")
    for metric in work.pilot.metrics:
        if not work.feed.states(metric):
            continue
        conversion = work.feed.to_pilot_unit(metric, work.pilot)
        if conversion != SAME:
            ours = pl.col("value") * conversion.scale + conversion.offset
            value = pl.when(pl.col("metric") == metric).then(ours).otherwise(value)
    return out.with_columns(value.alias("value"))


def _place(out: pl.DataFrame, frame: pl.DataFrame, work: Work) -> pl.DataFrame:
    place, feed = work.feed.place, work.feed
    if place is None:
        if feed.table != "assets":
            return out
        absent = [c for c in ("lon", "lat") if c not in out.columns]
        return out.with_columns(
            *(pl.lit(None, dtype=pl.Float64).alias(c) for c in absent),
            *(pl.lit(flag == NUMBER).alias(c + flag) for c in absent for flag in (STATED, NUMBER)),
        )
    if isinstance(place, GridPlace):
        row, col = (_cleaned(frame, c, feed).cast(pl.Float64, strict=False) for c in place.columns)
        lat, lon = place.north - (row + 0.5) * place.lat_step, place.west + (col + 0.5) * place.lon_step
    else:
        lon, lat = (_cleaned(frame, c, feed).cast(pl.Float64, strict=False) for c in place.columns)
    points = frame.select(lon=lon, lat=lat)
    if isinstance(place, PointPlace) and "asset_id" not in out.columns:
        out = out.with_columns(_cells(points, work.pilot.h3_resolution).alias("asset_id"))
    if feed.table == "assets":
        out = out.with_columns(
            points["lon"],
            points["lat"],
            *(pl.lit(True).alias(c + STATED) for c in ("lon", "lat")),
            *(points[c].is_finite().fill_null(False).alias(c + NUMBER) for c in ("lon", "lat")),
        )
    return out


def _cells(points: pl.DataFrame, resolution: int) -> pl.Series:
    """The H3 cell around each lon/lat (WGS84 degrees), null outside the globe."""
    on_earth = pl.col("lon").is_between(-180, 180) & pl.col("lat").is_between(-90, 90)
    unique = points.unique().filter(on_earth)
    cells = [h3.latlng_to_cell(lat, lon, resolution) for lon, lat in unique.select("lon", "lat").iter_rows()]
    known = unique.with_columns(pl.Series("cell", cells, dtype=pl.String))
    return points.join(known, on=["lon", "lat"], how="left", maintain_order="left")["cell"]


def _incident_ids(out: pl.DataFrame, work: Work) -> pl.DataFrame:
    """The partner's own number, else one composed from what makes an incident: feed, asset, hazard, time."""
    if "incident_id" in out.columns:
        return out
    stamp = pl.col(work.at).dt.strftime("%Y%m%dT%H%M%SZ")
    parts = [pl.lit(work.feed.name), pl.col("asset_id"), pl.col("hazard"), stamp]
    return out.with_columns(pl.concat_str(parts, separator=":").alias("incident_id"))
