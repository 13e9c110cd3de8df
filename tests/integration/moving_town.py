"""A town of 24 sites whose law of risk is known and changes one day: a pilot of YAML, and partners' files by the week.

log odds of a leak in the next hour = -4.6 + 0.8 * gas now squared + 1.6 for an old site. Since the change it is so for
a new one, or, where only the rate moves, 1.2 more for every site. Too little gas is as bad as too much, so that a
straight line cannot learn it. It gets warmer every day: a season, of which nothing comes.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import yaml

NAME, HAZARD, MODEL = "town", "leak", "town-leak"
SITES, AGES = 24, (5, 60)
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
TRAINED, CHANGED, SEEN = 84, 100, 112  # days: of the first training; from when on the law is another; of the last files

PILOT = """
title: A town
timezone: UTC
scored_kinds: [site]
metrics:
  gas: {unit: ppm, low: 0, high: 1000}
  temperature: {unit: degC, low: -40, high: 60}
  age: {unit: "1", low: 0, high: 200, static: true}
hazards:
  leak: {horizon_hours: 1, reporting_delay_hours: 6}
features:
  - {kind: trailing, metrics: [gas], windows_hours: [2, 6], stats: [mean]}
  - {kind: trailing, metrics: [temperature], windows_hours: [24], stats: [mean]}
  - {kind: incident_count, hazards: [leak], windows_hours: [336]}
  - {kind: climatology, hazards: [leak], shrinkage: 0.5}
  - {kind: latest, metrics: [age]}
"""
PARAMS = """
spine: {history_days: 14}
split: {calibrate_days: 14, test_days: 21, folds: 1, fold_days: 5}
after_change: {least_test_days: 3}
train: {hazards: [leak], num_iterations: 60, learning_rate: 0.1, num_leaves: 7, min_data_in_leaf: 100, seeds: [1]}
evaluate: {block_days: 2, replicates: 60}
promote: {max_ece: 0.05}
monitor: {persist: 1, of_last: 1, performance_days: 8}
release: automatic
"""
_CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: town-{name}
name: {name}
version: 1.0.0
status: active
servers: [{{server: drop, type: local, path: "{{state}}/partners/town/{name}-*.csv", format: csv}}]
schema:
- name: {name}
  properties:
  - {{name: asset_id, physicalName: site, logicalType: string, required: true}}
"""
FEEDS = {
    "sites": """  - {name: district, logicalType: string}
  - {name: age, logicalType: number}
customProperties:
- {property: partner, value: city}
- {property: table, value: assets}
- {property: constants, value: {kind: site}}
- {property: known_at, value: {since: "2025-12-01T00:00:00Z"}}
""",
    "air": """  - {name: gas, logicalType: number}
  - {name: temperature, logicalType: number}
customProperties:
- {property: partner, value: plants}
- {property: table, value: readings}
- {property: layout, value: wide_metrics}
- {property: time, value: {column: at, zone: UTC}}
- {property: known_at, value: {delay_minutes: 20}}
""",
    "leaks": """  - {name: incident_id, physicalName: nr, logicalType: string, required: true}
customProperties:
- {property: partner, value: city}
- {property: table, value: incidents}
- {property: constants, value: {hazard: leak}}
- {property: time, value: {column: at, zone: UTC}}
- {property: known_at, value: {column: reported}}
""",
}


