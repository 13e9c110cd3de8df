"""Incidents as they truly were, and as they become known: late, corrected later, or false."""

from __future__ import annotations

from dataclasses import dataclass

import h3
import numpy as np
import polars as pl

from simulation.city import H3_RESOLUTION, City
from simulation.figures import HAZARDS
from simulation.law import Drivers, plants_standing
from simulation.noise import Floats, stream
from simulation.severity import grade, scene, shift
from simulation.world import World, drivers

OPERATOR_PLANTS = 3  # in cells with so many plants the operator reports what happens inside them
OPERATOR_HAZARDS = ("fire_explosion", "chemical_release", "worker_injury")


@dataclass(frozen=True)
class Reporting:
    """How a hazard becomes known: log-normal delay, cut at `longest_hours`; usual shares of grades 1 .. 5."""

    median_hours: float
    spread: float
    longest_hours: float
    severities: tuple[float, float, float, float, float]


# A work injury must be reported within a month (Occupational Safety and Health Act, rule 73): so it comes very late.
REPORTING = {
    "fire_explosion": Reporting(1.0, 1.2, 48.0, (0.45, 0.33, 0.15, 0.05, 0.02)),
    "chemical_release": Reporting(5.0, 1.0, 96.0, (0.70, 0.20, 0.07, 0.02, 0.01)),
    "traffic_accident": Reporting(7.0, 1.1, 168.0, (0.55, 0.30, 0.12, 0.02, 0.01)),
    "flood": Reporting(3.0, 1.0, 72.0, (0.40, 0.35, 0.17, 0.06, 0.02)),
    "worker_injury": Reporting(110.0, 1.0, 1080.0, (0.50, 0.32, 0.13, 0.04, 0.01)),
}
SEVERITY_CORRECTED = 0.05
CELL_CORRECTED = 0.02
FALSE_ALARMS = 0.015
CORRECTION_MEDIAN_HOURS = 60.0


def true_incidents(world: World) -> pl.DataFrame:
    """Every incident on record: id, cell, hazard, second, severity, position, who reports it and when.

    Numbers are drawn incident by incident in order of time, so a longer simulation begins with the same incidents.
    """
    recorded = world.timeline.recorded
    row, hazard, cell = np.nonzero(world.counts[recorded])
    times = world.counts[recorded][row, hazard, cell]
    row, hazard, cell = (np.repeat(index, times) for index in (row, hazard, cell))
    marks = stream(world.seed, "marks").random((row.size, 5))
    delays = stream(world.seed, "delays").standard_normal(row.size)
    starts = world.timeline.start_s[recorded][row]
    occurred = starts + 1 + (marks[:, 0] * 3599).astype(np.int64)
    longitude, latitude = _positions(world.city, cell, marks[:, 1], marks[:, 2])
    names = np.array(HAZARDS)[hazard]
    at = scene(row + world.timeline.lead, cell, _drivers(world), world.timeline, world.city)
    frame = pl.DataFrame(
        {
            "incident_id": [f"U{number:07d}" for number in range(1, row.size + 1)],
            "cell": cell,
            "asset_id": np.array([c.asset_id for c in world.city.cells])[cell],
            "hazard": names,
            "occurred_s": occurred,
            "severity": grade([REPORTING[name].severities for name in HAZARDS], hazard, shift(hazard, at), marks[:, 3]),
            "lon": longitude,
            "lat": latitude,
            "known_s": occurred + (_delay_hours(hazard, delays) * 3600).astype(np.int64),
        }
    )
    operated = plants_standing(world.timeline, world.city)[recorded][row, cell] >= OPERATOR_PLANTS
    return frame.with_columns(
        partner=pl.when(pl.Series(operated) & pl.col("hazard").is_in(OPERATOR_HAZARDS))
        .then(pl.lit("plant"))
        .otherwise(pl.lit("city"))
    )


