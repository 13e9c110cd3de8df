"""The law: how likely each hazard is in each cell in each coming hour. Fixed first, and never tuned to a model.

The intensity of row `j`, the hour `(t, t + 1 h]`, uses only the state at its start (drivers of rows up to `j - 1`,
incidents up to `t`) and the calendar of the hour itself: it is predictable, so `1 - exp(-intensity)` is the risk that
a perfect forecaster would state at `t`. Formulae, sources and assumptions: docs/simulation.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulation.city import City
from simulation.figures import (
    FIRE_COMMON_PER_HOUR,
    FIRE_HOUR,
    FIRE_PLANT_PER_HOUR,
    FIRE_SHARE,
    FLOOD_PER_HOUR,
    LEAK_PER_HOUR,
    MEMORY_HOURS,
    ODOUR_HOUR,
    ODOUR_PER_HOUR,
    OFFSPRING_NEAR,
    OFFSPRING_OWN,
    SECTOR_DANGER,
    SECTOR_OUTDOORS,
    TRAFFIC_PER_HOUR,
    TRAFFIC_REST,
    TRAFFIC_SHARE,
    TRAFFIC_WEEKDAY,
    TRAFFIC_WORKDAY,
    WORKER_PER_HOUR,
)
from simulation.timeline import Timeline

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Drivers:
    """What happens in the city apart from incidents and gases. Row `j` holds at the END of hour `j`.

    All arrays are hours x cells. `upset` is the strength of a process upset (0 none, about 1 a clear one), `pressure_z`
    the deviation from the set point in usual deviations, `wear` the excess of vibration over a healthy machine, mm/s;
    the three are zero in cells without plants. `river_level_m` is that of the cell's nearest gauge.
    """

    temperature_c: Floats
    humidity_percent: Floats
    rain_mm: Floats
    wind_speed_m_s: Floats
    traffic_ratio: Floats  # traffic over what is usual at that hour of week
    congestion: Floats  # 0 free flow .. 1 standing
    crowd_ratio: Floats  # people over what is usual
    upset: Floats
    pressure_z: Floats
    wear: Floats
    river_level_m: Floats


@dataclass(frozen=True)
class Background:
    """Everything of the law that neither gases nor earlier incidents change: hours x cells, row `j` at its start."""

    fire_common: Floats
    fire_plant: Floats
    leak: Floats
    odour: Floats
    traffic: Floats
    flood: Floats
    worker: Floats
    hot_and_calm: Floats


def background(drivers: Drivers, timeline: Timeline, city: City) -> Background:
    """The background of every hour. Only `_before` reads drivers, and it reads the past."""
    return Background(
        fire_common=FIRE_COMMON_PER_HOUR * _fire_common(drivers, timeline, city),
        fire_plant=FIRE_PLANT_PER_HOUR * _fire_plant(drivers, timeline, city),
        leak=LEAK_PER_HOUR * _leak(drivers, timeline, city),
        odour=ODOUR_PER_HOUR * _odour(drivers, timeline, city),
        traffic=TRAFFIC_PER_HOUR * _traffic(drivers, timeline, city),
        flood=FLOOD_PER_HOUR * _flood(drivers, city),
        worker=WORKER_PER_HOUR * _worker(drivers, timeline, city),
        hot_and_calm=_hot_and_calm(drivers),
    )


def intensity(row: int, base: Background, *, voc_ppb: Floats, h2s_ppb: Floats, followers: Floats) -> Floats:
    """Incidents an hour, HAZARDS x cells, in the hour `row`, from the gases and after-incidents at its start."""
    vapour = voc_ppb / (voc_ppb + 400.0)
    ignition = 1.0 + 8.0 * vapour * base.hot_and_calm[row]
    smell = (0.5 * voc_ppb / 300.0 + h2s_ppb / 12.0) ** 2
    perceived = smell / (1.0 + smell)
    toxic = 1.0 + 0.8 * h2s_ppb / (h2s_ppb + 40.0)
    spontaneous = np.stack(
        [
            base.fire_common[row] + base.fire_plant[row] * ignition,
            base.leak[row] + base.odour[row] * perceived,
            base.traffic[row],
            base.flood[row],
            base.worker[row] * toxic,
        ]
    )
    return np.asarray(spontaneous + followers)


def remember(memory: Floats, counts: Floats) -> Floats:
    """The memory of incidents, HAZARDS x cells, one hour on."""
    return np.asarray(memory * np.exp(-1.0 / MEMORY_HOURS)[:, None] + counts)


def followers(memory: Floats, neighbours: Floats) -> Floats:
    """After-incidents an hour, HAZARDS x cells, that this memory brings."""
    fading = (1.0 - np.exp(-1.0 / MEMORY_HOURS))[:, None]
    degree = np.maximum(neighbours.sum(axis=0), 1.0)
    fresh = memory * fading
    return np.asarray(OFFSPRING_OWN @ fresh + OFFSPRING_NEAR @ ((fresh / degree) @ neighbours))


def plants_standing(timeline: Timeline, city: City) -> Floats:
    """Plants in each hour, hours x cells."""
    if city.opening is None:
        return np.broadcast_to(city.plants, (timeline.hours, len(city.cells)))
    standing = np.tile(city.plants, (timeline.hours, 1))
    standing[timeline.row_of_day(city.opening.day) :, city.opening_cells] = city.opening.plants
    return standing


def at_work(timeline: Timeline) -> Floats:
    """Share of each sector's people at work, hours x SECTORS: shifts, overtime, rest days and summer stops."""
    hour, rest, saturday = timeline.hour, timeline.rest, (timeline.weekday == 5) & ~timeline.holiday
    office = (hour >= 8) & (hour < 17) & (hour != 12)
    petro = 0.15 + 0.40 * (office & ~rest)
    ship = 0.85 * (office & ~rest) + 0.30 * ((hour >= 17) & (hour < 20) & ~rest) + 0.35 * (office & saturday) + 0.02
    early, late = (hour >= 7) & (hour < 15), (hour >= 15)
    auto = 0.42 * ((early | late) & ~rest) + 0.10 * (early & saturday) + 0.02
    day, evening = (hour >= 9) & (hour < 18), (hour >= 18) & (hour < 23)
    other = np.where(rest, 0.35, 0.75) * day + 0.20 * evening + 0.03
    running = np.where(timeline.shutdown, 0.15, 1.0)
    return np.column_stack([petro, ship * running, auto * running, other])


