"""Eight changes planted in the watched year: what they do, when they can be seen, and how they must be named.

Three are of the world (a complex opens, people move, a hazard's law), made by simulating the rest of the time with
another city or law and the same seed; five are of what is shared. Faults end by themselves, as partners mend them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
import polars as pl

from benchmarks.monitoring_year.city import OPENING, Lived, hazard_index, live, small_city, small_pilot, then
from contracts.results import BoolArray, FloatArray, IntArray
from simulation.city import Cell, City
from simulation.noise import stream as numbers
from simulation.timeline import Timeline
from simulation.world import World, simulate_world

GAP_DAYS = 43  # between two changes: more than the history that a sensor is held against
FIRST_DAY = 20
GAIN = 1.08  # of the pressure gauges after their recalibration
KM_H = 3.6
FAULT_HOURS = 10 * 24
OUTAGE_HOURS = 6 * 24
SLOWER, LONGEST_HOURS = 6.0, 160.0
DARK, BRIGHT = 2.5, 0.7  # traffic accidents at night and by day, as shares of what the law said
PLANTS = 9
MOVED_SHARE = 0.6  # of the people, and of the streets' life, of the homes that are left
COUNTED = 0.2  # commerce, from which on the city counts people
LEFT, SETTLED = ("성남·학성", "반구·병영"), ("명촌·진장", "화봉·송정")
REGISTER_LATE_HOURS = 21 * 24
REPORTS = 12  # fewer say nothing of their delay
SURE = 4.0  # standard errors, as `monitor.loss_z`
SMALLEST = 1e-9


@dataclass(frozen=True)
class Change:
    """Planted at `at`; seen first at `visible`, by `sees`. kinds: findings that name it; empty: a decision must.

    partner, metric: of the finding; empty: any. ends: of a fault; None: it stays. hazards: whose law or rows changed.
    """

    name: str
    at: datetime
    visible: datetime
    sees: str
    kinds: tuple[str, ...]
    partner: str = ""
    metric: str = ""
    ends: datetime | None = None
    hazards: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """When each change begins: rows of the shown hours."""

    timeline: Timeline
    rows: tuple[int, ...]

    @classmethod
    def of(cls, timeline: Timeline, *, first_day: int, seed: int) -> Plan:
        """first_day: of the watched year, counted from the first shown one. The hours are drawn."""
        jitter = numbers(seed, "changes").integers(0, 72, 8)
        return cls(timeline, tuple((first_day + FIRST_DAY + n * GAP_DAYS) * 24 + int(j) for n, j in enumerate(jitter)))

    def instant(self, row: int) -> datetime:
        """The end of the first changed hour."""
        return self.timeline.first_end + timedelta(hours=row)


def changed_year(timeline: Timeline, seed: int, plan: Plan) -> tuple[Lived, World, tuple[Change, ...]]:
    """A city in which all eight happen, one after another."""
    gauges, outage, law, stuck, opens, unit, late, moves = plan.rows
    city = small_city()
    grown = with_cells(city, lambda cell: replace(cell, plant_count=PLANTS) if is_named(cell, OPENING) else cell)
    leaving = int(MOVED_SHARE * sum(cell.population for cell in city.cells if is_named(cell, *LEFT)))
    resettled = with_cells(grown, partial(resettle, leaving=leaving))
    lawless = [simulate_world(timeline, each, seed) for each in (city, grown, resettled)]
    worlds = [_lawful(world, law) for world in lawless]
    lived = [live(world) for world in worlds]
    both = then(lived[0], lived[1], timeline, opens, registered_hours=0)
    both = then(both, lived[2], timeline, moves, registered_hours=REGISTER_LATE_HOURS)
    both = _shared_otherwise(both, timeline, gauges=gauges, outage=outage, stuck=stuck, opens=opens, unit=unit)
    both = replace(both, incidents=_later(both.incidents, timeline, late))
    sure = _sure_of_law(lawless[0], lived[0], plan)
    return both, worlds[-1], _described(both, plan, law_visible=sure)


def _described(lived: Lived, plan: Plan, *, law_visible: datetime) -> tuple[Change, ...]:
    gauges, outage, law, stuck, opens, unit, late, moves = (plan.instant(row) for row in plan.rows)
    fault = timedelta(hours=FAULT_HOURS)
    minutes = timedelta(minutes=lived.streams["traffic_speed_km_h"].delay_minutes)
    first = "the first changed reading is known"
    chemical, traffic = "chemical_release", "traffic_accident"
    told, seen = _known_reports(lived, late), "ripe labels tell both laws apart by 4 standard errors"
    speed, wind, pressure = "traffic_speed_km_h", "wind_speed_m_s", "process_pressure_bar"
    return (
        Change("sensor recalibration", gauges, gauges, first, ("recalibrated",), "plant", pressure, None, (chemical,)),
        Change("partner outage", outage, outage, "the first reading is due", ("outage",), "plant",
               ends=outage + timedelta(hours=OUTAGE_HOURS)),
        Change("hazard's law", law, law_visible, seen, (), hazards=(traffic,)),
        Change("stuck sensor", stuck, stuck + timedelta(hours=1) + minutes, "the first repeated reading is known",
               ("stuck",), "city", speed, ends=stuck + fault),
        Change("new plant", opens, opens, "its first reading is known", ("new_asset",), hazards=(chemical,)),
        Change("unit swap", unit, unit, first, ("unit_change",), "university", wind, ends=unit + fault),
        Change("reporting delay", late, told, f"{REPORTS} accidents since then are known", ("delay_changed",), "city",
               traffic, hazards=(traffic,)),
        Change("population moved", moves, moves + minutes, first, ("population_moved",), "city", hazards=(chemical,)),
    )  # fmt: skip


def _sure_of_law(before: World, after: Lived, plan: Plan) -> datetime:
    """When the ripe labels suffice for somebody who knows both laws and when one took the other's place."""
    traffic, row = hazard_index("traffic_accident"), plan.rows[2]
    old = before.risk[before.timeline.shown][row:, traffic]
    hours = evidence_hours(after.occurred[row:, traffic], old, after.risk[row:, traffic], standard_errors=SURE)
    rule = small_pilot().hazards["traffic_accident"]
    if hours is None:
        raise ValueError("the planted law never shows: plant a larger change")
    return plan.instant(row) + timedelta(hours=hours + rule.reporting_delay_hours)


