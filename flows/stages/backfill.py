"""Forecasts for a past range: each hour from what was known by then, by the models that are released today."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from contracts.errors import ForesafeError
from contracts.results import Features, IntArray
from flows.history import History
from flows.instants import in_seoul
from flows.places import outputs_of, pilot_of
from flows.settings import Settings
from flows.stages.forecast import Champions, champions, forecast, run_id
from ingest.store import Store

Summary = dict[str, Any]
HOURS_A_PORTION = 7 * 24  # what a kill loses at most; features are built for a whole portion at once


def backfill(
    settings: Settings,
    name: str,
    *,
    first: datetime,
    last: datetime,
    every_hours: int,
    clock: Callable[[], datetime],
    progress: Callable[[str], None],
) -> Summary:
    """Keep in the store what scoring at each hour of `first..last` would have kept; hours that are there are left.

    A portion of hours is one step: all of it is in the store, or none. So it may be killed at any time and run again.

    Args:
        every_hours: hours between forecasts, counted from midnight UTC; 0 for the pilot's cadence.

    Raises:
        NotEnoughData: the range ends before anything was known. ForesafeError: it is no range.
    """
    from features import Slice, build_slice, plan_slices, training_spine

    if first > last:
        raise ForesafeError(
            f"{first} is after {last}", where="--from", allowed="a range that does not end before it begins"
        )
    pilot, folder = pilot_of(settings, name), outputs_of(settings, name).store
    history, store, released = History.of(folder, pilot), Store(folder), champions(settings, name)
    end = min(last, history.until())
    spine = training_spine(history.tables, pilot, first=first, last=end, every_hours=every_hours or pilot.cadence_hours)
    hours = np.unique(spine.as_of)
    done: Summary = {"hours": len(hours), "there": 0, "scored": 0, "rows": 0}
    for part in plan_slices(spine, pilot, hours_a_slice=HOURS_A_PORTION):
        runs = {_run(hour, released): hour for hour in np.unique(part.spine.as_of)}
        left = store.missing("scores", list(runs))
        if left:
            kept = np.flatnonzero(np.isin(part.spine.as_of, [runs[run] for run in left]))
            todo = Slice(part.rows[kept], part.spine.take(kept), part.after, part.until)
            built = build_slice(todo, read=history.read, tables=history.tables, pilot=pilot)
            scored = pd.concat([forecast(released, pilot, built.take(rows)) for rows in _by_hour(built)])
            store.commit("scores", pl.from_pandas(scored), batches=left, at=clock())
            done["rows"] += len(scored)
        done["scored"] += len(left)
        done["there"] += len(runs) - len(left)
        progress(f"until {in_seoul(part.until)}: {done['scored'] + done['there']} of {len(hours)} hours")
    return done


def _run(hour: np.datetime64, released: Champions) -> str:
    """The id under which scoring at that hour keeps its forecast."""
    labels = (
        "climatology 0" if isinstance(found, str) else f"{found[1].name} {found[1].version}"
        for found in released.values()
    )
    return run_id(pd.Timestamp(hour, tz="UTC"), labels)


def _by_hour(built: Features) -> Iterator[IntArray]:
    """The rows of each hour: reasons are given for the highest risks of an hour, so it is scored by itself."""
    as_of = built.spine.as_of
    order = np.argsort(as_of, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(as_of[order]).astype(np.int64)) + 1)
