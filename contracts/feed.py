"""A feed: one stream of one partner, frozen, as its contract describes it and its pilot allows it."""

from __future__ import annotations

import codecs
import hashlib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator

from contracts.errors import BadContract, NotFound, nearest
from contracts.odcs import read_contract
from contracts.pilot import Frozen, Name, Pilot, explain
from contracts.rules import AssetColumns, Caps, ColumnRule, GridPlace, KnownRule, PointPlace, TimeRule
from contracts.units import SAME, Conversion, check_unit, conversion

Table = Literal["readings", "incidents", "assets"]
Layout = Literal["long", "wide_metrics", "wide_assets"]

WORDS: dict[Table, frozenset[str]] = {
    "readings": frozenset(("asset_id", "metric", "value")),
    "incidents": frozenset(("incident_id", "asset_id", "hazard", "severity")),
    "assets": frozenset(("asset_id", "name", "kind", "district", "lon", "lat")),
}
_DOCUMENTED = frozenset(("observed_at", "occurred_at", "known_at"))


class Feed(Frozen):
    """What one contract says. `digest` is the contract's hash: part of a batch's id."""

    name: Name
    pilot: Name
    version: str
    partner: str = Field(min_length=1)
    table: Table
    layout: Layout = "long"
    path: str = Field(min_length=1)
    format: Literal["csv", "parquet", "jsonl"]
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: str = "utf-8-sig"
    missing: tuple[str, ...] = ("",)
    time: TimeRule | None = None
    known_at: KnownRule
    constants: dict[str, str | float] = Field(default_factory=dict)
    place: PointPlace | GridPlace | None = None
    assets: AssetColumns | None = None
    units: dict[str, str] = Field(default_factory=dict)
    caps: Caps = Caps()
    columns: tuple[ColumnRule, ...] = ()
    digest: str

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, encoding: str) -> str:
        try:
            codecs.lookup(encoding)
        except LookupError as error:
            raise ValueError(f"encoding {encoding!r} does not exist; such as utf-8, cp949") from error
        return encoding

    @field_validator("missing", mode="before")
    @classmethod
    def _as_text(cls, marks: Any) -> Any:
        return tuple(str(mark) for mark in marks) if isinstance(marks, list) else marks

    def rule(self, name: str) -> ColumnRule | None:
        """The column that carries this word, if any does."""
        return next((c for c in self.columns if c.name == name and not c.ignored), None)

    def metric_columns(self, pilot: Pilot) -> tuple[ColumnRule, ...]:
        """The columns that carry one metric each (wide_metrics, or an asset's static attributes)."""
        if self.table == "incidents" or (self.table == "readings" and self.layout != "wide_metrics"):
            return ()
        return tuple(c for c in self.columns if c.name in pilot.metrics and not c.ignored)

    def states(self, metric: str) -> bool:
        """Whether a long or wide_assets table may carry this metric."""
        column = self.rule("metric")
        if column is None:
            return self.constants.get("metric") == metric
        return column.map is None or metric in column.map.values()

    def to_pilot_unit(self, metric: str, pilot: Pilot) -> Conversion:
        """From the unit in which this feed states a metric to the pilot's."""
        column = self.rule(metric) or self.rule("value")
        theirs = self.units.get(metric) or (column.unit if column else None)
        return conversion(theirs, pilot.metrics[metric].unit) if theirs else SAME

    def limits(self, metric: str, pilot: Pilot) -> tuple[float, float]:
        """Lowest and highest value in the pilot's unit that contract and pilot both allow."""
        ours, to_ours = pilot.metrics[metric], self.to_pilot_unit(metric, pilot)
        column = self.rule(metric) or self.rule("value")
        low = to_ours(column.minimum) if column and column.minimum is not None else ours.low
        high = to_ours(column.maximum) if column and column.maximum is not None else ours.high
        return max(low, ours.low), min(high, ours.high)


def parse_feed(text: str, pilot: Pilot, *, where: str) -> Feed:
    """The feed that an ODCS document describes, checked against its pilot.

    Raises:
        BadContract: unknown keys, or a contract that contradicts itself or its pilot.
    """
    keys = read_contract(text, where=where)
    digest = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    try:
        feed = Feed.model_validate({**keys, "pilot": pilot.name, "digest": digest})
    except ValidationError as fault:
        raise BadContract(_explain(fault), where=where) from fault
    for check in (_check_words, _check_layout, _check_time, _check_units, _check_constants):
        try:
            check(feed, pilot)
        except BadContract as fault:
            raise BadContract(
                fault.what, where=where, allowed=fault.allowed, cause=fault.cause, fix=fault.fix
            ) from fault
    return feed


def load_feeds(folder: Path, pilot: Pilot) -> tuple[Feed, ...]:
    """The feeds of `folder/feeds/*.odcs.yaml`: assets first, then by name.

    Raises:
        NotFound: no contract at all. BadContract: one is unsound.
    """
    paths = sorted((folder / "feeds").glob("*.odcs.yaml"))
    if not paths:
        raise NotFound("no contract", where=str(folder / "feeds"), allowed="NAME.odcs.yaml, one a feed")
    feeds = [parse_feed(path.read_text(encoding="utf-8"), pilot, where=path.name) for path in paths]
    for feed, path in zip(feeds, paths, strict=True):
        if path.name != f"{feed.name}.odcs.yaml":
            raise BadContract(f"the feed is named {feed.name!r}", where=path.name, allowed=f"{feed.name}.odcs.yaml")
    return tuple(sorted(feeds, key=lambda feed: (feed.table != "assets", feed.name)))


