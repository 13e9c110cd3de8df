"""The small city of the year: cells of the simulated Ulsan, and what its partners would share, without planted faults.

The law's yearly totals are the whole city's, so a sixth of its cells has all its incidents: enough for a monthly look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from contracts.pilot import Pilot, read_yaml
from contracts.results import FloatArray
from contracts.tables import ASSETS, INCIDENTS, READINGS, Tables
from simulation.city import City, Site, ulsan
from simulation.figures import HAZARDS
from simulation.partners.city import counted
from simulation.partners.folder import Folder
from simulation.partners.plant import measured as measured_in_plants
from simulation.partners.university import measured as measured_by_stations
from simulation.reports import reports, true_incidents
from simulation.timeline import Timeline
from simulation.world import World

ROOT = Path(__file__).parents[2]
PARTS = Path("unused")  # a folder's name seeds nothing; its partner does
SINCE = datetime(2000, 1, 1, tzinfo=UTC)  # the register of places
WATCHED = ("chemical_release", "traffic_accident")
PETRO = ("여천·야음", "상개·부곡", "장생포·고사", "매암", "용연·성암", "황성·용연")
HOMES = ("삼산·달동", "신정", "선암·대현", "성남·학성", "반구·병영", "전하", "양정", "명촌·진장", "화봉·송정")
OPENING = "염포·성내"  # one works that shares nothing, until the complex opens
DELAY_MINUTES = {"city": 10, "plant": 0, "university": 0}  # of readings, as the pilot's contracts say
METRICS = (
    *("temperature_c", "humidity_percent", "rain_mm", "wind_speed_m_s", "traffic_count", "traffic_speed_km_h"),
    *("crowd_count", "voc_ppb", "h2s_ppb", "process_pressure_bar", "vibration_mm_s", "process_temperature_c"),
    *("population", "road_km", "plant_count"),
)
FEATURES = (
    {"kind": "trailing", "metrics": ["temperature_c", "wind_speed_m_s"], "windows_hours": [1, 24], "stats": ["mean"]},
    {"kind": "trailing", "metrics": ["rain_mm"], "windows_hours": [1, 3, 24], "stats": ["mean"]},
    {"kind": "trailing", "metrics": ["humidity_percent"], "windows_hours": [24], "stats": ["mean"]},
    {"kind": "trailing", "metrics": ["traffic_count", "traffic_speed_km_h"], "windows_hours": [2], "stats": ["mean"]},
    {"kind": "trailing", "metrics": ["crowd_count"], "windows_hours": [2, 24], "stats": ["mean"]},
    {"kind": "trailing", "metrics": ["voc_ppb", "h2s_ppb"], "windows_hours": [1, 12], "stats": ["mean"]},
    {"kind": "trailing", "metrics": ["process_pressure_bar"], "windows_hours": [6, 24], "stats": ["max"]},
    {
        "kind": "trailing",
        "metrics": ["process_temperature_c", "vibration_mm_s"],
        "windows_hours": [6],
        "stats": ["mean"],
    },
    {"kind": "incident_count", "hazards": list(WATCHED), "windows_hours": [24, 168]},
    {"kind": "hours_since_incident", "hazards": list(WATCHED)},
    {"kind": "climatology", "hazards": list(WATCHED), "shrinkage": 0.5},
    {"kind": "latest", "metrics": ["population", "road_km", "plant_count"]},
    {"kind": "calendar"},
)


def small_pilot() -> Pilot:
    """The pilot `ulsan` with two hazards, the metrics of `METRICS` and three dozen features."""
    whole = read_yaml(ROOT / "pilots" / "ulsan" / "pilot.yaml")
    kept = {
        "metrics": {name: whole["metrics"][name] for name in METRICS},
        "hazards": {name: whole["hazards"][name] for name in WATCHED},
        "features": list(FEATURES),
    }
    return Pilot.model_validate({"name": "ulsan", **whole, **kept})


def small_city() -> City:
    """Sixteen cells: petrochemical works, homes, and the place where a complex will open."""
    named = (*PETRO, *HOMES, OPENING)
    return City(tuple(cell for cell in ulsan().cells if cell.name.startswith(named)))


@dataclass(frozen=True)
class Stream:
    """One metric: values (shown hours, assets) by the END of the hour, NaN where nothing was sent."""

    partner: str
    assets: tuple[str, ...]
    values: FloatArray
    delay_minutes: int

    def changed(self, values: FloatArray) -> Stream:
        return replace(self, values=values)


@dataclass(frozen=True)
class Lived:
    """What happened in a city and what its sensors showed.

    incidents: rows of `simulation.reports.true_incidents`. occurred: (shown hours, HAZARDS, cells); risk: of it.
    attributes: rows of asset_id, metric, value, known_at (UTC).
    """

    city: City
    streams: Mapping[str, Stream]
    incidents: pl.DataFrame
    occurred: np.ndarray
    risk: np.ndarray
    attributes: pl.DataFrame

    def with_streams(self, streams: Mapping[str, Stream]) -> Lived:
        return replace(self, streams={**self.streams, **streams})


def live(world: World) -> Lived:
    """A simulated world as its partners see it."""
    cells, shown = [cell.asset_id for cell in world.city.cells], world.timeline.shown
    plants, crowded = ([cells[i] for i in some] for some in (world.city.plant_cells, world.city.crowd_cells))
    stations = [station.asset_id for station in world.city.stations]
    sources: tuple[tuple[str, Callable[[World, Folder], Mapping[str, FloatArray]], list[str]], ...] = (
        ("city", counted, cells),
        ("plant", measured_in_plants, plants),
        ("university", measured_by_stations, stations),
    )
    streams = {}
    for partner, measure, assets in sources:
        for metric, values in measure(world, Folder(PARTS, partner, world.seed)).items():
            if metric in METRICS:
                where = tuple(crowded if metric == "crowd_count" else assets)
                streams[metric] = Stream(partner, where, np.asarray(values, float), DELAY_MINUTES[partner])
    attributes = _attributes(world.city, known_at=SINCE)
    return Lived(world.city, streams, true_incidents(world), world.counts[shown] > 0, world.risk[shown], attributes)


def _attributes(city: City, *, known_at: datetime) -> pl.DataFrame:
    rows = [
        {"asset_id": cell.asset_id, "metric": metric, "value": float(value), "known_at": known_at}
        for cell in city.cells
        for metric, value in (
            ("population", cell.population),
            ("road_km", cell.road_km),
            ("plant_count", cell.plant_count),
        )
    ]
    return pl.DataFrame(rows, schema_overrides={"known_at": pl.Datetime("us", "UTC")})


def then(before: Lived, after: Lived, timeline: Timeline, row: int, *, registered_hours: int) -> Lived:
    """`before` up to the shown row, `after` from it on; the register of places follows `registered_hours` later.

    Both come from the same seed, so what the change does not touch goes on as it was.
    """
    cut = int(timeline.start_s[timeline.lead + row])
    joined = {
        name: stream.changed(np.concatenate([stream.values[:row], after.streams[name].values[row:]]))
        for name, stream in before.streams.items()
    }
    old = before.incidents.filter(pl.col("occurred_s") <= cut)
    new = after.incidents.filter(pl.col("occurred_s") > cut)
    own = pl.lit(f"U{row}-") + pl.col("incident_id").str.slice(1)  # the worlds number their incidents alike
    new = new.with_columns(incident_id=own)
    registered = timeline.first_instant + timedelta(hours=row + registered_hours)
    fresh = after.attributes.join(before.attributes, on=["asset_id", "metric", "value"], how="anti")
    return Lived(
        after.city,
        joined,
        pl.concat([old, new]),
        np.concatenate([before.occurred[:row], after.occurred[row:]]),
        np.concatenate([before.risk[:row], after.risk[row:]]),
        pl.concat([before.attributes, fresh.with_columns(known_at=pl.lit(registered).dt.cast_time_unit("us"))]),
    )


def tables_of(lived: Lived, world: World) -> Tables:
    """What the store would hold in the end. world: for the places of corrections and false reports."""
    known = reports(lived.incidents, world).filter(pl.col("hazard").is_in(WATCHED))
    incidents = known.select(
        "incident_id",
        "asset_id",
        "hazard",
        occurred_at=_instant("occurred_s"),
        known_at=_instant("known_s"),
        severity=pl.col("severity").cast(pl.Float64),
        partner="partner",
        feed=pl.lit("incidents"),
        batch=pl.lit(""),
    )
    readings = [_flowing(name, stream, world.timeline) for name, stream in lived.streams.items()]
    static = lived.attributes.with_columns(observed_at="known_at", partner=pl.lit("city"), feed=pl.lit("places"))
    readings.append(READINGS.conform(static.with_columns(batch=pl.lit(""))))
    return Tables(pl.concat(readings), INCIDENTS.conform(incidents), _assets(lived.city))


def _instant(column: str) -> pl.Expr:
    return pl.from_epoch(pl.col(column), time_unit="s").dt.cast_time_unit("us").dt.replace_time_zone("UTC")


def _flowing(metric: str, stream: Stream, timeline: Timeline) -> pl.DataFrame:
    hour, asset = np.nonzero(~np.isnan(stream.values))
    ends = timeline.start_s[timeline.shown][hour] + 3600
    observed = pl.from_epoch(pl.Series(ends), time_unit="s").dt.cast_time_unit("us").dt.replace_time_zone("UTC")
    frame = pl.DataFrame(
        {
            "asset_id": pl.Series(stream.assets).gather(asset),
            "observed_at": observed,
            "value": stream.values[hour, asset],
        }
    )
    known = pl.col("observed_at") + timedelta(minutes=stream.delay_minutes)
    said = {"metric": metric, "partner": stream.partner, "feed": "", "batch": ""}
    return READINGS.conform(frame.with_columns(known_at=known, **{name: pl.lit(word) for name, word in said.items()}))


def _assets(city: City) -> pl.DataFrame:
    cells = [(c.asset_id, c.name, "cell", c.district, c.position[1], c.position[0]) for c in city.cells]
    sites = [_site(site) for site in city.stations]
    names = ("asset_id", "name", "kind", "district", "lon", "lat")
    frame = pl.DataFrame([dict(zip(names, row, strict=True)) for row in (*cells, *sites)])
    register = {"partner": pl.lit("city"), "feed": pl.lit("places"), "batch": pl.lit("")}
    return ASSETS.conform(frame.with_columns(known_at=pl.lit(SINCE).dt.cast_time_unit("us"), **register))


def _site(site: Site) -> tuple[str, str, str, str, float, float]:
    return site.asset_id, site.name, site.kind, site.district, site.longitude, site.latitude


def hazard_index(hazard: str) -> int:
    """Its place in the simulation's arrays."""
    return HAZARDS.index(hazard)
