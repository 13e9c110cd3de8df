"""Hourly weather with the climate of Ulsan (KMA station 152, 2011-2019): docs/simulation.md has the comparison."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulation.city import STATIONS
from simulation.noise import Floats, red_noise, stream
from simulation.timeline import Timeline

# Monthly figures, January first.
STORMS_PER_DAY = np.array([0.105, 0.185, 0.205, 0.27, 0.20, 0.27, 0.34, 0.35, 0.28, 0.165, 0.22, 0.135])
STORM_DEPTH_MM = np.array([8.6, 8.0, 12.3, 14.3, 12.5, 15.0, 15.5, 13.8, 17.2, 17.5, 8.2, 8.7])
STORM_HOURS = np.array([10.0, 10.0, 10.0, 10.0, 8.5, 8.0, 7.0, 7.5, 9.0, 9.0, 8.0, 9.0])
MOST_RAIN_MM_H = 120.0  # the record of station 152 is 104.2; hourly rain saturates towards this
MOST_WIND_M_S = 14.0  # hourly mean; station 152 had 13.0 in ten minutes
TYPHOONS_PER_DAY = np.array([0, 0, 0, 0, 0, 0.0015, 0.006, 0.011, 0.015, 0.008, 0, 0])
WIND_M_S = np.array([2.42, 2.35, 2.40, 2.39, 2.14, 1.95, 2.13, 2.14, 2.09, 2.12, 1.93, 2.29])
HUMIDITY = np.array([47.2, 52.8, 56.6, 61.3, 62.7, 76.4, 79.4, 79.3, 78.2, 70.0, 62.8, 51.9])
PRESSURE_HPA = np.array(
    [1023.3, 1022.1, 1018.9, 1014.4, 1011.4, 1008.0, 1007.5, 1007.9, 1013.6, 1018.7, 1021.1, 1023.3]
)
DAILY_RANGE_C = np.array([10.2, 10.8, 12.2, 12.4, 12.3, 9.8, 9.0, 9.1, 9.3, 10.4, 10.9, 10.3])
TEMPERATURE_SPREAD_C = np.array([3.7, 3.6, 3.4, 3.0, 2.7, 2.1, 2.8, 2.6, 1.9, 2.3, 3.1, 3.7])

# Stations: 152, Onsan, Bangeojin, Eonyang. Coast milder and windier, the inland valley colder at night (assumption).
STATION_WARMER_C = np.array([0.0, 0.2, 0.1, -1.0])
STATION_RANGE = np.array([1.0, 0.85, 0.75, 1.15])
STATION_WIND = np.array([1.0, 1.15, 1.35, 0.85])
STATION_RAIN = np.array([1.0, 1.0, 0.95, 1.05])
STATION_HUMIDITY = np.array([0.0, 3.0, 5.0, 1.0])


@dataclass(frozen=True)
class Weather:
    """True weather at the stations, hours x stations, at the END of each hour; rain is the hour's sum."""

    temperature_c: Floats
    humidity_percent: Floats
    rain_mm: Floats
    wind_speed_m_s: Floats
    wind_direction_deg: Floats  # where it comes from; 0 north, 90 east
    pressure_hpa: Floats


def simulate_weather(timeline: Timeline, seed: int) -> Weather:
    """Weather of every hour; the first hours do not depend on how many follow."""
    hours = timeline.hours
    noise = red_noise(stream(seed, "weather"), hours=hours, columns=6, memory_hours=40.0)
    gusts = red_noise(stream(seed, "wind"), hours=hours, columns=1, memory_hours=18.0)[:, 0]
    local = red_noise(stream(seed, "weather-local"), hours=hours, columns=len(STATIONS) * 4, memory_hours=6.0)
    local_temperature, local_wind, local_rain, local_angle = np.split(local, 4, axis=1)
    storm, gale = _storms(timeline, seed)
    cloud = np.clip(0.5 + 0.35 * noise[:, 1] + 0.6 * np.minimum(storm, 1.0), 0.0, 1.0)
    wind = _wind_speed(timeline, gusts, gale, local_wind)
    temperature = _temperature(timeline, noise[:, 0], cloud, storm) + 0.4 * local_temperature
    return Weather(
        temperature_c=temperature,
        humidity_percent=_humidity(timeline, noise[:, 3], storm),
        rain_mm=_rain_at_stations(storm, local_rain),
        wind_speed_m_s=wind,
        wind_direction_deg=_wind_direction(timeline, noise[:, 4], gale, local_angle),
        pressure_hpa=(PRESSURE_HPA[timeline.month - 1] + 4.5 * noise[:, 5] - 0.9 * gale)[:, None] + np.zeros((1, 4)),
    )


def _monthly(table: NDArray[np.float64], timeline: Timeline) -> Floats:
    """A monthly table, smooth over the year."""
    middles = (np.arange(-1, 13) + 0.5) / 12 * 2 * np.pi
    values = np.concatenate([table[-1:], table, table[:1]])
    return np.asarray(np.interp(timeline.season_angle, middles, values))


