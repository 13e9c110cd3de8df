"""The tables, as data: one spec feeds the cheap check, the Great Expectations suite and the docs.

All instants are UTC with microseconds. `known_at` is when we could have known a row; a correction is a new row
with the same key and a later `known_at`, never an overwrite.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from contracts.errors import BadTable

Kind = Literal["text", "instant", "number", "flag", "integer"]

DTYPES: dict[Kind, pl.DataType] = {
    "text": pl.String(),
    "instant": pl.Datetime("us", "UTC"),
    "number": pl.Float64(),
    "integer": pl.Int64(),
    "flag": pl.Boolean(),
}


@dataclass(frozen=True)
class Column:
    """One column: its kind, whether it may be null, and what it means."""

    name: str
    kind: Kind
    nullable: bool = False
    meaning: str = ""


@dataclass(frozen=True)
class TableSpec:
    """A table's columns in order, and the key under which a later `known_at` supersedes an earlier one."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def schema(self) -> dict[str, pl.DataType]:
        return {c.name: DTYPES[c.kind] for c in self.columns}

    def empty(self) -> pl.DataFrame:
        return pl.DataFrame(schema=self.schema)

    def conform(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The same rows with this table's columns, order and types.

        Raises:
            BadTable: a column is missing, of another kind, or null where it may not be.
        """
        missing = [c.name for c in self.columns if c.name not in frame.columns]
        if missing:
            raise BadTable(f"no column {missing[0]!r}", where=self.name, allowed=", ".join(self.schema))
        try:
            out = frame.select(pl.col(c.name).cast(DTYPES[c.kind]) for c in self.columns)
        except pl.exceptions.PolarsError as error:
            raise BadTable(f"wrong type: {error}", where=self.name) from error
        for c in self.columns:
            if not c.nullable and (nulls := out[c.name].null_count()):
                raise BadTable(f"{nulls} empty values", where=f"{self.name}.{c.name}", allowed="none")
        return out


_PROVENANCE = (
    Column("partner", "text", meaning="who shared it"),
    Column("feed", "text", meaning="through which feed"),
    Column("batch", "text", meaning="content hash of the file it came in"),
)

READINGS = TableSpec(
    "readings",
    (
        Column("asset_id", "text", meaning="what was observed"),
        Column("metric", "text", meaning="a metric of the pilot; the unit is the pilot's"),
        Column("observed_at", "instant", meaning="when it was observed; for an interval, its end"),
        Column("known_at", "instant", meaning="when we could have known it"),
        Column("value", "number", meaning="in the metric's unit; finite, within the metric's limits"),
        *_PROVENANCE,
    ),
    key=("asset_id", "metric", "observed_at"),
)

INCIDENTS = TableSpec(
    "incidents",
    (
        Column("incident_id", "text", meaning="the partner's own number, prefixed with the feed where not unique"),
        Column("asset_id", "text", meaning="where it happened"),
        Column("hazard", "text", meaning="a hazard of the pilot"),
        Column("occurred_at", "instant", meaning="when it happened; for an interval, its end"),
        Column("known_at", "instant", meaning="when we could have known it, or this correction of it"),
        Column("severity", "number", meaning="0 withdraws the incident"),
        *_PROVENANCE,
    ),
    key=("incident_id",),
)

ASSETS = TableSpec(
    "assets",
    (
        Column("asset_id", "text"),
        Column("name", "text", meaning="for people; Korean where the place is Korean"),
        Column("kind", "text", meaning="cell, district, plant_unit, weather_station, ..."),
        Column("district", "text", nullable=True, meaning="for fairness and reliability by district"),
        Column("lon", "number", nullable=True),
        Column("lat", "number", nullable=True),
        Column("known_at", "instant"),
        *_PROVENANCE,
    ),
    key=("asset_id",),
)

QUARANTINE = TableSpec(
    "quarantine",
    (
        Column("partner", "text"),
        Column("feed", "text"),
        Column("batch", "text"),
        Column("source", "text", meaning="file name"),
        Column("row", "integer", meaning="1 is the first data row of the file"),
        Column("rule", "text", meaning="the contract's rule that refused it"),
        Column("column", "text", meaning="the partner's own column name"),
        Column("value", "text", nullable=True, meaning="as the partner sent it"),
        Column("raw", "text", meaning="the whole row as JSON, so that it can be replayed"),
        Column("refused_at", "instant"),
    ),
    key=("feed", "batch", "row", "rule", "column"),
)

SCORES = TableSpec(
    "scores",
    (
        Column("asset_id", "text"),
        Column("hazard", "text"),
        Column("as_of", "instant", meaning="when the forecast was made"),
        Column("horizon_hours", "integer"),
        Column("probability", "number", meaning="P(at least one incident in (as_of, as_of + horizon])"),
        Column("low", "number", meaning="lower end of the 90 % interval of the risk"),
        Column("high", "number"),
        Column("expected_count", "number", meaning="incidents to be expected in the horizon: -log(1 - probability)"),
        Column("expected_severity", "number", nullable=True, meaning="their summed severity; empty without a model"),
        Column("baseline", "number", meaning="climatology of the same asset and hour"),
        Column("band", "text", meaning="low, elevated, high, extreme: from the alarm budget"),
        Column("drivers", "text", meaning="top three reasons, in words, one a line"),
        Column("model", "text", meaning="registered name"),
        Column("version", "text"),
        Column("degraded", "text", meaning="empty, or why this forecast is weaker than usual"),
    ),
    key=("asset_id", "hazard", "as_of", "version"),
)


@dataclass(frozen=True)
class Tables:
    """What the store knows at one instant: frames that conform to READINGS, INCIDENTS and ASSETS.

    Rows are bitemporal: every version of a corrected row is there; readers choose by `known_at`.
    """

    readings: pl.DataFrame
    incidents: pl.DataFrame
    assets: pl.DataFrame
