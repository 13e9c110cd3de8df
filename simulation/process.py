"""The process inside the plants: upsets, pressure, temperature, and machines that wear until they are serviced."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from scipy.signal import lfilter

from simulation.city import City
from simulation.noise import Floats, red_noise, stream
from simulation.timeline import Timeline

UPSETS_PER_DAY = 0.055  # of a complex (cell): rare on a new machine, three times as often on a worn one
WEAR_MM_S_PER_DAY = 0.028
SERVICE_DAYS = 75.0


@dataclass(frozen=True)
class Process:
    """Hours x plant cells, at the end of each hour."""

    upset: Floats
    pressure_z: Floats
    wear: Floats
    pressure_bar: Floats
    vibration_mm_s: Floats
    temperature_c: Floats


def simulate_process(timeline: Timeline, city: City, ambient_c: Floats, seed: int) -> Process:
    """One train of machines a plant cell. `ambient_c`: hours x plant cells."""
    old = city.plant_cells.size - city.opening_cells.size
    process = _trains(timeline, ambient_c[:, :old], seed, part=0)
    if city.opening is None:
        return process
    new = _trains(timeline, ambient_c[:, old:], seed, part=1)  # its numbers shift nobody else's
    begin = timeline.row_of_day(city.opening.day)
    for still in (new.upset, new.pressure_z, new.wear):
        still[:begin] = 0.0
    for silent in (new.pressure_bar, new.vibration_mm_s, new.temperature_c):
        silent[:begin] = np.nan
    return Process(*(np.hstack([getattr(p, field.name) for p in (process, new)]) for field in fields(Process)))


def _trains(timeline: Timeline, ambient_c: Floats, seed: int, *, part: int) -> Process:
    plants = ambient_c.shape[1]
    wear = _wear(timeline, plants, seed, part)
    upset = _upsets(timeline, wear, seed, part)
    noise = red_noise(stream(seed, "process", part), hours=timeline.hours, columns=3 * plants, memory_hours=4.0)
    press, heat, shake = np.split(noise, 3, axis=1)
    delayed = np.concatenate([np.zeros((1, plants)), upset[:-1]])
    pressure_z = 0.8 * press + 2.6 * upset
    set_points = stream(seed, "set-points", part).random((3, plants))
    set_bar = 6.0 + 18.0 * set_points[0]
    set_c = 120.0 + 90.0 * set_points[1]
    return Process(
        upset=upset,
        pressure_z=pressure_z,
        wear=wear,
        pressure_bar=set_bar * (1 + 0.02 * pressure_z),
        vibration_mm_s=np.maximum(1.6 + 0.8 * set_points[2] + wear + 0.25 * shake + 0.5 * upset, 0.2),
        temperature_c=set_c + 0.25 * (ambient_c - 15.0) + 2.5 * heat + 9.0 * delayed,
    )


def _wear(timeline: Timeline, plants: int, seed: int, part: int) -> Floats:
    """Excess vibration that grows by uneven daily steps and falls to nothing at a service, about every SERVICE_DAYS."""
    days = len(timeline.dates)
    generator = stream(seed, "wear", part)
    level = generator.random(plants) * WEAR_MM_S_PER_DAY * SERVICE_DAYS
    draws = generator.random((days, plants, 2))
    daily = np.empty((days, plants))
    for day in range(days):
        serviced = draws[day, :, 0] < (1 / SERVICE_DAYS) * (0.3 + level / (WEAR_MM_S_PER_DAY * SERVICE_DAYS))
        level = np.where(serviced, 0.0, level - WEAR_MM_S_PER_DAY * np.log(draws[day, :, 1]))
        daily[day] = level
    return np.repeat(daily, 24, axis=0)


def _upsets(timeline: Timeline, wear: Floats, seed: int, part: int) -> Floats:
    """Upsets start at random, more often on worn machines; each rises for some hours and fades over half a day."""
    hours, plants = wear.shape
    draws = stream(seed, "upsets", part).random((hours, plants, 2))
    chance = UPSETS_PER_DAY / 24 * (0.5 + 0.6 * np.minimum(wear, 4.0))
    kicks = np.where(draws[:, :, 0] < chance, 0.4 - 0.9 * np.log(draws[:, :, 1]), 0.0)
    rise, fade = np.exp(-1 / 2.0), np.exp(-1 / 8.0)
    shaped = lfilter([1.0], [1.0, -(rise + fade), rise * fade], kicks, axis=0)
    peak = np.max(lfilter([1.0], [1.0, -(rise + fade), rise * fade], np.eye(1, 48)[0]))
    return np.asarray(np.minimum(shaped / peak, 4.0))
