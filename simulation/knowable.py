"""What the law itself states when it is told an incident only once it is reported: how far any forecast could go.

The true risk knows each incident at once. Here after-incidents of those that are reported come from the reports; of
those that may lie unreported, from how many were expected then and how likely they are unreported still. Everything
else that the law reads (weather, streets, plants, who is on shift) is known at once and without noise, which is more
than a forecaster has; what was expected then is not corrected by reports of what followed, which is a little less.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.stats import norm

from simulation import law
from simulation.figures import HAZARDS, MEMORY_HOURS
from simulation.noise import Floats
from simulation.reports import REPORTING, true_incidents
from simulation.world import World

REMEMBERED_HOURS = 48  # six times the longest memory


def knowable_intensity(world: World) -> Floats:
    """Incidents an hour, hours x HAZARDS x cells, row `j` as it could be stated at its start."""
    return stated(spontaneous(world), told(world, true_incidents(world)), world.city.neighbours)


def spontaneous(world: World) -> Floats:
    """The intensity without after-incidents, hours x HAZARDS x cells."""
    out = np.empty(world.intensity.shape)
    memory = np.zeros(out.shape[1:])
    for row, (rate, struck) in enumerate(zip(world.intensity, world.counts, strict=True)):
        out[row] = rate - law.followers(memory, world.city.neighbours)
        memory = law.remember(memory, struck)
    return np.maximum(out, 0.0)


def told(world: World, incidents: pl.DataFrame) -> Floats:
    """What the memory at the start of each row gains from reports since the last: what is left of each incident by
    then. hours x HAZARDS x cells; `incidents` as `true_incidents` gives them."""
    out = np.zeros(world.intensity.shape)
    origin = world.timeline.start_s[0]
    happened = (incidents["occurred_s"].to_numpy() - 1 - origin) // 3600
    known = np.maximum(-((origin - incidents["known_s"].to_numpy()) // 3600), happened + 1)
    hazard = np.array([HAZARDS.index(name) for name in incidents["hazard"]])
    left = np.exp(-(known - happened - 1) / MEMORY_HOURS[hazard])
    seen = known < len(out)
    np.add.at(out, (known[seen], hazard[seen], incidents["cell"].to_numpy()[seen]), left[seen])
    return out


def stated(alone: Floats, gained: Floats, neighbours: Floats) -> Floats:
    """Hour by hour: the spontaneous rate, what follows from reports, and what may follow from the unreported."""
    ages = np.arange(1, REMEMBERED_HOURS + 1)
    weight = np.exp(-(ages[:, None] - 1) / MEMORY_HOURS) * unreported(ages - 0.5)  # ages x HAZARDS
    fading = np.exp(-1.0 / MEMORY_HOURS)[:, None]
    out = np.empty(alone.shape)
    memory = np.zeros(alone.shape[1:])
    for row in range(len(alone)):
        memory = memory * fading + gained[row]
        past = out[max(row - REMEMBERED_HOURS, 0) : row][::-1]
        silent = np.einsum("ah,ahc->hc", weight[: len(past)], past)
        out[row] = alone[row] + law.followers(memory + silent, neighbours)
    return out


def unreported(age_hours: Floats) -> Floats:
    """Ages x HAZARDS: how likely an incident of that age is not reported yet."""
    rules = [REPORTING[name] for name in HAZARDS]
    chance = [norm.sf(np.log(age_hours / rule.median_hours) / rule.spread) for rule in rules]
    longest = np.array([rule.longest_hours for rule in rules])
    return np.where(age_hours[:, None] < longest, np.stack(chance, axis=1), 0.0)
