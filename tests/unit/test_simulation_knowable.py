"""What the law states from reports alone: nothing of what is not reported yet, and no more than the truth."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from simulation import law
from simulation.city import ulsan
from simulation.figures import CHEMICAL, FIRE, FLOOD, HAZARDS, MEMORY_HOURS
from simulation.knowable import knowable_intensity, spontaneous, stated, told, unreported
from simulation.noise import Floats
from simulation.reports import true_incidents
from simulation.timeline import Timeline
from simulation.world import World, simulate_world


@pytest.fixture(scope="module")
def year() -> World:
    return simulate_world(Timeline(date(2025, 1, 1), 365), ulsan(), seed=3)


def loss(rate: Floats, world: World, hazard: int) -> float:
    """In expectation over the law."""
    shown = world.timeline.shown
    true, said = (np.maximum(x[shown, hazard].astype(float), 1e-12) for x in (world.intensity, rate))
    return float((said - true * np.log(said)).sum())


def test_reports_say_more_than_silence_and_less_than_the_truth(year: World) -> None:
    alone, known = spontaneous(year), knowable_intensity(year)
    for hazard in (FIRE, CHEMICAL, FLOOD):
        levelled = alone * (known[:, hazard].sum() / alone[:, hazard].sum())
        assert loss(year.intensity, year, hazard) < loss(known, year, hazard) < loss(levelled, year, hazard)


def test_it_expects_as_many_as_come(year: World) -> None:
    shown = year.timeline.shown
    known = knowable_intensity(year)
    for hazard, name in enumerate(HAZARDS):
        expected, counted = known[shown, hazard].sum(), year.counts[shown, hazard].sum(dtype=float)
        assert abs(counted - expected) < 4 * np.sqrt(expected) + 1, name


def test_what_is_reported_later_changes_nothing_before(year: World) -> None:
    alone, incidents = spontaneous(year), true_incidents(year)
    cut = 3000
    early = incidents.filter(pl.col("known_s") <= int(year.timeline.start_s[cut]))
    whole, part = (stated(alone, told(year, of), year.city.neighbours) for of in (incidents, early))
    np.testing.assert_array_equal(whole[: cut + 1], part[: cut + 1])
    assert (whole[cut + 1 :] != part[cut + 1 :]).any()


def test_reports_at_once_are_the_truth(year: World) -> None:
    """Told each incident as it happens, and that none is silent, the law states its own intensity."""
    incidents = true_incidents(year).with_columns(known_s=pl.col("occurred_s"))
    memory = np.zeros(year.intensity.shape[1:])
    gained = told(year, incidents)
    for row in range(year.timeline.lead, year.timeline.lead + 2000):
        memory = memory * np.exp(-1.0 / MEMORY_HOURS)[:, None] + gained[row]
    true = np.zeros_like(memory)
    for row in range(year.timeline.lead, year.timeline.lead + 1999):
        true = law.remember(true, year.counts[row])
    np.testing.assert_allclose(memory, true, atol=1e-9)


def test_everything_is_reported_in_the_end() -> None:
    chance = unreported(np.array([0.01, 5.0, 2000.0]))
    assert (np.diff(chance, axis=0) <= 0).all()
    assert (chance[0] > 0.95).all()
    assert not chance[-1].any()