def _known_reports(lived: Lived, since: datetime) -> datetime:
    later = (pl.col("hazard") == "traffic_accident") & (pl.col("occurred_s") >= int(since.timestamp()))
    known = lived.incidents.filter(later)["known_s"].sort()
    return datetime.fromtimestamp(int(known[REPORTS - 1]), UTC)


def with_cells(city: City, change: Callable[[Cell], Cell]) -> City:
    return City(tuple(change(cell) for cell in city.cells))


def is_named(cell: Cell, *names: str) -> bool:
    return cell.name.startswith(names)


def resettle(cell: Cell, *, leaving: int) -> Cell:
    """People and the life of their streets, from the homes of one district to those of another."""
    if is_named(cell, *LEFT):
        stay = 1 - MOVED_SHARE
        return replace(cell, population=int(cell.population * stay), commerce=max(cell.commerce * stay, COUNTED))
    if is_named(cell, *SETTLED):
        return replace(cell, population=cell.population + leaving // 2, commerce=min(cell.commerce + 0.5, 1.0))
    return cell


def _lawful(world: World, row: int) -> World:
    """Traffic accidents under another law from a shown row on: more in the dark, fewer by day."""
    timeline, traffic = world.timeline, hazard_index("traffic_accident")
    dark = (timeline.hour >= 19) | (timeline.hour < 6)
    factor = np.where(dark, DARK, BRIGHT)
    factor[: timeline.lead + row] = 1.0
    before = np.asarray(world.intensity[:, traffic], dtype=float)
    random = numbers(world.seed, "another law")
    thinned = random.binomial(world.counts[:, traffic], np.minimum(factor, 1.0)[:, None])
    more = random.poisson(before * np.maximum(factor - 1.0, 0.0)[:, None])
    counts, intensity = world.counts.copy(), world.intensity.copy()
    counts[:, traffic] = thinned + more
    intensity[:, traffic] = before * factor[:, None]
    return replace(world, counts=counts, intensity=intensity)


def _shared_otherwise(
    lived: Lived, timeline: Timeline, *, gauges: int, outage: int, stuck: int, opens: int, unit: int
) -> Lived:
    streams = {name: stream.changed(stream.values.copy()) for name, stream in lived.streams.items()}
    streams["process_pressure_bar"].values[gauges:] *= GAIN
    opened = next(cell.asset_id for cell in lived.city.cells if is_named(cell, OPENING))
    for stream in streams.values():
        if stream.partner == "plant":
            stream.values[outage : outage + OUTAGE_HOURS] = np.nan
            stream.values[:opens, stream.assets.index(opened)] = np.nan
    speed, wind = streams["traffic_speed_km_h"].values, streams["wind_speed_m_s"].values
    speed[stuck : stuck + FAULT_HOURS, 3] = speed[stuck, 3]
    wind[unit : unit + FAULT_HOURS] *= KM_H
    return lived.with_streams(streams)


def _later(incidents: pl.DataFrame, timeline: Timeline, row: int) -> pl.DataFrame:
    """Traffic accidents that happen from a shown row on become known several times later."""
    since = int(timeline.start_s[timeline.lead + row])
    delay = pl.col("known_s") - pl.col("occurred_s")
    slower = pl.min_horizontal(delay * SLOWER, pl.lit(LONGEST_HOURS * 3600)).cast(pl.Int64)
    concerned = (pl.col("hazard") == "traffic_accident") & (pl.col("occurred_s") >= since)
    known = pl.when(concerned).then(pl.col("occurred_s") + pl.max_horizontal(slower, delay))
    return incidents.with_columns(known_s=known.otherwise(pl.col("known_s")))


def evidence_hours(occurred: BoolArray, old: FloatArray, new: FloatArray, *, standard_errors: float) -> int | None:
    """After how many hours the most powerful test is sure that the law is the new one; None if never.

    The sum of the log likelihood ratio of both laws, in standard errors of what it would be under the old one
    (Neyman and Pearson). All (hours, cells): what occurred and both laws' risks, from the change on.
    """
    old, new = np.clip(old, SMALLEST, 1 - SMALLEST), np.clip(new, SMALLEST, 1 - SMALLEST)
    hit, miss = np.log(new / old), np.log((1 - new) / (1 - old))
    found = np.where(occurred, hit, miss)
    expected, variance = old * hit + (1 - old) * miss, old * (1 - old) * (hit - miss) ** 2
    z = np.cumsum((found - expected).sum(axis=1)) / np.sqrt(np.maximum(np.cumsum(variance.sum(axis=1)), 1e-12))
    sure: IntArray = np.flatnonzero(z >= standard_errors)
    return int(sure[0]) + 1 if len(sure) else None
