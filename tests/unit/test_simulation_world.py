"""The simulated city: what its true risk promises to everyone who compares a model with it."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from simulation import law
from simulation.city import DISTRICTS, ulsan
from simulation.dispersion import plume
from simulation.figures import FIRE, HAZARDS, OFFSPRING_NEAR, OFFSPRING_OWN, TRAFFIC, WORKER
from simulation.reports import REPORTING, true_incidents
from simulation.severity import GRADES, grade
from simulation.timeline import Timeline
from simulation.world import World, simulate_world


@pytest.fixture(scope="module")
def year() -> World:
    return simulate_world(Timeline(date(2025, 1, 1), 365), ulsan(), seed=3)


def test_incident_counts_match_the_integral_of_the_intensity(year: World) -> None:
    """Compensator: counts minus the summed intensity is a martingale with the intensity's sum as variance."""
    for hazard, name in enumerate(HAZARDS):
        expected = year.intensity[:, hazard].sum(dtype=float)
        counted = year.counts[:, hazard].sum(dtype=float)
        assert abs(counted - expected) < 4 * np.sqrt(expected) + 1, name


def test_true_risk_is_calibrated_at_every_level(year: World) -> None:
    risk = year.risk.ravel().astype(float)
    struck = (year.counts > 0).ravel()
    order = np.argsort(risk)
    for part in np.array_split(order, 12):
        expected, spread = risk[part].sum(), np.sqrt((risk[part] * (1 - risk[part])).sum())
        assert abs(struck[part].sum() - expected) < 4 * spread + 1


def test_after_incidents_and_drivers_explain_all_clustering(year: World) -> None:
    """Residuals of neighbouring hours do not correlate: nothing but the stated law makes incidents cluster."""
    residual = year.counts.astype(float) - year.intensity
    scaled = residual / np.sqrt(np.maximum(year.intensity, 1e-12))
    for hazard in (FIRE, TRAFFIC, WORKER):
        now, before = scaled[1:, hazard], scaled[:-1, hazard]
        assert abs((now * before).mean()) < 4 / np.sqrt(now.size)


def test_a_longer_simulation_begins_with_the_same_hours() -> None:
    """The intensity up to `t` cannot hang on anything after `t`, since what comes after does not exist yet."""
    short = simulate_world(Timeline(date(2026, 6, 20), 10), ulsan(), seed=5)
    long = simulate_world(Timeline(date(2026, 6, 20), 25), ulsan(), seed=5)
    hours = short.timeline.hours
    for name in ("intensity", "counts", "voc_ppb", "h2s_ppb", "river_level_m"):
        np.testing.assert_array_equal(getattr(short, name), getattr(long, name)[:hours], err_msg=name)
    np.testing.assert_array_equal(short.weather.rain_mm, long.weather.rain_mm[:hours])


def test_intensity_of_an_hour_does_not_see_its_own_drivers() -> None:
    """Change every driver from hour `cut` on: the law's background up to and including `cut` stays."""
    timeline, city, cut = Timeline(date(2026, 3, 1), 7), ulsan(), 300
    generator = np.random.default_rng(0)
    shape = (timeline.hours, len(city.cells))
    drivers = {name: generator.random(shape) * 5 for name in law.Drivers.__dataclass_fields__}
    changed = {name: np.concatenate([values[:cut], values[cut:] + 7.0]) for name, values in drivers.items()}
    one = law.background(law.Drivers(**drivers), timeline, city)
    other = law.background(law.Drivers(**changed), timeline, city)
    for name in law.Background.__dataclass_fields__:
        before, after = getattr(one, name), getattr(other, name)
        np.testing.assert_array_equal(before[: cut + 1], after[: cut + 1], err_msg=name)
        if name != "odour":
            assert (before[cut + 1 :] != after[cut + 1 :]).any(), name


def test_without_a_shift_a_hazard_has_its_usual_shares_and_a_shift_only_worsens() -> None:
    shares = [REPORTING[name].severities for name in HAZARDS]
    draw = (np.arange(1000) + 0.5) / 1000
    for hazard in range(len(HAZARDS)):
        usual, worse = (grade(shares, np.full(1000, hazard), np.full(1000, by), draw) for by in (0.0, 0.7))
        np.testing.assert_allclose(np.bincount(usual, minlength=GRADES + 1)[1:] / 1000, shares[hazard], atol=0.001)
        assert (worse >= usual).all()
        assert (worse > usual).any()