@dataclass(frozen=True)
class Town:
    """What its partners share, below `home`. rate_alone: all leaks become more likely, and nothing else changes."""

    home: Path
    rate_alone: bool = False

    def share(self, first_day: int, last_day: int) -> None:
        """Files of the days from `first_day` on and before `last_day`, as if they had come just now."""
        folder = self.home / "var" / "partners" / NAME
        hours, gas, old = _hours_of(first_day, last_day)
        day = hours // 24
        changed = day[:, None] >= CHANGED
        age = np.where(changed & (not self.rate_alone), ~old, old)
        more = 1.2 * (changed & self.rate_alone)
        risk = 1 / (1 + np.exp(4.6 - 0.8 * np.minimum(gas**2, 4) - 1.6 * age - more))
        leaks = np.random.default_rng(first_day).random(risk.shape) < risk
        warmth = 0.2 * day + 4 * np.sin(2 * np.pi * hours / 24)
        air = [
            f"{_stamp(hour)},s{site:02d},{300 + 60 * gas[row, site]:.1f},{warmth[row]:.1f}"
            for row, hour in enumerate(hours)
            for site in range(SITES)
        ]
        found = [
            f"n{hour}-{site},s{site:02d},{_stamp(hour, minutes=25)},{_stamp(hour + 2)}"
            for row, hour in enumerate(hours)
            for site in np.flatnonzero(leaks[row])
        ]
        _write(folder / f"leaks-{first_day:03d}.csv", "nr,site,at,reported", found)
        _write(folder / f"air-{first_day:03d}.csv", "at,site,gas,temperature", air)

    def decisions(self, *, day: int = 0) -> list[dict[str, Any]]:
        """What monitoring decided once it knew everything before a day."""
        path = self.home / "var" / "monitor" / NAME / "decisions.jsonl"
        made = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
        end = FIRST + timedelta(days=day, hours=-1)
        return [decision for decision in made if datetime.fromisoformat(decision["decided_at"]) >= end]


def make_town(home: Path, *, rate_alone: bool = False) -> Town:
    """The pilot's YAML and the files of the days until the first training."""
    pilot, folder = home / "pilots" / NAME, home / "var" / "partners" / NAME
    (pilot / "feeds").mkdir(parents=True)
    folder.mkdir(parents=True)
    (pilot / "pilot.yaml").write_text(PILOT)
    (pilot / "params.yaml").write_text(PARAMS)
    for name, rest in FEEDS.items():
        (pilot / "feeds" / f"{name}.odcs.yaml").write_text(_CONTRACT.format(name=name) + rest)
    rows = [f"s{site:02d},{'NESW'[site % 4]},{AGES[site // (SITES // 2)]}" for site in range(SITES)]
    _write(folder / "sites-000.csv", "site,district,age", rows)
    town = Town(home, rate_alone)
    town.share(0, TRAINED)
    return town


def with_town(prefect_yaml: str) -> str:
    """The deployments of Ulsan, and the town's: ingest and monitoring every few seconds once they are resumed, and the
    training as it is declared for Ulsan. Also an ingest, as often, of a pilot that there is not."""
    declared = yaml.safe_load(prefect_yaml)
    for entry in copy.deepcopy(declared["deployments"]):
        flow = entry["entrypoint"].split(".")[1]
        own = json.loads(json.dumps(entry).replace("ulsan", NAME)) | {"name": f"town-{flow}", "schedules": []}
        if flow in ("ingest", "monitor"):
            own |= {"schedules": [{"interval": 10}], "paused": True}
        if flow in ("ingest", "monitor", "train"):
            declared["deployments"].append(own)
        if flow == "ingest":
            lost = {"name": "lost-ingest", "parameters": {"pilot": "atlantis"}}
            declared["deployments"].append(own | lost)
    return yaml.safe_dump(declared)


def _hours_of(first_day: int, last_day: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hours since FIRST (n,), gas at each and site (n, sites), and which sites are old. Gas remembers half a day."""
    fresh = np.random.default_rng(7).normal(size=(last_day * 24, SITES))
    gas = np.empty_like(fresh)
    gas[0] = fresh[0]
    for hour in range(1, len(fresh)):
        gas[hour] = 0.95 * gas[hour - 1] + np.sqrt(1 - 0.95**2) * fresh[hour]
    hours = np.arange(first_day * 24, last_day * 24)
    return hours, gas[hours], np.arange(SITES) >= SITES // 2


def _stamp(hour: int, *, minutes: int = 0) -> str:
    return (FIRST + timedelta(hours=int(hour), minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S")


def _write(path: Path, header: str, rows: list[str]) -> None:
    """Whole at once: a file that is half there would be a batch of its own."""
    draft = path.with_suffix(".half")
    draft.write_text("\n".join([header, *rows, ""]))
    draft.rename(path)
