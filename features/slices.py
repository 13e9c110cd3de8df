"""History larger than memory: the spine in stretches of hours, each built from the readings that can matter to it.

A feature at T is the same from any set of rows that holds what was observed within the pilot's reach of T (sums are
fixed-point integers, decision 1), so a stretch built alone equals the same rows of one build over everything, bit for
bit. That makes stretches the unit of work too: they may be built in any order, and on several machines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import polars as pl

from contracts.errors import ForesafeError
from contracts.pilot import Pilot
from contracts.results import Features, IntArray, Spine
from contracts.tables import Tables
from features.build import build_features, plan_of
from features.hours import HOUR_US, as_of_hours

ReadReadings = Callable[[datetime, datetime], pl.DataFrame]


@dataclass(frozen=True)
class Slice:
    """Rows of a spine that are built together, and when the readings they can see were observed: (after, until].

    rows: (m,) positions in the whole spine. spine: those rows alone.
    """

    rows: IntArray
    spine: Spine
    after: datetime
    until: datetime


def plan_slices(spine: Spine, pilot: Pilot, *, hours_a_slice: int) -> Iterator[Slice]:
    """The spine cut into stretches of `hours_a_slice` hours, in order of time; stretches without a row are left out.

    Raises:
        ForesafeError: `hours_a_slice` below 1, or an as_of that is not a whole hour.
    """
    if hours_a_slice < 1:
        raise ForesafeError(f"hours_a_slice {hours_a_slice}", where="slices", allowed="1 or more")
    hours, reach = as_of_hours(spine.as_of), plan_of(pilot).reach_hours
    number = hours // hours_a_slice
    order = np.argsort(number, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(number[order])) + 1):
        if len(rows):
            first, last = int(hours[rows].min()), int(hours[rows].max())
            after = _instant(first - reach - 1)  # bin h holds (h-1, h]
            yield Slice(rows, spine.take(rows), after, _instant(last))


def build_slice(part: Slice, *, read: ReadReadings, tables: Tables, pilot: Pilot) -> Features:
    """The features of one slice. `read` and `tables` as for `build_in_slices`."""
    readings = read(part.after, part.until)
    if len(tables.readings):
        readings = pl.concat([tables.readings, readings])
    return build_features(replace(tables, readings=readings), part.spine, pilot)


def build_in_slices(
    read: ReadReadings, tables: Tables, spine: Spine, pilot: Pilot, *, hours_a_slice: int
) -> Iterator[tuple[IntArray, Features]]:
    """Each slice's rows of the spine and their features, one after another: only one is in memory at a time.

    Args:
        read: (after, until) -> every reading that was observed in (after, until]; more, or one twice, does no harm.
        tables: all incidents and assets, which are few; of the readings, those of static metrics, which count at any
            age. Columns as `read` gives them.

    Raises:
        as `build_features` and `plan_slices`.
    """
    for part in plan_slices(spine, pilot, hours_a_slice=hours_a_slice):
        yield part.rows, build_slice(part, read=read, tables=tables, pilot=pilot)


def _instant(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * HOUR_US / 1_000_000, UTC)