def reports(incidents: pl.DataFrame, world: World) -> pl.DataFrame:
    """What partners send, in order of becoming known: first reports, corrections and withdrawals (severity 0).

    The last row of each true incident says the truth. Columns as `true_incidents`, and `kind`.
    """
    draws = stream(world.seed, "corrections").random((incidents.height, 4))
    later = (CORRECTION_MEDIAN_HOURS * 3600 * np.exp(0.8 * (draws[:, 3] * 4 - 2))).astype(np.int64)
    regraded = draws[:, 0] < SEVERITY_CORRECTED
    moved = (draws[:, 1] < CELL_CORRECTED) & ~regraded
    corrected = regraded | moved
    truth = incidents.with_columns(later=pl.Series(later), draw=pl.Series(draws[:, 2]))
    wrong_severity = (pl.col("severity") % 5 + 1).cast(pl.Int64)
    parts = [
        truth.filter(pl.Series(~corrected)).with_columns(kind=pl.lit("report")),
        truth.filter(pl.Series(regraded)).with_columns(severity=wrong_severity, kind=pl.lit("report")),
        _misplaced(truth.filter(pl.Series(moved)), world.city).with_columns(kind=pl.lit("report")),
        truth.filter(pl.Series(corrected)).with_columns(
            known_s=pl.col("known_s") + pl.col("later"), kind=pl.lit("correction")
        ),
        *_false_alarms(truth, world),
    ]
    return pl.concat(parts).drop("later", "draw").sort("known_s", "incident_id", "kind", maintain_order=True)


def _drivers(world: World) -> Drivers:
    return drivers(world.city, world.weather, world.streets, world.process, world.river_level_m)


def _delay_hours(hazard: np.ndarray, normal: Floats) -> Floats:
    rules = [REPORTING[name] for name in HAZARDS]
    median = np.array([rule.median_hours for rule in rules])[hazard]
    spread = np.array([rule.spread for rule in rules])[hazard]
    longest = np.array([rule.longest_hours for rule in rules])[hazard]
    return np.asarray(np.clip(median * np.exp(spread * normal), 0.05, longest))


def _positions(city: City, cell: np.ndarray, turn: Floats, reach: Floats) -> tuple[list[float], list[float]]:
    """A point inside each cell: in a disc about its middle, at the middle where the disc sticks out."""
    centres = np.array([c.position for c in city.cells])[cell]
    radius_km, angle = 0.95 * np.sqrt(reach), 2 * np.pi * turn
    latitude = np.round(centres[:, 0] + radius_km * np.sin(angle) / 110.94, 5)
    longitude = np.round(centres[:, 1] + radius_km * np.cos(angle) / 111.32 / np.cos(np.radians(centres[:, 0])), 5)
    names = [c.asset_id for c in city.cells]
    for i, where in enumerate(cell):
        if h3.latlng_to_cell(latitude[i], longitude[i], H3_RESOLUTION) != names[where]:
            latitude[i], longitude[i] = np.round(centres[i], 5)
    return longitude.tolist(), latitude.tolist()


def _misplaced(truth: pl.DataFrame, city: City) -> pl.DataFrame:
    """First reports that name a neighbouring cell (the next in the list where none touches)."""
    names = [c.asset_id for c in city.cells]
    others = []
    for cell, draw in zip(truth["cell"], truth["draw"], strict=True):
        near = np.flatnonzero(city.neighbours[cell])
        others.append(int(near[int(draw * near.size)]) if near.size else (cell + 1) % len(names))
    centre = [city.cells[other].position for other in others]
    return truth.with_columns(
        cell=pl.Series(others, dtype=pl.Int64),
        asset_id=pl.Series([names[other] for other in others], dtype=pl.String),
        lon=pl.Series([round(c[1], 5) for c in centre], dtype=pl.Float64),
        lat=pl.Series([round(c[0], 5) for c in centre], dtype=pl.Float64),
    )


def _false_alarms(truth: pl.DataFrame, world: World) -> list[pl.DataFrame]:
    """Reports of what never happened, and their withdrawals: copies of some incidents, a day earlier or later."""
    draws = stream(world.seed, "false-alarms").random((truth.height, 2))
    origin = int(world.timeline.start_s[world.timeline.lead])
    shift = np.where(draws[:, 1] < 0.5, -1, 1) * 86400
    copies = (
        truth.with_columns(
            incident_id=pl.lit("F") + pl.col("incident_id").str.slice(1),
            occurred_s=pl.col("occurred_s") + pl.Series(shift),
            known_s=pl.col("known_s") + pl.Series(shift),
        )
        .filter(pl.Series(draws[:, 0] < FALSE_ALARMS))
        .filter(pl.col("occurred_s") > origin)
    )
    withdrawn = copies.with_columns(
        known_s=pl.col("known_s") + pl.col("later"), severity=pl.lit(0, pl.Int64), kind=pl.lit("withdrawal")
    )
    return [copies.with_columns(kind=pl.lit("report")), withdrawn]
