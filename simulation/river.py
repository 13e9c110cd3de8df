"""River levels: a quick and a slow store of rain for each gauge, the upper reach passing its water down."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from simulation.city import City
from simulation.noise import Floats, red_noise, stream
from simulation.timeline import Timeline

BASE_M = np.array([0.55, 0.70, 0.95, 0.60, 0.65])
QUICK_HOURS = np.array([3.0, 4.5, 7.0, 3.5, 4.5])
M_PER_MM = np.array([0.026, 0.028, 0.030, 0.024, 0.025])  # of water standing in the quick store
LAG_HOURS = np.array([1, 2, 4, 1, 2])
TIDE_M = np.array([0.0, 0.0, 0.12, 0.05, 0.05])
SLOW_HOURS = 90.0
MOON_HOURS = 12.4206


def simulate_river(timeline: Timeline, city: City, rain_mm: Floats, seed: int) -> Floats:
    """Level in metres at each gauge, hours x gauges. `rain_mm` is the city's mean; wet soil passes on more."""
    soil = lfilter([1.0], [1.0, -np.exp(-1 / 72.0)], rain_mm)
    runoff = rain_mm * (0.35 + 0.5 * np.tanh(soil / 80.0))
    wobble = red_noise(stream(seed, "river"), hours=timeline.hours, columns=len(city.gauges), memory_hours=50.0)
    levels = np.empty((timeline.hours, len(city.gauges)))
    hours_since_1970 = timeline.start_s / 3600 + 1
    for gauge in range(len(city.gauges)):
        arrived = np.concatenate([np.zeros(LAG_HOURS[gauge]), runoff[: -LAG_HOURS[gauge]]])
        quick = lfilter([1.0], [1.0, -np.exp(-1 / QUICK_HOURS[gauge])], arrived)
        slow = lfilter([1.0], [1.0, -np.exp(-1 / SLOW_HOURS)], arrived) * 0.0025
        tide = TIDE_M[gauge] * np.cos(2 * np.pi * hours_since_1970 / MOON_HOURS)
        levels[:, gauge] = BASE_M[gauge] + M_PER_MM[gauge] * quick + slow + tide + 0.03 * wobble[:, gauge]
    return np.maximum(levels, 0.05)


def mean_rain(city: City, station_rain_mm: Floats) -> Floats:
    """The mean over the catchment: Eonyang, upstream, counts double."""
    weights = np.array([1.0, 1.0, 0.5, 2.0])
    return np.asarray(station_rain_mm @ (weights / weights.sum()))
