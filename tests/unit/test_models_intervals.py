"""Stated 90 % holds: where the true risk is known, row by row, and for the counts that anyone can check."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import nbinom, poisson

from contracts.results import FloatArray
from contracts.worth import Coverage
from models.aftermath import Aftermath, fit_aftermath
from models.counts import Groups, covered, district_weeks, fit_relative_variance
from models.coverage import count_coverage, coverage, risk_coverage
from models.intervals import UNSEEN_DAYS, IntervalTable, fit_interval
from models.pyfunc import count_chances, count_interval, log_odds, sigmoid
from models.refit import Refit
from models.split import HOUR
from models.where import Where
from tests.contagion import Contagion, contagion
from tests.synthetic_risk import walk

DISTRICTS = ("a", "b", "c", "d")


def holds(found: Coverage) -> bool:
    """The promise of docs/decisions/007."""
    return 0.87 <= found.covered <= 0.93 and found.worst >= 0.8


def of_walk(table: IntervalTable) -> Coverage:
    here = walk().city.labels.rows[walk().parts.test]
    spine = walk().city.features.spine
    where = Where.of(spine.asset[here], [DISTRICTS[a % 4] for a in range(len(spine.assets))])
    low, high = table.apply(walk().trial.probability)
    return risk_coverage(low, high, walk().city.truth[here], where, level=0.9)[1]


def test_a_rows_true_risk_is_covered_as_stated_and_in_the_worst_district() -> None:
    assert holds(of_walk(walk().fitted.model.interval))


def test_the_check_fails_a_deliberately_narrow_interval() -> None:
    table = walk().fitted.model.interval
    narrow = replace(table, below=tuple(0.4 * b for b in table.below), above=tuple(0.4 * a for a in table.above))
    assert not holds(of_walk(narrow))


def test_the_level_is_covered_where_bins_are_homogeneous() -> None:
    """Few distinct risks, each forecast as the calibration part shows it, by a fit that does not stray."""
    levels, which = np.array([0.02, 0.03, 0.05]), np.repeat([0, 1, 2], 4000)
    inside = []
    for seed in range(200):
        occurred = np.random.default_rng(seed).random(len(which)) < levels[which]
        forecast = np.bincount(which, weights=occurred) / 4000
        stated = forecast[which]
        exact = Refit(stated, stated)
        table = fit_interval(stated, occurred, refit=exact, history_days=400, aftermath=Aftermath(), level=0.9)
        low, high = table.apply(forecast)
        inside.append((low <= levels) & (high >= levels))
    assert 0.86 <= np.mean(inside) <= 0.94


def test_a_fit_that_strays_widens_the_interval_and_the_table_is_data() -> None:
    random = np.random.default_rng(2)
    risk = sigmoid(random.normal(-3, 1, 5000))
    occurred = random.random(5000) < risk
    sure = fit_interval(risk, occurred, refit=Refit(risk, risk), history_days=400, aftermath=Aftermath(), level=0.9)
    refitted = sigmoid(log_odds(risk) + random.normal(0, 0.5, 5000))
    straying = fit_interval(
        risk, occurred, refit=Refit(risk, refitted), history_days=400, aftermath=Aftermath(), level=0.9
    )
    assert np.all(straying.apply(risk)[0] < sure.apply(risk)[0])
    assert np.all(straying.apply(risk)[1] > sure.apply(risk)[1])
    assert IntervalTable.from_json(json.loads(json.dumps(straying.to_json()))) == straying


def test_what_no_column_tells_does_not_fade_with_a_longer_history() -> None:
    """A fit that strays by a third of the variance after thrice the usual history: as much in all as 4 thirds of it."""
    random = np.random.default_rng(2)
    risk = sigmoid(random.normal(-3, 1, 5000))
    occurred = random.random(5000) < risk
    error = random.normal(0, 0.5, 5000)

    def widths(error: FloatArray, days: float) -> FloatArray:
        refit = Refit(risk, sigmoid(log_odds(risk) + error))
        return np.array(
            fit_interval(risk, occurred, refit=refit, history_days=days, aftermath=Aftermath(), level=0.9).above
        )

    usual, long = widths(error, UNSEEN_DAYS), widths(error / np.sqrt(3), 3 * UNSEEN_DAYS)
    assert widths(error, 10) == pytest.approx(usual), "a short history is not taken to hide less"
    assert 0.7 < long.mean() / usual.mean() < 0.95
    assert widths(error / np.sqrt(3), UNSEEN_DAYS).mean() < 0.9 * long.mean()


def of_contagion(learned: Contagion, later: Contagion, aftermath: Aftermath) -> Coverage:
    refit = Refit(learned.forecast, learned.refitted)
    table = fit_interval(
        learned.forecast, learned.occurred, refit=refit, history_days=400, aftermath=aftermath, level=0.9
    )
    where = Where.of(later.asset, [DISTRICTS[a % 4] for a in range(int(later.asset.max()) + 1)])
    low, high = table.apply(later.forecast)
    return risk_coverage(low, high, later.truth, where, level=0.9)[1]


def test_where_incidents_bring_incidents_nobody_reported_the_upper_end_knows() -> None:
    city = contagion(brought=0.15, days=200)
    learned, later = city.between(0, 0.5), city.between(0.5, 1)
    found = fit_aftermath(learned.forecast, learned.occurred, asset=learned.asset, as_of=learned.as_of, horizon_hours=1)
    assert holds(of_contagion(learned, later, found))
    assert not holds(of_contagion(learned, later, Aftermath()))


def test_a_jump_is_a_long_step_from_a_low_forecast_and_moves_no_lower_end() -> None:
    risk = sigmoid(np.random.default_rng(2).normal(-4, 1.5, 5000))
    refitted = sigmoid(log_odds(risk) + np.random.default_rng(3).normal(0, 0.3, 5000))
    occurred = np.random.default_rng(4).random(5000) < risk
    usual, jumping = (
        fit_interval(risk, occurred, refit=Refit(risk, refitted), history_days=400, aftermath=aftermath, level=0.9)
        for aftermath in (Aftermath(), Aftermath(share=0.06, jump=0.02))
    )
    longer = np.array(jumping.above) - np.array(usual.above)
    assert jumping.below == usual.below
    assert np.all(longer > 0)
    assert longer[0] > 4 * longer[-1]


def made_groups(seed: int, weeks: int, *, relative_variance: float) -> Groups:
    """Districts of very different size, whose weekly risk strays from the forecast by a gamma factor of mean 1."""
    random = np.random.default_rng(seed)
    district, week = np.repeat(np.arange(4), weeks), np.tile(np.arange(weeks), 4)
    expected = np.array([0.4, 3.0, 12.0, 40.0])[district] * random.uniform(0.7, 1.3, 4 * weeks)
    factor = random.gamma(1 / relative_variance, relative_variance, 4 * weeks)
    return Groups(expected, random.poisson(expected * factor).astype(float), district, week)


def count_promise(relative_variance: float | None) -> Coverage:
    """Five cities: fitted on 40 weeks each (or given), judged on the next 100; together."""
    inside, district = [], []
    for seed in range(5):
        groups = made_groups(seed, 140, relative_variance=0.15)
        early, later = (
            Groups(groups.expected[at], groups.observed[at], groups.district[at], groups.week[at])
            for at in (groups.week < 40, groups.week >= 40)
        )
        fitted = fit_relative_variance(early) if relative_variance is None else relative_variance
        inside.append(covered(later, fitted, level=0.9))
        district.append(later.district)
    return coverage("counts", np.concatenate(inside), np.concatenate(district), DISTRICTS, level=0.9)


def test_counts_of_districts_and_weeks_are_covered_as_stated() -> None:
    assert fit_relative_variance(made_groups(1, 400, relative_variance=0.15)) == pytest.approx(0.15, abs=0.03)
    assert holds(count_promise(None))


def test_the_count_check_fails_an_interval_that_knows_only_chance() -> None:
    assert not holds(count_promise(0.0))


def test_counts_that_vary_by_chance_alone_need_no_more() -> None:
    random = np.random.default_rng(0)
    groups = made_groups(0, 60, relative_variance=0.15)
    plain = replace(groups, observed=random.poisson(groups.expected).astype(float))
    assert fit_relative_variance(plain) < 0.02
    assert fit_relative_variance(replace(groups, observed=np.zeros(240))) == 0.0


def test_a_level_that_moves_between_the_halves_is_in_the_variance() -> None:
    groups = made_groups(5, 60, relative_variance=0.01)
    drifted = replace(groups, observed=np.where(groups.week < 30, 1.0, 2.0) * groups.observed)
    assert fit_relative_variance(drifted) > 5 * fit_relative_variance(groups)


@pytest.mark.parametrize("relative_variance", [0.0, 0.02, 0.5, 3.0])
def test_the_interval_that_travels_is_scipys(relative_variance: float) -> None:
    expected = np.array([0.001, 0.3, 2.0, 17.5, 240.0])
    low, high = count_interval(expected, relative_variance, level=0.9)
    if relative_variance:
        size = 1 / relative_variance
        law = nbinom(size, size / (size + expected))
    else:
        law = poisson(expected)
    np.testing.assert_array_equal(low, law.ppf(0.05))
    np.testing.assert_array_equal(high, law.ppf(0.95))
    np.testing.assert_allclose(count_chances(expected, relative_variance, 50)[:, 7], law.pmf(7), rtol=1e-9)


def test_rows_are_summed_by_district_and_whole_week() -> None:
    hours = 24 * 17  # two weeks and three days
    district = np.tile([0, 1], hours)
    as_of = np.datetime64("2026-03-01", "us") + np.repeat(np.arange(hours), 2) * HOUR
    probability = np.where(district == 0, 0.1, 0.01)
    count = np.where(as_of == as_of[0], 3, 0)
    groups = district_weeks(probability, count, district=district, as_of=as_of, horizon_over_cadence=1)
    assert list(zip(groups.district, groups.week, strict=True)) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    np.testing.assert_allclose(groups.expected, [-168 * np.log(0.9)] * 2 + [-168 * np.log(0.99)] * 2)
    np.testing.assert_array_equal(groups.observed, [3, 0, 3, 0])


def test_an_incident_in_many_windows_is_one_incident() -> None:
    hours, horizon = 24 * 14, 24
    as_of = np.datetime64("2026-03-01", "us") + np.arange(hours) * HOUR
    count = ((np.arange(hours) >= 76) & (np.arange(hours) < 100)).astype(np.int64)
    where = Where.of(np.zeros(hours, dtype=np.int64), ["x"])
    found = count_coverage(
        np.full(hours, 1 - np.exp(-0.07)), count, where, as_of, relative_variance=0.0, horizon_hours=horizon, level=0.9
    )
    assert found.cases == 2
    one: FloatArray = np.array([1.0, 0.0])
    groups = district_weeks(
        np.full(hours, 0.1), count, district=where.district, as_of=as_of, horizon_over_cadence=horizon
    )
    np.testing.assert_array_equal(groups.observed, one)