def _explain(fault: ValidationError) -> str:
    """As `explain`, but a union of types says what is wrong with the nearest one only."""
    first = fault.errors()[0]
    parts: dict[str, type[Frozen]] = {
        "time": TimeRule,
        "known_at": KnownRule,
        "assets": AssetColumns,
        "limits": Caps,
        "caps": Caps,
    }
    known = parts.get(str(first["loc"][0]), Feed).model_fields
    if first["loc"][0] == "place":
        return "place: {lon, lat}, or {row, col, north, west, lat_step, lon_step} with numbers for the last four"
    if first["loc"][0] == "columns" and len(first["loc"]) > 2:
        known = ColumnRule.model_fields
    return explain(fault, dict(known))


def _check_words(feed: Feed, pilot: Pilot) -> None:
    words = WORDS[feed.table]
    metrics = pilot.metrics if feed.table != "incidents" else {}
    for word in feed.constants:
        if word not in words:
            raise BadContract(f"unknown constant {word!r}", allowed=nearest(word, words))
    seen: set[str] = set()
    for column in feed.columns:
        if column.ignored:
            continue
        if column.name not in words | _DOCUMENTED | set(metrics):
            raise BadContract(
                f"{column.name!r} is neither a word of {feed.table} nor a metric of the pilot",
                allowed=nearest(column.name, words | set(metrics)),
                fix="name a metric in pilot.yaml first, or mark the column `ignored: true`",
            )
        if column.name in seen:
            raise BadContract(f"{column.name!r} stands twice among the properties", allowed="once")
        seen.add(column.name)
        if column.name in feed.constants:
            raise BadContract(f"{column.name!r} is both a column and a constant", allowed="one of the two")


def _check_layout(feed: Feed, pilot: Pilot) -> None:
    has = {c.name for c in feed.columns if not c.ignored} | set(feed.constants)
    if feed.layout == "wide_assets":
        if feed.table == "assets":
            raise BadContract("wide_assets is no layout for an assets table", allowed="long")
        if feed.table == "readings" and "metric" not in has:
            raise BadContract(
                "wide_assets does not say which metric it carries", allowed="a constant or a column metric"
            )
    elif feed.assets is not None:
        raise BadContract("`assets` belongs to layout: wide_assets", allowed="no `assets`")
    elif "asset_id" not in has and not isinstance(feed.place, PointPlace):
        raise BadContract("nothing says which asset a row is about", allowed="asset_id, or place: {lon, lat}")
    if feed.layout == "wide_metrics" and not feed.metric_columns(pilot):
        raise BadContract("wide_metrics without a column that is a metric", allowed=nearest("", pilot.metrics))
    if feed.table == "readings" and feed.layout == "long" and not {"metric", "value"} <= has:
        raise BadContract("a long table of readings needs metric and value", allowed="columns, or metric as a constant")
    if feed.table == "incidents" and "hazard" not in has:
        raise BadContract("nothing says which hazard the incidents are of", allowed="a column, or a constant")
    if feed.table == "assets" and "kind" not in has:
        raise BadContract("nothing says of which kind the assets are", allowed="a column, or a constant")
    if isinstance(feed.place, GridPlace) and feed.table != "assets":
        raise BadContract("a grid place belongs to an assets table", allowed="place: {lon, lat}")


def _check_time(feed: Feed, pilot: Pilot) -> None:
    static = feed.table == "assets" or (
        feed.table == "readings" and all(pilot.metrics[m].static for m in _stated_metrics(feed, pilot))
    )
    if feed.known_at.since is not None and not static:
        raise BadContract("known_at: since belongs to assets and static metrics", allowed="delay_minutes or column")
    if feed.time is None and feed.table != "assets" and feed.known_at.since is None:
        raise BadContract("no `time`: nothing says when a row happened", allowed="time: {column: ..., zone: ...}")
    if feed.time is None and feed.known_at.delay_minutes is not None:
        raise BadContract("a delay after a time that is not stated", allowed="known_at: {since: INSTANT}")
    if feed.known_at.column and feed.time is None and feed.known_at.zone is None:
        raise BadContract("known_at.column without a zone", allowed="zone: Asia/Seoul, or `time` to take it from")


def _stated_metrics(feed: Feed, pilot: Pilot) -> set[str]:
    return {c.name for c in feed.metric_columns(pilot)} | {m for m in pilot.metrics if feed.states(m)}


def _check_units(feed: Feed, pilot: Pilot) -> None:
    for metric in feed.units:
        if metric not in pilot.metrics:
            raise BadContract(f"units: no metric {metric!r}", allowed=nearest(metric, pilot.metrics))
    for column in feed.columns:
        if column.unit and not column.ignored:
            check_unit(column.unit)
    if feed.table == "incidents":
        return
    for metric in sorted(_stated_metrics(feed, pilot)):
        try:
            low, high = feed.limits(metric, pilot)
        except BadContract as fault:
            raise BadContract(f"{metric}: {fault.what}", allowed=fault.allowed, cause=fault.cause) from fault
        if not low < high:
            ours = pilot.metrics[metric]
            raise BadContract(
                f"{metric}: the contract's limits and the pilot's do not overlap",
                allowed=f"{ours.low:g}..{ours.high:g} {ours.unit}",
                cause="limits in another unit than the column's",
            )


def _check_constants(feed: Feed, pilot: Pilot) -> None:
    severity = feed.constants.get("severity", 1.0)
    if isinstance(severity, str):
        raise BadContract(f"constant severity {severity!r}", allowed="a number")
    for word, known in (("hazard", pilot.hazards), ("metric", pilot.metrics)):
        stated = {str(feed.constants[word])} if word in feed.constants else set()
        column = feed.rule(word)
        stated |= {str(w) for w in (column.map or {}).values()} if column else set()
        for name in sorted(stated - set(known)):
            raise BadContract(f"no {word} {name!r} in the pilot", allowed=nearest(name, known))
