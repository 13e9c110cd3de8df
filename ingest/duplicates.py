"""Rows that the store already has, and rows that contradict it.

A correction has the same key and a later `known_at`. The same key, `known_at` and values again is a duplicate. The same
key and `known_at` with other values is a contradiction: nobody could say which was known, so the first one stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from contracts.tables import TableSpec

_OWN = ("partner", "feed", "batch")


@dataclass(frozen=True)
class Fresh:
    """rows: to be stored. duplicates, contradictions: the others, with the columns they came with."""

    rows: pl.DataFrame
    duplicates: pl.DataFrame
    contradictions: pl.DataFrame


def fresh_rows(frame: pl.DataFrame, stored: pl.DataFrame, spec: TableSpec, *, received: bool) -> Fresh:
    """Part rows into new ones, duplicates and contradictions.

    frame: canonical rows in the order they were sent. stored: rows of the same table, feed and time range.
    received: `known_at` is the instant of receipt, so a value sent again is a duplicate whenever it is known.
    """
    key = [*spec.key] if received else [*spec.key, "known_at"]
    payload = [c for c in spec.schema if c not in (*key, *_OWN, "known_at")]
    again = frame.select(pl.struct(key).is_first_distinct().not_()).to_series()
    inside = (
        _compare(frame.filter(again), frame.filter(~again).select(key + payload), key, payload) if again.any() else None
    )
    rows = frame.filter(~again)
    same = other = frame.clear()
    if inside is not None:
        same, other = inside
    if stored.height:
        known = stored.sort("known_at").unique(key, keep="last") if received else stored
        held = rows.join(known.select(key), on=key, how="semi", nulls_equal=True)
        twice, changed = _compare(held, known.select(key + payload), key, payload)
        same = pl.concat([same, twice])
        if received:  # another value, received later: a correction
            held, changed = twice, changed.clear()
        other = pl.concat([other, changed])
        rows = rows.join(held.select(key), on=key, how="anti", nulls_equal=True)
    return Fresh(rows=rows, duplicates=same, contradictions=other)


def _compare(
    rows: pl.DataFrame, known: pl.DataFrame, key: list[str], payload: list[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows whose key is known already: those that say the same, and those that say something else."""
    both = [*key, *payload]
    same = rows.join(known, on=both, how="semi", nulls_equal=True)
    return same, rows.join(known, on=both, how="anti", nulls_equal=True)
