"""Every number of the law of risk: totals, shares, hours, after-incidents. Sources: docs/simulation.md."""

from __future__ import annotations

import numpy as np

HAZARDS = ("fire_explosion", "chemical_release", "traffic_accident", "flood", "worker_injury")
FIRE, CHEMICAL, TRAFFIC, FLOOD, WORKER = range(5)

# City totals a year, incidents that follow from others included; published figures in docs/simulation.md.
ANNUAL_TOTALS = {
    "fire_explosion": 850.0,
    "chemical_release": 650.0,
    "traffic_accident": 3900.0,
    "flood": 110.0,
    "worker_injury": 3900.0,
}

# What turns the relative rates below into incidents an hour, found once from twice ten simulated years
# of the drivers so that the totals above come out; nothing else was looked at.
FIRE_COMMON_PER_HOUR = 0.0728
FIRE_PLANT_PER_HOUR = 0.0038
LEAK_PER_HOUR = 0.0037
ODOUR_PER_HOUR = 1.225
TRAFFIC_PER_HOUR = 0.3675
FLOOD_PER_HOUR = 0.0022
WORKER_PER_HOUR = 0.982

# District shares: fires 2018 (Ulsan fire headquarters), traffic accidents 2019 (KoROAD).
FIRE_SHARE = {"남구": 262, "중구": 118, "동구": 67, "북구": 127, "울주군": 307}
TRAFFIC_SHARE = {"남구": 1383, "중구": 737, "동구": 628, "북구": 693, "울주군": 906}

# Injuries a worker-hour, relative: petrochemical, shipyard, automotive, other.
SECTOR_DANGER = np.array([1.0, 2.2, 1.4, 0.9])
# Share of a sector's work that is outdoors.
SECTOR_OUTDOORS = np.array([0.5, 0.8, 0.1, 0.3])

# After-incidents: memory in hours of each source hazard, and how many of each target (rows) one source (columns)
# brings in its own cell and, in all, in the cells that touch it.
MEMORY_HOURS = np.array([6.0, 3.0, 2.0, 4.0, 8.0])
OFFSPRING_OWN = np.array(
    [  # fire  chemical traffic flood worker
        [0.05, 0.03, 0.00, 0.01, 0.00],  # fire_explosion
        [0.08, 0.22, 0.00, 0.00, 0.00],  # chemical_release
        [0.01, 0.00, 0.06, 0.02, 0.00],  # traffic_accident
        [0.00, 0.00, 0.00, 0.25, 0.00],  # flood
        [0.12, 0.06, 0.00, 0.02, 0.03],  # worker_injury
    ]
)
OFFSPRING_NEAR = np.array(
    [
        [0.02, 0.00, 0.00, 0.00, 0.00],
        [0.00, 0.06, 0.00, 0.00, 0.00],
        [0.00, 0.00, 0.04, 0.03, 0.00],
        [0.00, 0.00, 0.00, 0.10, 0.00],
        [0.00, 0.00, 0.00, 0.00, 0.00],
    ]
)

# Accidents by hour of day: rising to the evening peak, a third between 18 and 24 (KOSTAT Dongnam, 2015).
TRAFFIC_WORKDAY = np.concatenate(
    [
        [0.50, 0.35, 0.28, 0.22, 0.25, 0.40, 0.60, 0.95, 1.25, 1.05, 0.95, 1.00],
        [1.05, 1.10, 1.15, 1.20, 1.25, 1.40, 1.75, 1.55, 1.40, 1.30, 1.15, 0.85],
    ]
)
TRAFFIC_REST = np.concatenate(
    [
        [0.75, 0.60, 0.45, 0.35, 0.30, 0.35, 0.45, 0.55, 0.70, 0.85, 0.95, 1.05],
        [1.15, 1.20, 1.25, 1.25, 1.25, 1.30, 1.35, 1.30, 1.20, 1.10, 1.00, 0.80],
    ]
)
TRAFFIC_WEEKDAY = np.array([1.00, 0.98, 1.02, 1.00, 1.15, 1.02, 0.85])
# Fires by hour of day: 52 % between 9 and 18 (Ulsan fire headquarters, 2018).
FIRE_HOUR = np.concatenate(
    [
        [0.70, 0.62, 0.58, 0.55, 0.52, 0.52, 0.60, 0.75, 0.95, 1.20, 1.35, 1.45],
        [1.45, 1.50, 1.55, 1.50, 1.40, 1.30, 1.20, 1.15, 1.10, 1.05, 0.95, 0.80],
    ]
)
# People notice and report a smell most in the evening and at night, when they are at home.
ODOUR_HOUR = np.concatenate(
    [
        [0.80, 0.55, 0.40, 0.35, 0.35, 0.50, 0.75, 0.95, 1.00, 0.95, 0.90, 0.90],
        [0.90, 0.90, 0.95, 0.95, 1.00, 1.10, 1.25, 1.40, 1.55, 1.60, 1.45, 1.10],
    ]
)
