"""Traffic and crowds: what the city's counters see, before accidents slow anything down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulation.city import City
from simulation.noise import Floats, red_noise, stream
from simulation.timeline import Timeline

FLOW_WORKDAY = np.concatenate(
    [
        [0.22, 0.14, 0.10, 0.10, 0.15, 0.38, 0.85, 1.45, 1.55, 1.20, 1.10, 1.12],
        [1.15, 1.15, 1.18, 1.25, 1.40, 1.62, 1.68, 1.30, 1.00, 0.80, 0.58, 0.38],
    ]
)
FLOW_REST = np.concatenate(
    [
        [0.30, 0.20, 0.14, 0.12, 0.13, 0.22, 0.40, 0.60, 0.80, 1.00, 1.15, 1.22],
        [1.25, 1.28, 1.30, 1.30, 1.28, 1.25, 1.15, 1.00, 0.85, 0.68, 0.50, 0.36],
    ]
)
CROWD_DAY = np.concatenate(
    [
        [0.30, 0.18, 0.10, 0.08, 0.08, 0.12, 0.25, 0.50, 0.75, 0.90, 1.05, 1.25],
        [1.45, 1.35, 1.25, 1.25, 1.35, 1.60, 1.85, 1.80, 1.55, 1.20, 0.85, 0.50],
    ]
)
# Chance a day that a cell has an event (market, festival, concert, beach day), for the busiest cells.
EVENTS_PER_DAY = 0.035


@dataclass(frozen=True)
class Streets:
    """Hours x cells, at the end of each hour."""

    traffic_usual: Floats  # vehicles an hour that the hour of week has on average
    traffic_ratio: Floats  # over that
    congestion: Floats  # 0 free .. 1 standing
    crowd_usual: Floats
    crowd_ratio: Floats


def simulate_streets(timeline: Timeline, city: City, rain_mm: Floats, seed: int) -> Streets:
    """Flows by hour of week, slower days and cells, rain (about 8 % fewer cars, slower), events and their crowds."""
    cells, hours = len(city.cells), timeline.hours
    events = _events(timeline, city, seed)
    local = red_noise(stream(seed, "traffic"), hours=hours, columns=cells, memory_hours=5.0)
    whole = red_noise(stream(seed, "traffic-city"), hours=hours, columns=1, memory_hours=30.0)
    raining = np.tanh(rain_mm / 4)
    ratio = np.exp(0.11 * local + 0.05 * whole) * (1 - 0.08 * raining) * (1 + 0.25 * np.minimum(events, 2.0))
    usual = _usual_traffic(timeline, city)
    load = usual * ratio / _capacity(city)
    congestion = np.clip(0.9 * load**2 * (1 + 0.35 * raining), 0.0, 1.0)
    gathering = red_noise(stream(seed, "crowd"), hours=hours, columns=cells, memory_hours=8.0)
    crowd_ratio = np.exp(0.18 * gathering) * (1 - 0.35 * raining) * (1 + events)
    return Streets(usual, ratio, congestion, _usual_crowd(timeline, city), crowd_ratio)


def _usual_traffic(timeline: Timeline, city: City) -> Floats:
    clock = np.where(timeline.rest, FLOW_REST[timeline.hour], FLOW_WORKDAY[timeline.hour])
    friday = 1 + 0.05 * (timeline.weekday == 4)
    works = city.jobs[:, :3].sum(axis=1) / (city.jobs[:, :3].sum(axis=1) + city.population + 1)
    quiet = np.where(timeline.rest[:, None], 1 - 0.45 * works, 1.0)
    size = 14.0 * city.road_km * (1 + 1.5 * city.commerce)
    return np.asarray((clock * friday)[:, None] * quiet * size)


def _capacity(city: City) -> Floats:
    return np.asarray(14.0 * city.road_km * (1 + 1.5 * city.commerce) * (2.6 - 0.9 * city.commerce))


def _usual_crowd(timeline: Timeline, city: City) -> Floats:
    weekend = np.where(timeline.rest, 1.25, 1.0)
    size = 40 + 2600 * city.commerce**1.5 + 0.004 * city.population
    return np.asarray((CROWD_DAY[timeline.hour] * weekend)[:, None] * size)


def _events(timeline: Timeline, city: City, seed: int) -> Floats:
    """How many times the usual crowd comes on top, from noon to late evening of event days."""
    days, cells = len(timeline.dates), len(city.cells)
    draw = stream(seed, "events").random((days, cells, 2))
    often = EVENTS_PER_DAY * city.commerce * np.where(timeline.rest[::24], 2.5, 1.0)[:, None]
    size = np.where(draw[:, :, 0] < often, 0.5 + 2.0 * draw[:, :, 1] ** 2, 0.0)
    course = np.clip(np.sin(np.pi * (np.arange(24) - 11) / 12), 0.0, 1.0)
    return np.asarray((size[:, None, :] * course[None, :, None]).reshape(days * 24, cells))