def _before(values: Floats, *, hours: int = 1) -> Floats:
    """The values `hours` before the end of each row, so that 1 is the state at its start."""
    return np.asarray(np.concatenate([np.repeat(values[:1], hours, axis=0), values[:-hours]]))


def _sum_before(values: Floats, *, hours: int) -> Floats:
    """The sum over the `hours` before the start of each row."""
    total = np.cumsum(values, axis=0, dtype=np.float64)
    total = np.concatenate([np.zeros_like(total[:1]), total])
    stop = np.arange(values.shape[0])
    return np.asarray(total[stop] - total[np.maximum(stop - hours, 0)])


def _softplus(x: Floats) -> Floats:
    return np.asarray(np.logaddexp(0.0, x))


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))


def _share(city: City, shares: dict[str, int], weight: Floats) -> Floats:
    """District totals spread over their cells by weight; sums to 1."""
    out = np.zeros(len(city.cells))
    for name, share in shares.items():
        inside = city.district(name)
        out[inside] = share * weight[inside] / weight[inside].sum()
    return np.asarray(out / out.sum())


def _hot_and_calm(drivers: Drivers) -> Floats:
    hot = _sigmoid((_before(drivers.temperature_c) - 26.0) / 1.5)
    calm = _sigmoid((1.8 - _before(drivers.wind_speed_m_s)) / 0.35)
    return np.asarray(hot * calm)


def _effective_humidity(drivers: Drivers) -> Floats:
    """KMA's effective humidity: (1 - r)(H0 + r H1 + .. + r^4 H4), r = 0.7, of daily means; weights scaled to sum 1."""
    r = 0.7
    weights = np.array([(1 - r) * r**day for day in range(5)])
    daily = _sum_before(drivers.humidity_percent, hours=24) / 24
    lagged = [daily if day == 0 else _before(daily, hours=24 * day) for day in range(5)]
    return np.asarray(sum(w * h for w, h in zip(weights / weights.sum(), lagged, strict=True)))