def _storms(timeline: Timeline, seed: int) -> tuple[Floats, Floats]:
    """Rain over the city, mm in the hour, and gale, m/s on top of usual wind.

    Storms come as a Poisson process of the month with a log-normal depth and a gamma duration; inside a storm the rain
    of an hour is log-normal red noise. Typhoons come from June to October.
    """
    days = len(timeline.dates)
    draws = stream(seed, "storms").random((days, 8))
    normals = stream(seed, "storm-depth").standard_normal((days, 4))
    burst = red_noise(stream(seed, "rain-burst"), hours=timeline.hours, columns=1, memory_hours=2.5)[:, 0]
    shape = np.exp(0.9 * burst - 0.9**2 / 2)
    rain, gale = np.zeros(timeline.hours), np.zeros(timeline.hours)
    for day, today in enumerate(timeline.dates):
        month = today.month - 1
        if draws[day, 0] < STORMS_PER_DAY[month]:
            length = 1 + int(-STORM_HOURS[month] * (np.log(draws[day, 2]) + np.log(draws[day, 3])) / 2)
            depth = STORM_DEPTH_MM[month] * np.exp(1.05 * normals[day, 0] - 1.05**2 / 2)
            depth *= (length + 2) / (STORM_HOURS[month] + 3)
            _add(rain, day * 24 + int(24 * draws[day, 1]), _bump(length) * depth)
        if draws[day, 4] < TYPHOONS_PER_DAY[month]:
            length = 12 + int(12 * draws[day, 5])
            begin = day * 24 + int(24 * draws[day, 6])
            depth = 75.0 * np.exp(0.65 * normals[day, 1] - 0.65**2 / 2)
            _add(rain, begin, _bump(length, power=3.0) * depth)
            _add(gale, begin - 3, _bump(length + 6) * (length + 6) / 1.5 * np.exp(1.0 + 0.35 * normals[day, 2]))
    rain = rain * shape
    rain = rain / np.sqrt(1 + (rain / MOST_RAIN_MM_H) ** 2)
    return np.where(rain < 0.05, 0.0, rain), gale


def _bump(length: int, *, power: float = 1.0) -> Floats:
    """A rise and fall over `length` hours that sums to 1."""
    middle = np.sin(np.pi * (np.arange(length) + 0.5) / length) ** power
    return np.asarray(middle / middle.sum())


def _add(series: Floats, begin: int, values: Floats) -> None:
    begin = max(begin, 0)
    room = series[begin : begin + values.size]
    room += values[: room.size]


def _rain_at_stations(storm: Floats, local: Floats) -> Floats:
    spread = np.exp(0.35 * local - 0.35**2 / 2) * STATION_RAIN
    return np.asarray(np.round(storm[:, None] * spread, 1))


def _temperature(timeline: Timeline, noise: Floats, cloud: Floats, storm: Floats) -> Floats:
    """Two harmonics of station 152, red noise that is wider in winter, a day's course that cloud dampens."""
    angle = timeline.season_angle
    season = 14.56 - 10.98 * np.cos(angle) - 4.34 * np.sin(angle) - 1.13 * np.cos(2 * angle) + 0.35 * np.sin(2 * angle)
    spread = _monthly(TEMPERATURE_SPREAD_C, timeline)
    course = np.sin(2 * np.pi * (timeline.hour - 8.5) / 24) + 0.18 * np.sin(4 * np.pi * (timeline.hour - 8.0) / 24)
    half = _monthly(DAILY_RANGE_C, timeline) / 2 * (1.27 - 0.85 * cloud)
    cooling = 1.2 * np.minimum(storm, 1.0)
    base = season + spread * 1.02 * noise - cooling + 0.15
    return np.asarray(base[:, None] + (half * course)[:, None] * STATION_RANGE + STATION_WARMER_C)


def _humidity(timeline: Timeline, noise: Floats, storm: Floats) -> Floats:
    day = np.sin(2 * np.pi * (timeline.hour - 8.5) / 24)
    dry = _monthly(HUMIDITY, timeline) - 1.5 - 13.0 * day + 12.5 * noise
    wet = np.minimum(storm, 2.0) / 2.0
    level = np.maximum(dry * (1 - wet) + 95.0 * wet, dry)
    return np.asarray(np.clip(level[:, None] + STATION_HUMIDITY, 8.0, 100.0))


def _wind_speed(timeline: Timeline, noise: Floats, gale: Floats, local: Floats) -> Floats:
    """Log-normal around the month's mean, a breeze after noon, gales of typhoons on top."""
    breeze = 1 + 0.50 * np.sin(2 * np.pi * (timeline.hour - 9.0) / 24)
    calm = _monthly(WIND_M_S, timeline) * breeze * np.exp(0.42 * noise - 0.42**2 / 2)
    speed = (calm + gale)[:, None] * STATION_WIND * np.exp(0.20 * local - 0.20**2 / 2)
    return np.asarray(np.maximum(speed / (1 + (speed / MOST_WIND_M_S) ** 4) ** 0.25, 0.1))


def _wind_direction(timeline: Timeline, noise: Floats, gale: Floats, local: Floats) -> Floats:
    """North-west in winter; from spring to autumn sea breeze (east, south) by day and land wind by night."""
    summer = 0.5 - 0.5 * np.cos(timeline.season_angle - 2 * np.pi * 20 / 365)
    day = np.sin(2 * np.pi * (timeline.hour - 9.0) / 24)
    east = -0.75 * (1 - summer) + summer * (0.25 + 0.75 * day)
    north = 0.75 * (1 - summer) - summer * (0.25 + 0.35 * day)
    angle = np.degrees(np.arctan2(east, north)) + 62.0 * noise
    angle = np.where(gale > 3.0, 60.0 + 40.0 * noise, angle)
    return np.asarray((angle[:, None] + 12.0 * local) % 360.0)
