"""The university: monthly Parquet in UTC. Temperature in kelvin, wind as components; some months come in two parts."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO

import numpy as np
import polars as pl

from simulation.faults import Fault, Sensors, wear_out
from simulation.noise import Floats
from simulation.partners.folder import Folder
from simulation.world import World

LATE_DAYS = 3  # the last days of a late month; a month that is not over has not come to them
LATE_BY = timedelta(days=7)
FEED = "weather"


def share_university(world: World, folder: Folder) -> list[Fault]:
    """All files of the university."""
    frame, faults = _observations(world, folder)
    stations = len(world.city.stations)
    for number, (month, rows) in enumerate(world.timeline.months, start=world.timeline.months_shared):
        part = frame.slice(rows.start * stations, (rows.stop - rows.start) * stations)
        if number % 9 == 4 and world.timeline.is_month_end(rows.stop):
            late_rows = min(LATE_DAYS * 24 * stations, part.height // 3)
            part, late = part.head(part.height - late_rows), part.tail(late_rows)
            faults += _share_late(late, world, folder, f"weather-{month}-part2.parquet")
        part, found = _doubled(part, folder, f"weather-{month}.parquet", number)
        faults += found
        _write(part, folder, f"weather-{month}.parquet")
    return faults


def _observations(world: World, folder: Folder) -> tuple[pl.DataFrame, list[Fault]]:
    """A row an hour and station, stamped by the END of the hour."""
    shown, timeline = world.timeline.shown, world.timeline
    ids = tuple(station.asset_id for station in world.city.stations)
    faults: list[Fault] = []
    columns: dict[str, pl.Series] = {}
    for metric, true in measured(world, folder).items():
        sensors = Sensors(folder.partner, FEED, metric, ids, timeline.first_end, true)
        months = [rows for number, (_, rows) in enumerate(timeline.months, timeline.months_shared) if number % 6 == 1]
        seen, found = wear_out(sensors, months=months, generator=folder.generator(metric))
        faults += found
        columns[metric] = pl.Series(seen.ravel()).fill_nan(None)
    ends = timeline.start_s[shown] + 3600
    time = pl.from_epoch(pl.Series(np.repeat(ends, len(ids))), time_unit="s").dt.cast_time_unit("us")
    time = time.dt.replace_time_zone("UTC")
    frame = pl.DataFrame(
        {
            "station": np.tile(np.array(ids), ends.size),
            "time": time,
            "published": time,
            "air_temperature_k": columns["temperature_c"] + 273.15,
            "relative_humidity": columns["humidity_percent"],
            "rain_1h_mm": columns["rain_mm"],
            "wind_speed": columns["wind_speed_m_s"],
            "eastward_wind": columns["wind_eastward_m_s"],
            "northward_wind": columns["wind_northward_m_s"],
            "pressure_hpa": columns["pressure_hpa"],
        }
    ).with_columns(pl.col("air_temperature_k").round(2))
    return frame, faults


def measured(world: World, folder: Folder) -> dict[str, Floats]:
    """Metric -> hours x stations, with the instruments' own small errors."""
    shown, weather = world.timeline.shown, world.weather
    stations = len(world.city.stations)
    noise = folder.generator("measuring").standard_normal((3, world.timeline.hours, stations))[:, shown]
    speed = np.round(np.maximum(weather.wind_speed_m_s[shown] * (1 + 0.03 * noise[0]), 0.0), 1)
    to = np.radians(weather.wind_direction_deg[shown] + 180.0)
    return {
        "temperature_c": np.round(weather.temperature_c[shown] + 0.1 * noise[1], 1),
        "humidity_percent": np.round(np.clip(weather.humidity_percent[shown] + 1.0 * noise[2], 0.0, 100.0)),
        "rain_mm": weather.rain_mm[shown],
        "wind_speed_m_s": speed,
        "wind_eastward_m_s": np.round(speed * np.sin(to), 2),
        "wind_northward_m_s": np.round(speed * np.cos(to), 2),
        "pressure_hpa": np.round(weather.pressure_hpa[shown], 1),
    }


def _doubled(part: pl.DataFrame, folder: Folder, file: str, number: int) -> tuple[pl.DataFrame, list[Fault]]:
    """Two rows of each file come again at its end."""
    again = np.sort(folder.generator("doubled", number).permutation(part.height)[:2])
    faults = [
        Fault(folder.partner, FEED, "duplicate_row", f"row {row + 1} again", file=file, row=part.height + turn + 1)
        for turn, row in enumerate(again)
    ]
    return pl.concat([part, part[again.tolist()]]), faults


def _share_late(late: pl.DataFrame, world: World, folder: Folder, file: str) -> list[Fault]:
    """What came a week late, if it has come at all."""
    late = late.with_columns(published=pl.col("published") + LATE_BY)
    late = late.filter(pl.col("published") <= world.timeline.last_instant)
    if late.is_empty():
        return []
    _write(late, folder, file)
    first, last = late["time"].min(), late["time"].max()
    detail = f"published {LATE_BY.days} days late"
    return [Fault(folder.partner, FEED, "late_file", detail, file=file, first_at=first, last_at=last)]  # type: ignore[arg-type]


def _write(frame: pl.DataFrame, folder: Folder, file: str) -> None:
    buffer = BytesIO()
    frame.write_parquet(buffer, compression="zstd")
    folder.write(file, buffer.getvalue())