def _fire_common(drivers: Drivers, timeline: Timeline, city: City) -> Floats:
    """Homes, shops, fields and forests: dry air, wind and heating."""
    where = _share(city, FIRE_SHARE, city.population / 400 + city.jobs.sum(axis=1) / 300 + city.road_km)
    dry = np.clip((62.0 - _effective_humidity(drivers)) / 15.0, -1.2, 2.2)
    gust = _softplus((_before(drivers.wind_speed_m_s) - 4.0) / 1.0)
    heating = _softplus((6.0 - _before(drivers.temperature_c)) / 4.0)
    wet = np.minimum(_sum_before(drivers.rain_mm, hours=6), 10.0)
    crowd = np.clip(_before(drivers.crowd_ratio) - 1.0, 0.0, 3.0)
    weather = np.exp(0.40 * dry + 0.10 * heating - 0.06 * wet) * (1 + 0.20 * gust * _sigmoid(2 * dry - 1))
    return np.asarray(weather * (1 + 0.15 * crowd) * FIRE_HOUR[timeline.hour][:, None] * where)


def _fire_plant(drivers: Drivers, timeline: Timeline, city: City) -> Floats:
    """Fires and explosions in plants: an upset of some hours ago, wear, hot work by day."""
    lagged = np.maximum(_before(drivers.upset, hours=2), _before(drivers.upset, hours=4))
    over = _softplus((_before(drivers.pressure_z, hours=2) - 2.0) / 0.5)
    hot_work = 1.0 + 0.4 * ((timeline.hour >= 9) & (timeline.hour < 17) & ~timeline.rest)[:, None]
    strain = np.exp(np.minimum(1.0 * lagged + 0.25 * over + 0.25 * _before(drivers.wear, hours=12), 4.0))
    return np.asarray(strain * hot_work * plants_standing(timeline, city) / city.plants.sum())


def _leak(drivers: Drivers, timeline: Timeline, city: City) -> Floats:
    """Leaks inside plants: over-pressure three hours ago on worn machines, and sharp temperature swings."""
    over = _softplus((_before(drivers.pressure_z, hours=3) - 1.5) / 0.5)
    swing = np.abs(_before(drivers.temperature_c) - _before(drivers.temperature_c, hours=12))
    strain = 0.35 * over * (1 + 0.5 * _before(drivers.wear)) + 0.9 * _before(drivers.upset, hours=3)
    return np.asarray(
        np.exp(np.minimum(strain, 4.0)) * (1 + 0.03 * swing) * plants_standing(timeline, city) / city.plants.sum()
    )


def _odour(drivers: Drivers, timeline: Timeline, city: City) -> Floats:
    """Who would notice: people at home and at work, more with open windows; the gas itself comes in `intensity`."""
    people = np.sqrt(city.population + 0.5 * city.jobs.sum(axis=1))
    windows = 0.5 + _sigmoid((_before(drivers.temperature_c) - 17.0) / 3.0)
    return np.asarray(windows * ODOUR_HOUR[timeline.hour][:, None] * people / people.sum())


