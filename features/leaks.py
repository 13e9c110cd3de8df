"""Does a feature build use the future? Two checks, for a notebook, a review and the tests alike.

Neither check reads the code: they change what the build is given, and look whether a row that must not notice does.

- `future deleted`: the same row, built from the world as it stood at its `as_of` (later rows of the tables and of the
  spine are gone). Sees late reports, corrections, encodings and scalings that came from the future.
- `row alone`: the same row, asked for by itself. Sees values that depend on what else was asked for, and is not
  there when one live row is scored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl

from contracts.results import Features, IntArray, Spine
from contracts.tables import Tables

Build = Callable[[Tables, Spine], Features]
Check = Literal["future deleted", "row alone"]
MOST_ROWS = 24  # a check builds anew for each row it looks at


@dataclass(frozen=True)
class Leak:
    """The first row that noticed. columns: every column of it that changed, or that is there in only one of the builds.

    Attributes:
        seen_by: which checks saw a change, of the two. The other fields are those of the first of them.
        bulk: the columns' values as built with everything there; NaN for a column that is only in the other build.
        honest: the values when the future, or the other rows, are not there.
    """

    seen_by: tuple[Check, ...]
    asset: str
    as_of: np.datetime64
    columns: tuple[str, ...]
    bulk: tuple[float, ...]
    honest: tuple[float, ...]

    def __str__(self) -> str:
        changed = (f"{n}: {b:g} becomes {h:g}" for n, b, h in zip(self.columns, self.bulk, self.honest, strict=True))
        return f"{self.asset} at {self.as_of} ({' and '.join(self.seen_by)}): {'; '.join(changed)}"


def find_leak(build: Build, tables: Tables, spine: Spine, *, rows: IntArray | None = None) -> Leak | None:
    """The first leak of `build`, or None. `functools.partial(build_features, pilot=pilot)` is the platform's build.

    Args:
        build: features of a spine from tables, in the spine's order. It must give the same columns for any spine.
        rows: positions in the spine to look at; by default up to 24, spread evenly, the last one included.

    None is no proof: a leak shows only where the data of a looked-at row has late, corrected or coming rows.
    """
    bulk = build(tables, spine)
    looked_at = _spread(len(spine)) if rows is None else rows
    found = [
        leak
        for check in (_future_deleted, _row_alone)
        if (leak := next(check(build, tables, bulk, looked_at), None)) is not None
    ]
    return replace(found[0], seen_by=tuple(check for leak in found for check in leak.seen_by)) if found else None


def known_by(tables: Tables, as_of: np.datetime64) -> Tables:
    """The same tables with every row deleted that nobody knew at `as_of` (UTC)."""
    instant = pl.lit(as_of.astype("datetime64[us]").item()).dt.replace_time_zone("UTC")
    return Tables(
        *(frame.filter(pl.col("known_at") <= instant) for frame in (tables.readings, tables.incidents, tables.assets))
    )


def _future_deleted(build: Build, tables: Tables, bulk: Features, rows: IntArray) -> Iterator[Leak]:
    spine = bulk.spine
    for as_of in np.unique(spine.as_of[rows]):
        there = np.flatnonzero(spine.as_of <= as_of)
        at_the_time = build(known_by(tables, as_of), spine.take(there))
        for row in rows[spine.as_of[rows] == as_of]:
            yield from _compare("future deleted", bulk, row, at_the_time, int(np.searchsorted(there, row)))


def _row_alone(build: Build, tables: Tables, bulk: Features, rows: IntArray) -> Iterator[Leak]:
    for row in rows:
        alone = build(tables, bulk.spine.take(np.array([row])))
        yield from _compare("row alone", bulk, row, alone, 0)


def _compare(check: Check, bulk: Features, row: int, other: Features, position: int) -> Iterator[Leak]:
    ours = dict(zip(bulk.names, bulk.values[row].tolist(), strict=True))
    theirs = dict(zip(other.names, other.values[position].tolist(), strict=True))
    changed = tuple(n for n in {**ours, **theirs} if n not in ours or n not in theirs or not _same(ours[n], theirs[n]))
    if changed:
        was, honest = (tuple(values.get(name, np.nan) for name in changed) for values in (ours, theirs))
        spine = bulk.spine
        yield Leak((check,), spine.assets[spine.asset[row]], spine.as_of[row], changed, was, honest)


def _same(one: float, other: float) -> bool:
    return one == other or (np.isnan(one) and np.isnan(other))


def _spread(count: int) -> IntArray:
    return np.unique(np.linspace(0, count - 1, min(count, MOST_ROWS)).astype(np.int64))