def test_severity_hangs_on_the_scene_and_keeps_its_mean(year: World) -> None:
    incidents = true_incidents(year).to_pandas()
    hour = (incidents["occurred_s"] // 3600 + 9) % 24
    night, plants = (hour >= 21) | (hour < 6), year.city.plants[incidents["cell"]] > 3
    for name, scene in (("fire_explosion", plants), ("chemical_release", plants), ("traffic_accident", night)):
        of = incidents["hazard"] == name
        severity = incidents["severity"]
        assert severity[of & scene].mean() > severity[of & ~scene].mean() + 0.15, name
        usual = np.dot(REPORTING[name].severities, np.arange(1, GRADES + 1))
        assert abs(severity[of].mean() - usual) < 4 * severity[of].std() / np.sqrt(of.sum()), name


def test_other_seeds_give_other_cities() -> None:
    timeline = Timeline(date(2025, 1, 1), 7)
    one, other = (simulate_world(timeline, ulsan(), seed=seed) for seed in (1, 2))
    assert (one.counts != other.counts).any()


def test_gas_goes_downwind() -> None:
    city = ulsan()
    air = plume(city)
    source = int(np.flatnonzero(city.plant_cells == [c.asset_id for c in city.cells].index("8730c1205ffffff"))[0])
    emission = np.zeros(city.plant_cells.size)
    emission[source] = 100.0
    blown = air.spread(emission, wind_speed_m_s=2.0, wind_direction_deg=180.0)
    offset = city.positions_km - city.positions_km[city.plant_cells[source]]
    north, south = offset[:, 1] > 1.0, offset[:, 1] < -1.0
    assert blown[north].max() > 20.0
    assert blown[south].max() < 1.0
    assert air.spread(emission, wind_speed_m_s=8.0, wind_direction_deg=180.0)[north].max() < blown[north].max() / 2


def test_a_release_raises_risk_downwind_and_fires_bring_injuries() -> None:
    city = ulsan()
    memory = np.zeros((len(HAZARDS), len(city.cells)))
    memory[FIRE, 4] = 1.0
    after = law.followers(memory, city.neighbours)
    assert after[WORKER, 4] > after[FIRE, 4] > 0
    assert (after[FIRE] > 0).sum() == 1 + city.neighbours[4].sum()


def test_each_incident_brings_fewer_than_one_follower() -> None:
    offspring = OFFSPRING_OWN + OFFSPRING_NEAR
    assert np.max(np.abs(np.linalg.eigvals(offspring))) < 0.5


def test_offspring_over_all_time_is_as_stated() -> None:
    """One fire, followed until it is forgotten, brings the stated number of injuries in its own cell."""
    city = ulsan()
    memory = np.zeros((len(HAZARDS), len(city.cells)))
    memory[FIRE, 0] = 1.0
    total = 0.0
    for _ in range(400):
        total += law.followers(memory, city.neighbours)[WORKER, 0]
        memory = law.remember(memory, np.zeros_like(memory))
    assert total == pytest.approx(OFFSPRING_OWN[WORKER, FIRE], rel=1e-6)


def test_city_has_real_districts_and_unique_cells() -> None:
    city = ulsan()
    assert {cell.district for cell in city.cells} == set(DISTRICTS)
    assert len({cell.asset_id for cell in city.cells}) == len(city.cells)
    assert 1.05e6 < city.population.sum() < 1.15e6


def test_shipyard_rests_on_holidays_and_in_its_summer_stop() -> None:
    timeline = Timeline(date(2025, 7, 1), 60)
    ship = law.at_work(timeline)[:, 1]
    noon = timeline.hour == 10
    assert ship[noon & timeline.shutdown].max() < ship[noon & ~timeline.rest & ~timeline.shutdown].min() / 3
    assert ship[noon & timeline.holiday].max() < 0.1


def test_liberation_day_is_a_holiday_and_the_day_after_a_long_stop_a_restart() -> None:
    timeline = Timeline(date(2025, 8, 1), 30)
    at = {d: i * 24 for i, d in enumerate(timeline.dates)}
    assert timeline.holiday[at[date(2025, 8, 15)]]
    assert not timeline.holiday[at[date(2025, 8, 14)]]
    assert timeline.restart[at[date(2025, 8, 11)]]  # the stop ends on Sunday the 10th
    assert timeline.restart[at[date(2025, 8, 12)]]
    assert not timeline.restart[at[date(2025, 8, 13)]]


def test_weekly_and_daily_rhythms_are_there(year: World) -> None:
    shown, timeline = year.timeline.shown, year.timeline
    traffic = year.intensity[shown, TRAFFIC].sum(axis=1)
    work = year.intensity[shown, WORKER].sum(axis=1)
    hour, rest = timeline.hour[shown], timeline.rest[shown]
    assert traffic[hour == 18].mean() > 3 * traffic[hour == 3].mean()
    assert work[(hour == 10) & ~rest].mean() > 2 * work[(hour == 10) & rest].mean()