def _traffic(drivers: Drivers, timeline: Timeline, city: City) -> Floats:
    """Road accidents: exposure, rain with traffic, the first rain after dry days, ice, dusk, crowds."""
    where = _share(city, TRAFFIC_SHARE, city.road_km * (0.5 + city.commerce))
    clock = np.where(timeline.rest, TRAFFIC_REST[timeline.hour], TRAFFIC_WORKDAY[timeline.hour])
    week = TRAFFIC_WEEKDAY[timeline.weekday] * (1 + 0.04 * np.cos(timeline.season_angle - 2 * np.pi * 0.8))
    flow = np.clip(_before(drivers.traffic_ratio), 0.2, 3.0)
    jam = _before(drivers.congestion)
    rain = _before(drivers.rain_mm)
    raining = rain > 0.05
    first_rain = raining & (_sum_before(drivers.rain_mm, hours=73) - _sum_before(drivers.rain_mm, hours=3) < 0.5)
    dark = ((timeline.hour >= 19) | (timeline.hour < 6))[:, None]
    wet = 1 + 0.45 * raining + (0.5 + 0.9 * jam) * np.tanh(rain / 8) + 0.5 * first_rain
    wet = wet * (1 + 0.25 * (raining & dark))
    icy = _sigmoid((0.0 - _before(drivers.temperature_c)) / 0.7) * np.tanh(_sum_before(drivers.rain_mm, hours=8) / 2)
    crowd = np.clip(_before(drivers.crowd_ratio) - 1.0, 0.0, 3.0)
    conditions = wet * (1 + 2.0 * icy) * (1 + 0.5 * jam**2) * (1 + 0.2 * crowd)
    return np.asarray(flow**0.8 * conditions * (clock * week)[:, None] * where)


def _flood(drivers: Drivers, city: City) -> Floats:
    """Flooding: short heavy rain on low built land, long rain on full soil, and the river near its warning level."""
    low = 1.0 / (1.0 + np.maximum(city.elevation_m - 5.0, 0.0) / 15.0)
    built = np.sqrt(city.road_km * (1 + city.population / 20000))
    burst = _softplus((_sum_before(drivers.rain_mm, hours=3) - 45.0) / 5.0)
    soaked = _softplus((_sum_before(drivers.rain_mm, hours=24) - 110.0) / 12.0)
    river = _softplus((_before(drivers.river_level_m) - 3.6) / 0.25)
    now = _before(drivers.rain_mm)
    surface = low * (burst * (1 + 0.5 * soaked) + 0.3 * soaked * np.tanh(now / 5))
    return np.asarray(built * (surface + 1.5 * city.riverside * river * (1 + np.tanh(now / 10))))


def _worker(drivers: Drivers, timeline: Timeline, city: City) -> Floats:
    """Injuries at work: people at work by sector, tired hours, a green crew, heat over two days, wind on the yards."""
    present = at_work(timeline) * SECTOR_DANGER * _strain_of_shift(timeline)
    hot = _softplus((_before(drivers.temperature_c) - 27.0) / 1.5)
    long_hot = _softplus((_sum_before(drivers.temperature_c, hours=48) / 48 - 25.0) / 1.5)
    wind = _softplus((_before(drivers.wind_speed_m_s) - 5.5) / 0.8)
    slippery = np.tanh(_sum_before(drivers.rain_mm, hours=3) / 4)
    outdoors = 0.10 * hot + 0.06 * long_hot + 0.15 * wind + 0.25 * slippery
    upset = 1 + 0.5 * _before(drivers.upset)
    indoors = present @ (city.jobs * (1 - SECTOR_OUTDOORS)).T
    outside = present @ (city.jobs * SECTOR_OUTDOORS).T
    return np.asarray((indoors + outside * (1 + outdoors)) * upset / city.jobs.sum())


def _strain_of_shift(timeline: Timeline) -> Floats:
    """How much more an hour hurts than a rested one, hours x SECTORS."""
    hour = timeline.hour
    into_shift = (hour - 7) % 8
    shift = ((hour - 7) % 24) // 8  # 0 day, 1 evening, 2 night
    day = timeline.ordinal - (hour < 7)
    crew = (day // 4 + shift) % 4  # four crews, four days a shift; the fourth is resting
    petro = (1 + 0.4 * (into_shift >= 6) + 0.35 * (shift == 2)) * np.where(crew == 2, 1.8, 1.0)
    peaks = 1 + 0.35 * ((hour == 10) | (hour == 11) | (hour == 15) | (hour == 16)) + 0.6 * (hour >= 17)
    auto = 1 + 0.3 * ((hour >= 13) & (hour < 15)) + 0.4 * (hour >= 22)
    monday = 1 + 0.12 * (timeline.weekday == 0)
    back = monday * np.where(timeline.restart, 1.4, 1.0)
    return np.column_stack([petro, peaks * back, auto * back, peaks * back])
