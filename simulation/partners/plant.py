"""The plant operator: cp949 CSV with Korean column names, gases in ppb, and a file of its own incidents.

In one month the thermometers of one complex come in degrees Fahrenheit under a heading that still says Celsius.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from simulation.faults import Fault, Sensors, wear_out
from simulation.noise import Floats
from simulation.partners.folder import Folder, by_known_month, cell_hours, monthly
from simulation.textfiles import Shape
from simulation.world import World

ENCODING = "cp949"
COLUMNS = {
    "voc_ppb": "VOC농도(ppb)",
    "h2s_ppb": "황화수소(ppb)",
    "process_pressure_bar": "공정압력(bar)",
    "vibration_mm_s": "진동(mm/s)",
    "process_temperature_c": "공정온도(℃)",
}
HAZARD_WORDS = {"fire_explosion": "화재폭발", "chemical_release": "누출", "worker_injury": "산업재해"}


def share_plant(world: World, reports: pl.DataFrame, folder: Folder) -> list[Fault]:
    """All files of the operator."""
    return [
        *_share_process(world, folder),
        *_share_incidents(world, reports.filter(pl.col("partner") == "plant"), folder),
    ]


def _share_process(world: World, folder: Folder) -> list[Fault]:
    ids = [world.city.cells[i].asset_id for i in world.city.plant_cells]
    keys = cell_hours(world.timeline, ids, world.timeline.korean_text(end=True))
    columns: dict[str, pl.Series] = {"측정일시": keys["time"], "설비구역": keys["asset"]}
    faults: list[Fault] = []
    for metric, true in measured(world, folder).items():
        sensors = Sensors(folder.partner, "process", metric, tuple(ids), world.timeline.first_end, true)
        seen, found = wear_out(
            sensors, months=[rows for _, rows in world.timeline.months], generator=folder.generator(metric)
        )
        faults += found
        if metric == "process_temperature_c":
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
    return {
        "voc_ppb": np.round(world.voc_ppb[shown][:, plants].astype(float) * np.exp(0.05 * noise[0]), 1),
        "h2s_ppb": np.round(world.h2s_ppb[shown][:, plants].astype(float) * np.exp(0.06 * noise[1]), 2),
        "process_pressure_bar": np.round(process.pressure_bar[shown] * (1 + 0.003 * noise[2]), 2),
        "vibration_mm_s": np.round(np.maximum(process.vibration_mm_s[shown] + 0.08 * noise[3], 0.0), 2),
        "process_temperature_c": np.round(process.temperature_c[shown] + 0.4 * noise[4], 1),
    }


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
