"""The plant operator: cp949 CSV with Korean column names, gases in ppb, and a file of its own incidents.

In one month the thermometers of one complex come in degrees Fahrenheit under a heading that still says Celsius.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from simulation.changes import Recalibration
from simulation.faults import Fault, Sensors, wear_out
from simulation.law import plants_standing
from simulation.noise import Floats
from simulation.partners.folder import Folder, by_known_month, cell_hours, monthly
from simulation.textfiles import Shape
from simulation.timeline import Timeline
from simulation.world import World

ENCODING = "cp949"
COLUMNS = {
    "voc_ppb": "VOC농도(ppb)",
    "h2s_ppb": "황화수소(ppb)",
    "process_pressure_bar": "공정압력(bar)",
    "vibration_mm_s": "진동(mm/s)",
    "process_temperature_c": "공정온도(℃)",
}
DECIMALS = {  # with which values are sent
    "voc_ppb": 1,
    "h2s_ppb": 2,
    "process_pressure_bar": 2,
    "vibration_mm_s": 2,
    "process_temperature_c": 1,
}
HAZARD_WORDS = {"fire_explosion": "화재폭발", "chemical_release": "누출", "worker_injury": "산업재해"}


def share_plant(
    world: World, reports: pl.DataFrame, folder: Folder, *, recalibration: Recalibration | None = None
) -> list[Fault]:
    """All files of the operator."""
    return [
        *_share_process(world, folder, recalibration),
        *_share_incidents(world, reports.filter(pl.col("partner") == "plant"), folder),
    ]


def _share_process(world: World, folder: Folder, recalibration: Recalibration | None) -> list[Fault]:
    ids = [world.city.cells[i].asset_id for i in world.city.plant_cells]
    keys = cell_hours(world.timeline, ids, world.timeline.korean_text(end=True))
    columns: dict[str, pl.Series] = {"측정일시": keys["time"], "설비구역": keys["asset"]}
    faults: list[Fault] = []
    for metric, true in measured(world, folder).items():
        read = _as_read(metric, true, world.timeline, recalibration)
        sensors = Sensors(folder.partner, "process", metric, tuple(ids), world.timeline.first_end, read)
        seen, found = wear_out(
            sensors, months=[rows for _, rows in world.timeline.months], generator=folder.generator(metric)
        )
        faults += found
        if recalibration and metric in recalibration.metrics:
            faults.append(_recalibrated(sensors, recalibration, world.timeline))
        if metric == "process_temperature_c" and not world.timeline.shared_days:
            seen, mixed = _mix_units(seen, sensors, world, folder)
            faults.append(mixed)
        columns[COLUMNS[metric]] = pl.Series(seen.ravel()).fill_nan(None).cast(pl.String).fill_null("-")
    frame = pl.DataFrame(columns)
    shape = Shape(time="측정일시", number=COLUMNS["voc_ppb"], identity="설비구역")
    for month, part in monthly(frame, world.timeline, rows_per_hour=len(ids)):
        faults += folder.write_csv(part, shape, feed="process", file=f"process-{month}.csv", encoding=ENCODING)
    return faults


def measured(world: World, folder: Folder) -> dict[str, Floats]:
    """True values with the sensors' own small errors, rounded as they are sent."""
    shown, plants, process = world.timeline.shown, world.city.plant_cells, world.process
    noise = folder.generator("measuring").standard_normal((5, world.timeline.hours, plants.size), dtype=np.float32)
    noise = noise[:, shown]
    there = plants_standing(world.timeline, world.city)[shown][:, plants] > 0
    true = {
        "voc_ppb": world.voc_ppb[shown][:, plants].astype(float) * np.exp(0.05 * noise[0]),
        "h2s_ppb": world.h2s_ppb[shown][:, plants].astype(float) * np.exp(0.06 * noise[1]),
        "process_pressure_bar": process.pressure_bar[shown] * (1 + 0.003 * noise[2]),
        "vibration_mm_s": np.maximum(process.vibration_mm_s[shown] + 0.08 * noise[3], 0.0),
        "process_temperature_c": process.temperature_c[shown] + 0.4 * noise[4],
    }
    return {metric: np.where(there, np.round(values, DECIMALS[metric]), np.nan) for metric, values in true.items()}


def _as_read(metric: str, true: Floats, timeline: Timeline, recalibration: Recalibration | None) -> Floats:
    """What the gauges show: since their recalibration, so many times as much."""
    if recalibration is None or metric not in recalibration.metrics:
        return true
    since = timeline.row_of_day(recalibration.day) - timeline.shown.start
    return np.concatenate([true[:since], np.round(true[since:] * recalibration.factor, DECIMALS[metric])])


def _recalibrated(sensors: Sensors, recalibration: Recalibration, timeline: Timeline) -> Fault:
    since = timeline.row_of_day(recalibration.day) - timeline.shown.start
    told = sensors.fault("recalibrated", f"times {recalibration.factor:g}", 0, slice(since, len(sensors.values)))
    return replace(told, asset_id=None)


def _mix_units(seen: Floats, sensors: Sensors, world: World, folder: Folder) -> tuple[Floats, Fault]:
    """One month of one complex in degF: the hottest, so that the mix-up shows, in the middle of the record."""
    months = world.timeline.months
    _, rows = months[len(months) // 2]
    asset = int(np.nanargmax(np.nanmean(seen, axis=0)))
    out = seen.copy()
    out[rows, asset] = np.round(out[rows, asset] * 1.8 + 32.0, 1)
    return out, sensors.fault("unit_mixup", "degF under a degC heading", asset, rows)


def _share_incidents(world: World, reports: pl.DataFrame, folder: Folder) -> list[Fault]:
    faults: list[Fault] = []
    shape = Shape(
        time="발생일시",
        number="등급",
        identity="사고번호",
        out_of_range="77",
        impossible_date="2025-02-30 25:61:00",
    )
    for month, part in by_known_month(reports, world.timeline):
        frame = part.select(
            pl.col("incident_id").alias("사고번호"),
            pl.col("asset_id").alias("설비구역"),
            pl.col("hazard").replace_strict(HAZARD_WORDS, return_dtype=pl.String).alias("사고유형"),
            pl.col("occurred").alias("발생일시"),
            pl.col("known").alias("보고일시"),
            pl.col("severity").alias("등급"),
        )
        file = f"incidents-{month}.csv"
        faults += folder.write_csv(frame, shape, feed="plant-incidents", file=file, encoding=ENCODING)
    return faults
