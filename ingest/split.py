"""Candidates -> accepted rows and faults, vectorised, from the same rules as the Great Expectations suite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from contracts.feed import Feed
from contracts.pilot import Pilot
from contracts.tables import ASSETS, INCIDENTS, READINGS, TableSpec
from ingest.parse import SENT_IN, STATED
from ingest.raw import ROW
from ingest.rules import Rule, value_columns

BATCH = "__batch"
FAULTS = {BATCH: pl.UInt32(), ROW: pl.Int64(), "rule": pl.String(), "column": pl.String(), "position": pl.UInt32()}


@dataclass(frozen=True)
class Split:
    """accepted: table name -> canonical rows with `__batch` and `__row`. faults: one row a broken rule a candidate.

    broken: rule index -> how many candidates break it, to be compared with what Great Expectations counted.
    stated: items a batch states (readings, incidents, assets), by batch position.
    """

    accepted: dict[str, pl.DataFrame]
    faults: pl.DataFrame
    broken: tuple[int, ...]
    stated: dict[int, int]


def split(frame: pl.DataFrame, rules: Sequence[Rule], feed: Feed, pilot: Pilot) -> Split:
    """Every candidate judged by every rule; a fault of one cell refuses that cell, any other the whole row."""
    masks = frame.select(rule.faulty().alias(str(i)) for i, rule in enumerate(rules))
    broken = tuple(int(masks[str(i)].sum()) for i in range(len(rules)))
    whole = [str(i) for i, rule in enumerate(rules) if not rule.cell and broken[i]]
    row_sound = masks.select(~pl.any_horizontal(whole) if whole else pl.lit(True).alias("sound")).to_series()
    row_sound = row_sound if len(row_sound) == frame.height else pl.repeat(True, frame.height, eager=True)
    sound = {name: row_sound & _cell_sound(name, rules, masks, broken) for name in value_columns(feed, pilot)}
    accepted = _accept(frame, row_sound, sound, feed)
    return Split(accepted, _faults(frame, rules, masks, broken), broken, _stated(frame, feed, pilot))


def _cell_sound(name: str, rules: Sequence[Rule], masks: pl.DataFrame, broken: tuple[int, ...]) -> pl.Series:
    own = [str(i) for i, rule in enumerate(rules) if rule.cell == name and broken[i]]
    if not own:
        return pl.repeat(True, masks.height, eager=True)
    return masks.select(~pl.any_horizontal(own)).to_series()


def _accept(frame: pl.DataFrame, row: pl.Series, sound: dict[str, pl.Series], feed: Feed) -> dict[str, pl.DataFrame]:
    if feed.table == "incidents":
        return {"incidents": _conform(frame.filter(sound["severity"]), INCIDENTS)}
    if feed.table == "readings":
        return {"readings": _readings(frame, sound)}
    places = [pl.when(sound[c]).then(pl.col(c)).otherwise(None).alias(c) for c in ("lon", "lat")]
    assets = _asset_columns(frame.with_columns(places)).filter(row)
    metrics = {name: mask for name, mask in sound.items() if name not in ("lon", "lat")}
    return {"assets": _conform(assets, ASSETS), "readings": _readings(frame, metrics)}


def _asset_columns(frame: pl.DataFrame) -> pl.DataFrame:
    if "name" not in frame.columns:
        frame = frame.with_columns(pl.col("asset_id").alias("name"))
    if "district" not in frame.columns:
        frame = frame.with_columns(pl.lit(None, dtype=pl.String).alias("district"))
    return frame.with_columns(pl.col("name").fill_null(pl.col("asset_id")))


def _readings(frame: pl.DataFrame, sound: dict[str, pl.Series]) -> pl.DataFrame:
    """A row per stated and sound value, whatever column it stood in."""
    parts = []
    for name, mask in sound.items():
        good = frame.filter(mask & frame[name + STATED])
        metric = pl.col("metric") if name == "value" else pl.lit(name).alias("metric")
        parts.append(_conform(good.with_columns(metric, pl.col(name).alias("value")), READINGS))
    empty = _conform(frame.clear().with_columns(pl.lit("").alias("metric"), pl.lit(0.0).alias("value")), READINGS)
    return pl.concat(parts) if parts else empty


def _conform(frame: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    own = [c for c in spec.schema if c not in ("partner", "feed", "batch")]
    return frame.select(BATCH, ROW, *(pl.col(c).cast(spec.schema[c]) for c in own))


def _faults(frame: pl.DataFrame, rules: Sequence[Rule], masks: pl.DataFrame, broken: tuple[int, ...]) -> pl.DataFrame:
    at = frame.with_row_index("position")
    parts = []
    for i, rule in enumerate(rules):
        if broken[i]:
            sent_in = pl.col(SENT_IN) if SENT_IN in frame.columns and not rule.sent_in else pl.lit(rule.sent_in)
            found = at.filter(masks[str(i)])
            parts.append(found.select(BATCH, ROW, pl.lit(rule.name).alias("rule"), sent_in.alias("column"), "position"))
    return pl.concat(parts).cast(FAULTS) if parts else pl.DataFrame(schema=FAULTS)  # type: ignore[arg-type]


def _stated(frame: pl.DataFrame, feed: Feed, pilot: Pilot) -> dict[int, int]:
    """How many readings, incidents or assets each batch states: what accepted, duplicates and quarantined sum to."""
    items = pl.lit(1, dtype=pl.Int64)
    if feed.table != "incidents":
        cells = [c for c in value_columns(feed, pilot) if c not in ("lon", "lat")]
        must = {c: (rule := feed.rule(c)) is not None and rule.required for c in cells}
        stated = [pl.lit(1) if must[c] else pl.col(c + STATED).cast(pl.Int64) for c in cells]
        items = pl.sum_horizontal(stated) if stated else pl.lit(0)
        items = items + 1 if feed.table == "assets" else items
    counted = frame.select(BATCH, items.alias("n")).group_by(BATCH).agg(pl.col("n").sum())
    return dict(counted.iter_rows())
