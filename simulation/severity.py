"""How severe an incident is, 1 to 5: what it is, and what goes on at its place when its hour begins.

A hazard has usual shares of the five grades (`simulation.reports`). The conditions shift the log odds of each grade or
worse by one number (McCullagh's proportional odds, 1980), and the incident's one random number picks the grade. So
incidents themselves, and everything but their severity, are as they would be without. Sources: docs/simulation.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulation.city import City
from simulation.figures import HAZARDS
from simulation.law import Drivers, at_work, plants_standing
from simulation.noise import Floats
from simulation.timeline import Timeline

GRADES = 5
# Of the scenes of ten simulated years: with it a hazard's mean severity stays that of its usual shares.
MIDDLE = {
    "fire_explosion": 1.12,
    "chemical_release": 1.13,
    "traffic_accident": 1.23,
    "flood": 1.04,
    "worker_injury": 0.31,
}


@dataclass(frozen=True)
class Scene:
    """What goes on where and when incidents happen, all (n,): drivers at the end of the hour before, calendar of the
    hour. sectors: (n, SECTORS) share of those at work there; rural: 0 in the busiest cell, 1 without shops."""

    night: NDArray[np.bool_]
    rain_mm: Floats
    wind_m_s: Floats
    congestion: Floats
    upset: Floats
    over_pressure: Floats
    river_level_m: Floats
    plants: Floats
    rural: Floats
    sectors: Floats


def scene(row: NDArray[np.intp], cell: NDArray[np.intp], drivers: Drivers, timeline: Timeline, city: City) -> Scene:
    """The scenes of the hours that begin at these rows, in these cells."""
    before, hour = np.maximum(row - 1, 0), timeline.hour[row]
    working = at_work(timeline)[row] * city.jobs[cell]
    return Scene(
        night=(hour >= 21) | (hour < 6),
        rain_mm=drivers.rain_mm[before, cell],
        wind_m_s=drivers.wind_speed_m_s[before, cell],
        congestion=drivers.congestion[before, cell],
        upset=drivers.upset[before, cell],
        over_pressure=np.maximum(drivers.pressure_z[before, cell] - 1.0, 0.0),
        river_level_m=drivers.river_level_m[before, cell],
        plants=plants_standing(timeline, city)[row, cell],
        rural=1.0 - city.commerce[cell],
        sectors=working / np.maximum(working.sum(axis=1, keepdims=True), 1e-9),
    )


def shift(hazard: NDArray[np.intp], at: Scene) -> Floats:
    """(n,) what the scene adds to the log odds of a grade or worse. hazard: (n,) positions in HAZARDS."""
    rules: dict[str, Callable[[Scene], Floats]] = {
        "fire_explosion": _fire,
        "chemical_release": _chemical,
        "traffic_accident": _traffic,
        "flood": _flood,
        "worker_injury": _worker,
    }
    return np.choose(hazard, [rules[name](at) - MIDDLE[name] for name in HAZARDS])


def grade(
    shares: Sequence[Sequence[float]], hazard: NDArray[np.intp], shifts: Floats, draw: Floats
) -> NDArray[np.int64]:
    """(n,) severities. shares: of each hazard, usual shares of the grades; draw: (n,) uniform in [0, 1)."""
    worse = 1.0 - np.cumsum(shares, axis=1)[hazard, : GRADES - 1]  # (n, 4) usual chance of more than grade 1, 2, ...
    odds = worse / (1.0 - worse) * np.exp(shifts)[:, None]
    return np.asarray(1 + (draw[:, None] > 1.0 / (1.0 + odds)).sum(axis=1), dtype=np.int64)


def _fire(at: Scene) -> Floats:
    """Worse where plants burn, in an upset, in wind, and at night, when it is found late and people sleep."""
    return np.asarray(1.1 * np.minimum(at.plants, 6) / 6 + 0.5 * at.upset + 0.22 * at.wind_m_s + 0.6 * at.night)


def _chemical(at: Scene) -> Floats:
    """A leak by its pressure; gas is thinned by the wind, and least of all in a still night (Pasquill's classes)."""
    still = 1.0 / (1.0 + np.exp((at.wind_m_s - 1.8) / 0.4))
    leak = np.minimum(at.plants, 6) / 6 * (1.0 + 0.4 * at.over_pressure)
    return np.asarray(np.minimum(leak, 3.0) + still * (0.5 + 0.7 * at.night))


def _traffic(at: Scene) -> Floats:
    """By speed: roads without a jam, out of town, and at night; in rain people drive more slowly."""
    return np.asarray(0.9 * (1 - at.congestion) + 0.8 * at.rural + 0.5 * at.night - 0.4 * (at.rain_mm > 0.05))


def _flood(at: Scene) -> Floats:
    """By the depth of the water, which heavy rain and the river bring, and at night."""
    return np.asarray(0.8 * np.tanh(at.rain_mm / 30) + 0.5 * np.clip(at.river_level_m - 3.0, 0.0, 2.0) + 0.4 * at.night)


def _worker(at: Scene) -> Floats:
    """By the work: heights and cranes of a shipyard, more so in wind; a plant that is upset; few to help at night."""
    yard = at.sectors[:, 1] * (0.9 + 0.2 * np.maximum(at.wind_m_s - 3.0, 0.0))
    return np.asarray(yard + at.sectors[:, 0] * (0.5 + 0.6 * at.upset) + 0.5 * at.night)
