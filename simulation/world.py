"""The simulated world: drivers first, then hour by hour gases, intensities, incidents and what they set off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulation import law
from simulation.city import City
from simulation.dispersion import STAYS, plume
from simulation.figures import CHEMICAL, HAZARDS, TRAFFIC
from simulation.noise import Floats, red_noise, stream
from simulation.process import Process, simulate_process
from simulation.river import mean_rain, simulate_river
from simulation.streets import Streets, simulate_streets
from simulation.timeline import Timeline
from simulation.weather import Weather, simulate_weather

VOC_CITY_PPB = 14.0
H2S_CITY_PPB = 0.6
VOC_PER_PLANT_PPB = 16.0
H2S_PER_PLANT_PPB = 0.55
RELEASE_VOC_PPB = 900.0  # one release in a plant cell, in its first hour
RELEASE_H2S_PPB = 25.0
RELEASE_FADES = 0.55  # share still flowing out an hour later


@dataclass(frozen=True)
class World:
    """Everything that truly happened, hours x cells (or stations, gauges, plant cells), rows at the hour's end.

    `intensity` and `counts` are hours x HAZARDS x cells; `intensity[j]` was fixed at the start of hour `j`.
    """

    seed: int
    timeline: Timeline
    city: City
    weather: Weather
    streets: Streets
    process: Process
    river_level_m: Floats
    voc_ppb: Floats
    h2s_ppb: Floats
    intensity: Floats
    counts: NDArray[np.integer]
    jolt: Floats  # traffic accidents just past that still slow the cell

    @property
    def risk(self) -> Floats:
        """P(at least one incident in the hour), hours x HAZARDS x cells."""
        return np.asarray(-np.expm1(-self.intensity))


@dataclass(frozen=True)
class Happenings:
    """What the hourly recursion leaves behind."""

    voc_ppb: Floats
    h2s_ppb: Floats
    intensity: Floats
    counts: NDArray[np.integer]
    jolt: Floats


def simulate_world(timeline: Timeline, city: City, seed: int) -> World:
    """All hours of the timeline. A longer timeline with the same first day and seed begins with the same hours."""
    weather = simulate_weather(timeline, seed)
    near = _blend(city)
    rain, ambient = weather.rain_mm @ near, weather.temperature_c @ near
    streets = simulate_streets(timeline, city, rain, seed)
    river = simulate_river(timeline, city, mean_rain(city, weather.rain_mm), seed)
    process = simulate_process(timeline, city, ambient[:, city.plant_cells], seed)
    base = law.background(drivers(city, weather, streets, process, river), timeline, city)
    happened = _happen(timeline, city, weather, process, base, seed)
    return World(
        seed=seed,
        timeline=timeline,
        city=city,
        weather=weather,
        streets=streets,
        process=process,
        river_level_m=river,
        **vars(happened),
    )


def _blend(city: City) -> Floats:
    """Stations x cells: how much each station tells of a cell, by the inverse square of distance."""
    weight = 1.0 / (city.distance_km(city.stations) ** 2 + 1.0)
    return np.asarray((weight / weight.sum(axis=1, keepdims=True)).T)


def drivers(city: City, weather: Weather, streets: Streets, process: Process, river: Floats) -> law.Drivers:
    """What drives the law, in every cell; river: hours x gauges."""
    near = _blend(city)
    gauge = np.argmin(city.distance_km(city.gauges), axis=1)

    def on_cells(values: Floats) -> Floats:
        out = np.zeros((values.shape[0], len(city.cells)))
        out[:, city.plant_cells] = values
        return out

    return law.Drivers(
        temperature_c=weather.temperature_c @ near,
        humidity_percent=weather.humidity_percent @ near,
        rain_mm=weather.rain_mm @ near,
        wind_speed_m_s=weather.wind_speed_m_s @ near,
        traffic_ratio=streets.traffic_ratio,
        congestion=streets.congestion,
        crowd_ratio=streets.crowd_ratio,
        upset=on_cells(process.upset),
        pressure_z=on_cells(process.pressure_z),
        wear=on_cells(process.wear),
        river_level_m=river[:, gauge],
    )


def _happen(
    timeline: Timeline, city: City, weather: Weather, process: Process, base: law.Background, seed: int
) -> Happenings:
    """The recursion. Each hour: intensity from the state at its start, incidents, then the state at its end."""
    hours, cells, plants = timeline.hours, len(city.cells), city.plant_cells
    chances = stream(seed, "incidents")
    voc_leaked, h2s_leaked = _emissions(timeline, city, weather, process, seed)
    air = plume(city)
    there = law.plants_standing(timeline, city)[:, plants] > 0  # where none stands a report of odour releases nothing
    speed = weather.wind_speed_m_s.mean(axis=1)
    direction = weather.wind_direction_deg[:, 0]
    memory: Floats = np.zeros((len(HAZARDS), cells))
    outflow: Floats = np.zeros(plants.size)
    gas: Floats = np.tile(np.array([[VOC_CITY_PPB], [H2S_CITY_PPB]]), (1, cells))
    city_gas = gas.copy()
    gases = np.empty((hours, 2, cells), dtype=np.float32)
    intensities = np.empty((hours, len(HAZARDS), cells), dtype=np.float32)
    counts = np.empty((hours, len(HAZARDS), cells), dtype=np.uint8)
    jolt = np.empty((hours, cells), dtype=np.float32)
    for row in range(hours):
        after = law.followers(memory, city.neighbours)
        rate = law.intensity(row, base, voc_ppb=gas[0], h2s_ppb=gas[1], followers=after)
        struck = _poisson(rate, chances.random(rate.shape))
        memory = law.remember(memory, struck)
        outflow = outflow * RELEASE_FADES + struck[CHEMICAL][plants] * there[row]
        emitted = np.stack(
            [voc_leaked[row] + RELEASE_VOC_PPB * outflow, h2s_leaked[row] + RELEASE_H2S_PPB * outflow], axis=1
        )
        arriving = air.spread(emitted, wind_speed_m_s=speed[row], wind_direction_deg=direction[row]).T
        gas = city_gas + STAYS * (gas - city_gas) + (1 - STAYS) * arriving
        gases[row], intensities[row], counts[row], jolt[row] = gas, rate, struck, memory[TRAFFIC]
    return Happenings(gases[:, 0], gases[:, 1], intensities, counts, jolt)


def _emissions(timeline: Timeline, city: City, weather: Weather, process: Process, seed: int) -> tuple[Floats, Floats]:
    """What plants let out without any incident, ppb in their own air, hours x plant cells: more when warm or upset."""
    size = np.sqrt(law.plants_standing(timeline, city)[:, city.plant_cells])
    old, new = size.shape[1] - city.opening_cells.size, city.opening_cells.size
    noises = [
        red_noise(stream(seed, "emission", part), hours=timeline.hours, columns=2 * cells, memory_hours=9.0)
        for part, cells in enumerate((old, new))
    ]
    voc_noise, h2s_noise = (np.hstack(halves) for halves in zip(*(np.split(n, 2, axis=1) for n in noises), strict=True))
    warm = np.exp(0.02 * (weather.temperature_c[:, :1] - 15.0))
    voc = VOC_PER_PLANT_PPB * size * warm * np.exp(0.55 * voc_noise) * (1 + 1.8 * process.upset)
    h2s = H2S_PER_PLANT_PPB * size * np.exp(0.6 * h2s_noise) * (1 + 2.2 * process.upset)
    return voc, h2s


def _poisson(rate: Floats, chance: Floats) -> Floats:
    """Poisson counts by inversion of one uniform each, so that a count hangs on its own number alone; at most 20."""
    term = np.exp(-rate)
    below = term.copy()
    count = np.zeros_like(rate)
    for k in range(1, 21):
        more = chance > below
        if not more.any():
            break
        count += more
        term = term * rate / k
        below = below + term
    return count
