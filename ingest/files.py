"""The Parquet files behind a table: which of them may hold what is asked for, and reading them so that damage shows."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

import polars as pl
import pyarrow as pa
from deltalake import DeltaTable

from contracts.errors import BadTable, NotFound

TIMES = {"readings": "observed_at", "incidents": "occurred_at", "assets": "known_at"}


def paths(delta: DeltaTable | None, keep: Callable[[Mapping[str, object]], bool] = lambda _: True) -> list[str]:
    """The files of a table version that may hold what is asked for, in a stable order."""
    actions = pl.DataFrame(delta.get_add_actions(flatten=True)).sort("path") if delta is not None else pl.DataFrame()
    return [str(action["path"]) for action in actions.iter_rows(named=True) if keep(action)]


@contextlib.contextmanager
def verified(where: str) -> Iterator[None]:
    """Turn what reading a file that is gone or damaged raises, in this block, into a NotFound or BadTable."""
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound(
            "a stored file is gone",
            where=where,
            cause="this version of the table was vacuumed",
            fix="restore the file from a copy",
        ) from error
    except (pa.ArrowException, OSError) as error:
        raise BadTable(
            f"a stored file is damaged: {error}",
            where=where,
            cause="the disk",
            fix="restore it from a copy, or ingest its batches into a new store",
        ) from error


def statistics(frame: pl.DataFrame) -> dict[str, object]:
    """Delta's statistics of a file, for the columns that reads are narrowed by."""
    names = [c for c in (*TIMES.values(), "as_of", "feed") if c in frame.columns]
    out: dict[str, object] = {"numRecords": frame.height}
    if frame.height:
        low, high = (
            frame.select(pl.col(names).min()).row(0, named=True),
            frame.select(pl.col(names).max()).row(0, named=True),
        )
        out["minValues"] = {name: _stamp(value, up=False) for name, value in low.items()}
        out["maxValues"] = {name: _stamp(value, up=True) for name, value in high.items()}
    out["nullCount"] = {name: int(frame[name].null_count()) for name in names}
    return out


def _stamp(value: object, *, up: bool) -> object:
    """Delta keeps milliseconds in statistics: bounds are rounded outwards."""
    if not isinstance(value, datetime):
        return value
    milli = value.microsecond // 1000
    rounded = value.replace(microsecond=min(milli + (up and value.microsecond % 1000 > 0), 999) * 1000)
    return rounded.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def may_hold(
    action: Mapping[str, object],
    *,
    column: str,
    first: datetime | None,
    last: datetime | None,
    feed: str | None = None,
) -> bool:
    """Whether a file (its Delta add action) may have rows in `first..last` of a time column, and of a feed."""
    low, high = action.get(f"min.{column}"), action.get(f"max.{column}")
    with contextlib.suppress(TypeError):  # a file without statistics is read
        if (last and low > last) or (first and high < first):  # type: ignore[operator]
            return False
        return feed is None or bool(action["min.feed"] <= feed <= action["max.feed"])  # type: ignore[operator]
    return True
