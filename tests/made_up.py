"""A made-up city that no code knows, with odd choices, for tests of ingest: two partners, three feeds, YAML only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import h3

from contracts.feed import Feed, load_feeds
from contracts.pilot import Pilot, load_pilot
from contracts.results import QualityReport
from ingest import Store, ingest_feed
from ingest.docs import Docs

NOW = datetime(2026, 1, 2, tzinfo=UTC)
POINTS = ((13.40, 52.52), (13.45, 52.50), (13.30, 52.48))
CELLS = tuple(h3.latlng_to_cell(lat, lon, 7) for lon, lat in POINTS)

PILOT = """
title: A made-up city
timezone: Europe/Berlin
cadence_hours: 1
country: DE
scored_kinds: [cell]
metrics:
  temperature: {unit: degC, low: -40, high: 50}
  wind: {unit: m/s, low: 0, high: 60}
  gas: {unit: ppm, low: 0, high: 50}
  people: {unit: people, low: 0, high: 100000, static: true}
hazards:
  fire: {horizon_hours: 1, reporting_delay_hours: 24}
  flood: {horizon_hours: 6}
features: []
"""

_HEAD = """apiVersion: v3.1.0
kind: DataContract
id: made-up-{name}
name: {name}
version: 1.0.0
status: active
servers: [{{server: drop, type: local, path: "{path}", format: {format}}}]
schema:
- name: {name}
  properties:
"""

CELLS_FEED = (
    _HEAD.format(name="cells", path="{state}/drop/cells.csv", format="csv")
    + """
  - {name: people, physicalName: inhabitants, logicalType: integer}
  - {name: district, physicalName: quarter, logicalType: string}
customProperties:
- {property: partner, value: city}
- {property: table, value: assets}
- {property: constants, value: {kind: cell}}
- {property: place, value: {lon: x, lat: y}}
- {property: known_at, value: {since: "2025-01-01T00:00:00+01:00"}}
"""
)

# wide, cp949, semicolons, Fahrenheit and km/h and ppb, local time with daylight saving, start stamps
WEATHER_FEED = (
    _HEAD.format(name="weather", path="{state}/drop/weather-*.csv", format="csv")
    + """
  - {name: asset_id, physicalName: 구역, logicalType: string, required: true}
  - name: temperature
    physicalName: 기온
    logicalType: number
    required: true
    logicalTypeOptions: {minimum: -40, maximum: 122}
    customProperties: [{property: unit, value: degF}]
  - {name: wind, physicalName: 풍속, logicalType: number, customProperties: [{property: unit, value: km/h}]}
  - name: gas
    physicalName: 가스
    logicalType: number
    logicalTypeOptions: {minimum: 0, maximum: 40000}
    customProperties: [{property: unit, value: ppb}]
customProperties:
- {property: partner, value: institute}
- {property: table, value: readings}
- {property: layout, value: wide_metrics}
- {property: delimiter, value: ";"}
- {property: encoding, value: cp949}
- {property: missing, value: ["", "-"]}
- property: time
  value:
    {column: 시각, format: "%d.%m.%Y %H:%M", zone: Europe/Berlin, stamp: start, interval_minutes: 60,
     ambiguous: earliest, nonexistent: refuse}
- {property: known_at, value: {delay_minutes: 30}}
"""
)

FIRES_FEED = (
    _HEAD.format(name="fires", path="{state}/drop/fires-*.jsonl", format="jsonl")
    + """
  - {name: incident_id, physicalName: nr, logicalType: string, required: true}
  - name: hazard
    physicalName: what
    logicalType: string
    required: true
    customProperties: [{property: map, value: {blaze: fire, deluge: flood}}]
  - {name: severity, physicalName: grade, logicalType: number}
customProperties:
- {property: partner, value: city}
- {property: table, value: incidents}
- {property: place, value: {lon: x, lat: y}}
- {property: time, value: {column: at, zone: UTC}}
- {property: known_at, value: {column: reported}}
"""
)

WEATHER_HEADER = "시각;구역;기온;풍속;가스"


@dataclass(frozen=True)
class City:
    """The made-up city on disk: YAML under `pilots`, partners' files in `state/drop`, the store in `state/store`."""

    root: Path

    @property
    def folder(self) -> Path:
        return self.root / "pilots" / "made-up"

    @property
    def drop(self) -> Path:
        return self.root / "state" / "drop"

    @property
    def roots(self) -> dict[str, Path]:
        return {"state": self.root / "state"}

    @property
    def store(self) -> Store:
        return Store(self.root / "state" / "store")

    @property
    def pilot(self) -> Pilot:
        return load_pilot(self.folder)

    def feed(self, name: str) -> Feed:
        return next(feed for feed in load_feeds(self.folder, self.pilot) if feed.name == name)

    def contract(self, name: str, text: str) -> None:
        (self.folder / "feeds" / f"{name}.odcs.yaml").write_text(text, encoding="utf-8")

    def weather(self, *lines: str, name: str = "weather-1.csv") -> None:
        (self.drop / name).write_bytes("\n".join([WEATHER_HEADER, *lines, ""]).encode("cp949"))

    def fires(self, *lines: str, name: str = "fires-1.jsonl") -> None:
        (self.drop / name).write_text("\n".join([*lines, ""]), encoding="utf-8")

    def ingest(self, name: str, *, now: datetime = NOW, docs: Docs | None = None) -> list[QualityReport]:
        return ingest_feed(self.feed(name), self.pilot, store=self.store, roots=self.roots, now=now, docs=docs)


def make_city(root: Path) -> City:
    """The made-up city with sound files of every feed."""
    city = City(root)
    (city.folder / "feeds").mkdir(parents=True)
    city.drop.mkdir(parents=True)
    (city.folder / "pilot.yaml").write_text(PILOT, encoding="utf-8")
    for name, text in (("cells", CELLS_FEED), ("weather", WEATHER_FEED), ("fires", FIRES_FEED)):
        city.contract(name, text)
    rows = [f"{x},{y},{1000 * i},Mitte" for i, (x, y) in enumerate(POINTS, start=1)]
    (city.drop / "cells.csv").write_text("\n".join(["x,y,inhabitants,quarter", *rows, ""]), encoding="utf-8")
    city.weather(f"01.02.2025 00:00;{CELLS[0]};32;36;1000", f"01.02.2025 01:00;{CELLS[1]};50;-;-")
    city.fires(
        '{"nr": "F1", "what": "blaze", "at": "2025-02-01T10:00:00+01:00", "reported": "2025-02-01T12:00:00Z", '
        '"x": 13.40, "y": 52.52, "grade": 2}',
        '{"nr": "F2", "what": "deluge", "at": "2025-02-02 10:00:00", "reported": "2025-02-02T11:00", '
        '"x": 13.45, "y": 52.50, "grade": 1}',
    )
    return city
