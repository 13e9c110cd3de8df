"""The research institute: river levels as JSON lines, one object a reading, with the time it was received."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl

from simulation.faults import Fault, Sensors, wear_out
from simulation.partners.folder import Folder, cell_hours
from simulation.textfiles import JsonForm, Shape, json_lines, spoil
from simulation.world import World

FEED = "river"
LATE_DAYS = 5
LATE_BY_DAYS = 9


def share_institute(world: World, folder: Folder) -> list[Fault]:
    """All files of the institute."""
    frame, faults = _levels(world, folder)
    gauges = len(world.city.gauges)
    for number, (month, rows) in enumerate(world.timeline.months, start=world.timeline.months_shared):
        part = frame.slice(rows.start * gauges, (rows.stop - rows.start) * gauges)
        if number % 6 == 2 or len(world.timeline.months) == 1:
            late_rows = min(LATE_DAYS * 24 * gauges, part.height // 3)
            faults += _share_late(part.tail(late_rows), world, folder, f"river-{month}-late.jsonl")
            part = part.head(part.height - late_rows)
        faults += _share(part, folder, f"river-{month}.jsonl")
    return faults


def _levels(world: World, folder: Folder) -> tuple[pl.DataFrame, list[Fault]]:
    timeline = world.timeline
    ids = [gauge.asset_id for gauge in world.city.gauges]
    noise = folder.generator("measuring").standard_normal((timeline.hours, len(ids)))
    true = np.round(np.maximum(world.river_level_m + 0.01 * noise, 0.0)[timeline.shown], 2)
    sensors = Sensors(folder.partner, FEED, "river_level_m", tuple(ids), timeline.first_end, true)
    seen, faults = wear_out(
        sensors, months=[rows for _, rows in timeline.months], generator=folder.generator("river_level_m")
    )
    keys = cell_hours(timeline, ids, timeline.korean_text(end=True, form="T"))
    stamps = keys["time"] + ":00+09:00"
    frame = pl.DataFrame(
        {
            "gauge": keys["asset"],
            "item": pl.Series(["수위"]).new_from_index(0, len(stamps)),
            "observed": stamps,
            "received": stamps,
            "value": pl.Series(seen.ravel()).fill_nan(None),
            "unit": pl.Series(["m"]).new_from_index(0, len(stamps)),
        }
    )
    return frame.filter(pl.col("value").is_not_null()), faults


def _share(part: pl.DataFrame, folder: Folder, file: str) -> list[Fault]:
    lines, faults = spoil(
        json_lines(part),
        JsonForm(),
        Shape(time="observed", number="value", identity="gauge", impossible_date="2025-02-30T25:61:00+09:00"),
        partner=folder.partner,
        feed=FEED,
        file=file,
        generator=folder.generator(file),
    )
    folder.write(file, "\n".join([*lines, ""]).encode("utf-8"))
    return faults


def _share_late(late: pl.DataFrame, world: World, folder: Folder, file: str) -> list[Fault]:
    """The last days of the month, received more than a week late; none of it where that is still to come."""
    observed = late["observed"].str.to_datetime("%Y-%m-%dT%H:%M:%S%z", time_zone="UTC")
    received = observed + timedelta(days=LATE_BY_DAYS)
    text = received.dt.convert_time_zone("Asia/Seoul").dt.strftime("%Y-%m-%dT%H:%M:%S+09:00")
    come = received <= world.timeline.last_instant
    late = late.with_columns(received=text).filter(come)
    if late.is_empty():
        return []
    observed = observed.filter(come)
    fault = Fault(
        folder.partner,
        FEED,
        "late_file",
        f"received {LATE_BY_DAYS} days late",
        file=file,
        first_at=observed.min(),  # type: ignore[arg-type]
        last_at=observed.max(),  # type: ignore[arg-type]
    )
    return [fault, *_share(late, folder, file)]
