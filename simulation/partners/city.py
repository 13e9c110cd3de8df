"""The city: UTF-8 CSV in Korean time. Traffic (wide, a column a metric), crowds (wide, a column a cell), incidents
with place and receipt time, and the register of places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from simulation.city import Site
from simulation.faults import Fault, Sensors, wear_out
from simulation.noise import Floats
from simulation.partners.folder import Folder, by_known_month, cell_hours, monthly
from simulation.textfiles import Shape
from simulation.world import World

HAZARD_WORDS = {
    "traffic_accident": "교통사고",
    "fire_explosion": "화재",
    "chemical_release": "누출·악취",
    "flood": "침수",
    "worker_injury": "산업재해",
}
SECTOR_WORDS = ("석유화학", "조선", "자동차", "기타")  # of simulation.city.SECTORS, in the register of places


@dataclass(frozen=True)
class Counters:
    """What the city's street sensors report, hours x assets."""

    traffic: Floats
    speed: Floats
    crowd: Floats
    faults: list[Fault]


def share_city(world: World, reports: pl.DataFrame, folder: Folder) -> list[Fault]:
    """All files of the city."""
    counters = _counters(world, folder)
    if not world.timeline.shared_days:
        _share_places(world, folder)  # a register is kept up late: a complex that opens is not in it yet
    faults = list(counters.faults)
    faults += _share_traffic(world, counters, folder)
    faults += _share_crowd(world, counters, folder)
    faults += _share_incidents(world, reports.filter(pl.col("partner") == "city"), folder)
    return faults


def counted(world: World, folder: Folder) -> dict[str, Floats]:
    """Metric -> hours x cells (crowds: x `crowd_cells`), as sensors without a fault count."""
    shown, streets, city = world.timeline.shown, world.streets, world.city
    noise = folder.generator("counting").standard_normal((3, *streets.traffic_ratio.shape), dtype=np.float32)
    free_km_h = 58.0 - 22.0 * city.commerce
    slow = (1 - 0.62 * streets.congestion) * np.exp(-0.10 * world.jolt)
    values = {
        "traffic_count": np.round(streets.traffic_usual * streets.traffic_ratio * (1 + 0.03 * noise[0])),
        "traffic_speed_km_h": np.round(free_km_h * slow * (1 + 0.03 * noise[1]), 1),
        "crowd_count": np.round(streets.crowd_usual * streets.crowd_ratio * (1 + 0.04 * noise[2])),
    }
    seen = {metric: np.maximum(true[shown], 0.0) for metric, true in values.items()}
    return {**seen, "crowd_count": seen["crowd_count"][:, city.crowd_cells]}


def _counters(world: World, folder: Folder) -> Counters:
    city = world.city
    cells, crowded = np.arange(len(city.cells)), city.crowd_cells
    faults: list[Fault] = []
    seen: dict[str, Floats] = {}
    for (metric, true), where in zip(counted(world, folder).items(), (cells, cells, crowded), strict=True):
        sensors = Sensors(
            folder.partner,
            "crowd" if metric == "crowd_count" else "traffic",
            metric,
            tuple(city.cells[i].asset_id for i in where),
            world.timeline.first_end,
            true,
        )
        seen[metric], found = wear_out(
            sensors, months=[rows for _, rows in world.timeline.months], generator=folder.generator(metric)
        )
        faults += found
    return Counters(seen["traffic_count"], seen["traffic_speed_km_h"], seen["crowd_count"], faults)


def _whole(values: Floats) -> pl.Series:
    return pl.Series(values.ravel()).fill_nan(None).cast(pl.Int64)


def _share_traffic(world: World, counters: Counters, folder: Folder) -> list[Fault]:
    ids = [cell.asset_id for cell in world.city.cells]
    keys = cell_hours(world.timeline, ids, world.timeline.korean_text(end=False))
    frame = pl.DataFrame(
        {
            "집계시각": keys["time"],
            "구역": keys["asset"],
            "교통량(대/시)": _whole(counters.traffic),
            "평균속도(km/h)": pl.Series(counters.speed.ravel()).fill_nan(None),
        }
    )
    shape = Shape(time="집계시각", number="교통량(대/시)", identity="구역")
    faults: list[Fault] = []
    for month, part in monthly(frame, world.timeline, rows_per_hour=len(ids)):
        faults += folder.write_csv(part, shape, feed="traffic", file=f"traffic-{month}.csv", encoding="utf-8")
    return faults


def _share_crowd(world: World, counters: Counters, folder: Folder) -> list[Fault]:
    columns = [world.city.cells[i].asset_id for i in world.city.crowd_cells]
    table = {name: _whole(counters.crowd[:, i]) for i, name in enumerate(columns)}
    frame = pl.DataFrame({"시각": world.timeline.korean_text(end=False), **table})
    faults: list[Fault] = []
    shape = Shape(time="시각", number=columns[0])
    for month, part in monthly(frame, world.timeline, rows_per_hour=1):
        faults += folder.write_csv(part, shape, feed="crowd", file=f"crowd-{month}.csv", encoding="utf-8")
    return faults


def _share_incidents(world: World, reports: pl.DataFrame, folder: Folder) -> list[Fault]:
    faults: list[Fault] = []
    shape = Shape(
        time="발생일시",
        number="심각도",
        identity="접수번호",
        out_of_range="77",
        impossible_date="2025-02-30 25:61:00",
    )
    for month, part in by_known_month(reports, world.timeline):
        frame = part.select(
            pl.col("incident_id").alias("접수번호"),
            pl.col("hazard").replace_strict(HAZARD_WORDS, return_dtype=pl.String).alias("사고종류"),
            pl.col("occurred").alias("발생일시"),
            pl.col("known").alias("접수일시"),
            pl.col("lon").alias("경도"),
            pl.col("lat").alias("위도"),
            pl.col("severity").alias("심각도"),
        )
        file = f"incidents-{month}.csv"
        faults += folder.write_csv(frame, shape, feed="city-incidents", file=file, encoding="utf-8")
    return faults


def _share_places(world: World, folder: Folder) -> None:
    """The register: cells with what stands in them, stations and gauges."""
    city = world.city
    cells = [
        {
            "관리번호": cell.asset_id,
            "이름": cell.name,
            "종류": "격자",
            "구군": cell.district,
            "경도": round(cell.position[1], 5),
            "위도": round(cell.position[0], 5),
            "인구(명)": cell.population,
            **{f"종사자_{word}(명)": people for word, people in zip(SECTOR_WORDS, cell.jobs, strict=True)},
            "도로(km)": cell.road_km,
            "해발(m)": cell.elevation_m,
            "공장(개소)": cell.plant_count,
        }
        for cell in city.cells
    ]
    sites = [*(_site(site, "기상관측소") for site in city.stations), *(_site(site, "수위표") for site in city.gauges)]
    frame = pl.from_dicts([*cells, *sites], infer_schema_length=None)
    folder.write("places.csv", frame.write_csv().encode("utf-8"))


def _site(site: Site, kind: str) -> dict[str, object]:
    return {
        "관리번호": site.asset_id,
        "이름": site.name,
        "종류": kind,
        "구군": site.district,
        "경도": site.longitude,
        "위도": site.latitude,
    }
