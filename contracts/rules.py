"""What a contract may say about time, knowledge, place and columns: the parts of a `Feed`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, field_validator, model_validator

from contracts.pilot import Frozen


def _zone_exists(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"time zone {zone!r} does not exist; an IANA name such as Asia/Seoul or UTC") from error
    return zone


Zone = Annotated[str, AfterValidator(_zone_exists)]
Ambiguous = Literal["earliest", "latest", "refuse"]
Nonexistent = Literal["shift", "refuse"]


class ColumnRef(Frozen):
    """A part of a time that stands in a column."""

    column: str


Part = int | ColumnRef


class TimeRule(Frozen):
    """How a stamp is read: one column, or parts (year, month, day, hour, minute), in which zone, and what it marks.

    `stamp`: `instant`, or the `start` or `end` of an interval of `interval_minutes`; a start is moved to the end.
    `ambiguous`, `nonexistent`: the hour that clocks repeat, and the one they skip.
    """

    column: str | None = None
    format: str | None = None
    year: Part | None = None
    month: Part | None = None
    day: Part | None = None
    hour: Part | None = None
    minute: Part | None = None
    zone: Zone
    stamp: Literal["instant", "start", "end"] = "instant"
    interval_minutes: float | None = Field(default=None, gt=0)
    ambiguous: Ambiguous = "refuse"
    nonexistent: Nonexistent = "refuse"

    @model_validator(mode="after")
    def _whole(self) -> TimeRule:
        date = (self.year, self.month, self.day)
        if self.column is None and None in date:
            raise ValueError("either `column`, or all of `year`, `month` and `day`")
        if self.column is not None and any(part is not None for part in date):
            raise ValueError("`column` and `year`/`month`/`day` contradict each other")
        if self.stamp == "start" and self.interval_minutes is None:
            raise ValueError("stamp: start needs interval_minutes, or the interval's end is not known")
        if self.format is not None and self.column is None:
            raise ValueError("`format` belongs to `column`, and there is none")
        return self

    @property
    def shift_minutes(self) -> float:
        """From the stamp to the instant at which the interval ends."""
        return self.interval_minutes or 0.0 if self.stamp == "start" else 0.0

    @property
    def columns(self) -> tuple[str, ...]:
        parts = (self.year, self.month, self.day, self.hour, self.minute)
        return (*((self.column,) if self.column else ()), *(p.column for p in parts if isinstance(p, ColumnRef)))


class KnownRule(Frozen):
    """When a row could have been known: a stated delay, a column, on receipt (live feeds only), or a fixed instant."""

    delay_minutes: float | None = Field(default=None, ge=0)
    column: str | None = None
    format: str | None = None
    zone: Zone | None = None
    ambiguous: Ambiguous | None = None
    nonexistent: Nonexistent | None = None
    receipt: bool = False
    live: bool = False
    since: datetime | None = None

    @field_validator("since")
    @classmethod
    def _has_zone(cls, since: datetime | None) -> datetime | None:
        if since is not None and since.tzinfo is None:
            raise ValueError("an instant with its offset, such as 2025-01-01T00:00:00+09:00")
        return since

    @model_validator(mode="after")
    def _one_way(self) -> KnownRule:
        ways = (self.delay_minutes is not None, self.column is not None, self.receipt, self.since is not None)
        if sum(ways) != 1:
            raise ValueError("exactly one of delay_minutes, column, receipt: true, since")
        if self.receipt and not self.live:
            raise ValueError(
                "receipt needs live: true, and a feed that never carries history: history loaded in bulk has a column "
                "or a stated delay, never receipt, else nothing was ever known"
            )
        if self.live and not self.receipt:
            raise ValueError("live belongs to receipt: true")
        return self


class PointPlace(Frozen):
    """No asset id is sent: the asset is the H3 cell, of the pilot's resolution, around lon/lat (WGS84 degrees)."""

    lon: str
    lat: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.lon, self.lat)


class GridPlace(Frozen):
    """Assets on a planar grid: row and column numbers become the lon/lat of the cell's centre.

    Row 0 touches `north`, column 0 touches `west`; steps in degrees, a negative `lat_step` counts rows northwards.
    """

    row: str
    col: str
    north: float = Field(ge=-90, le=90)
    west: float = Field(ge=-180, le=180)
    lat_step: float
    lon_step: float

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.row, self.col)


class AssetColumns(Frozen):
    """In `wide_assets`: which columns are assets (`*`: all that have no other use), and what their ids begin with."""

    columns: Literal["*"] | tuple[str, ...] = "*"
    prefix: str = ""


class Caps(Frozen):
    """What one file may at most be, before it is refused unread."""

    max_bytes: int = Field(default=2_000_000_000, gt=0)
    max_rows: int = Field(default=20_000_000, gt=0)
    max_ratio: float = Field(default=200.0, gt=1)  # unpacked bytes for one packed byte


class ColumnRule(Frozen):
    """One column: our word (or a metric), the partner's name for it, and its limits in the partner's unit."""

    name: str
    column: str
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    unit: str | None = None
    map: dict[str, str | float] | None = None
    prefix: str = ""
    compose: tuple[str, ...] = ()
    empty: float | None = None  # what an empty field means, where that is a number
    ignored: bool = False

    @field_validator("map", mode="before")
    @classmethod
    def _text_keys(cls, words: Any) -> Any:
        """YAML reads `True:` and `0:` as a flag and a number; a file holds text. Both spellings of a flag are meant."""
        if not isinstance(words, dict):
            return words
        out = {str(theirs): ours for theirs, ours in words.items()}
        flags = {str(theirs).lower(): ours for theirs, ours in words.items() if isinstance(theirs, bool)}
        return flags | out

    @model_validator(mode="after")
    def _limits(self) -> ColumnRule:
        if self.minimum is not None and self.maximum is not None and not self.minimum < self.maximum:
            raise ValueError(f"{self.name}: minimum {self.minimum} must be below maximum {self.maximum}")
        if self.empty is not None and self.required:
            raise ValueError(f"{self.name}: required, and yet an empty field means {self.empty:g}")
        return self
