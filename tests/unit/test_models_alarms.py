"""Every alarm number against a loop that a person could follow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.results import BoolArray, FloatArray, InstantArray, IntArray
from models.alarms import Timeline, budget_row, budget_table, cost_curve, hits_at_k, lead_times, share_in_top
from models.bands import budget_threshold
from models.split import HOUR

START = np.datetime64("2026-03-01T00:00", "us")


def grid(assets: int, hours: int) -> tuple[IntArray, InstantArray]:
    return np.tile(np.arange(assets), hours), START + np.repeat(np.arange(hours), assets) * HOUR


def slow_runs(marked: dict[tuple[int, int], bool], assets: int, hours: int) -> list[list[tuple[int, int]]]:
    runs: list[list[tuple[int, int]]] = []
    for asset in range(assets):
        open_run: list[tuple[int, int]] = []
        for hour in range(hours):
            if marked[asset, hour]:
                open_run.append((asset, hour))
            elif open_run:
                runs.append(open_run)
                open_run = []
        if open_run:
            runs.append(open_run)
    return runs


def slow(alert: BoolArray, occurred: BoolArray, assets: int, hours: int) -> tuple[list[int], int, int]:
    cells = [(a, h) for h in range(hours) for a in range(assets)]
    alerts, hits = dict(zip(cells, alert, strict=True)), dict(zip(cells, occurred, strict=True))
    runs, incidents = slow_runs(alerts, assets, hours), slow_runs(hits, assets, hours)
    leads = []
    for incident in incidents:
        alerted = [cell for cell in incident if alerts[cell]]
        if alerted:
            run = next(run for run in runs if alerted[-1] in run)
            leads.append(incident[-1][1] - run[0][1])
    return leads, sum(not any(hits[cell] for cell in run) for run in runs), len(incidents)


@given(seed=st.integers(0, 10_000), density=st.floats(0.05, 0.7))
@settings(deadline=None, max_examples=60)
def test_runs_leads_and_false_alarms_are_those_of_a_slow_loop(seed: int, density: float) -> None:
    random = np.random.default_rng(seed)
    asset, as_of = grid(3, 20)
    alert, occurred = random.random(60) < density, random.random(60) < 0.2
    occurred[7] = True
    shuffled = random.permutation(60)
    timeline = Timeline.of(asset[shuffled], as_of[shuffled])
    leads, false_alarms, incidents = slow(alert, occurred, 3, 20)
    assert sorted(lead_times(alert[shuffled], occurred[shuffled], timeline)) == sorted(leads)
    row = budget_row(alert[shuffled] * 0.5, occurred[shuffled], timeline, threshold=0.4, asked_per_day=None)
    assert (row.caught, row.incidents, row.false_alarms) == (len(leads), incidents, false_alarms)
    assert row.alerts == alert.sum()
    assert row.hours_between_false_alarms == (20 / false_alarms if false_alarms else None)
    assert row.most_at_once == max(int(alert[as_of == at].sum()) for at in as_of)


def test_a_gap_in_time_ends_a_run() -> None:
    as_of = START + np.array([0, 1, 2, 9, 10]) * HOUR
    timeline = Timeline.of(np.zeros(5, dtype=np.int64), as_of)
    alert, occurred = np.ones(5, dtype=bool), np.array([False, False, False, False, True])
    assert list(lead_times(alert, occurred, timeline)) == [1.0]


def test_alerts_that_ended_before_do_not_count_as_notice() -> None:
    timeline = Timeline.of(np.zeros(6, dtype=np.int64), START + np.arange(6) * HOUR)
    alert = np.array([True, True, True, False, False, False])
    assert len(lead_times(alert, np.array([False] * 5 + [True]), timeline)) == 0


@given(seed=st.integers(0, 10_000), k=st.integers(1, 7))
@settings(deadline=None, max_examples=60)
def test_hits_at_k_are_the_mean_over_fair_draws_of_equal_rows(seed: int, k: int) -> None:
    random = np.random.default_rng(seed)
    group, value = random.integers(0, 4, 30), random.integers(0, 4, 30) / 10
    occurred = random.random(30) < 0.3
    occurred[0] = True
    expected = 0.0
    for row in np.flatnonzero(occurred):
        mine = group == group[row]
        above, equal = (value[mine] > value[row]).sum(), (value[mine] == value[row]).sum()
        expected += min(max(k - above, 0), equal) / equal
    got, chance = share_in_top(value, occurred, group, k)
    assert got == pytest.approx(expected / occurred.sum())
    blind = [min(1, k / (group == group[row]).sum()) for row in np.flatnonzero(occurred)]
    assert chance == pytest.approx(np.mean(blind))


def table_of(probability: FloatArray, occurred: BoolArray, *, alerts_per_day: float):  # type: ignore[no-untyped-def]
    asset, as_of = grid(4, len(probability) // 4)
    timeline = Timeline.of(asset, as_of)
    return budget_table(probability, occurred, timeline, alerts_per_day=alerts_per_day, released=0.5)


def test_a_budget_is_never_exceeded_and_a_larger_one_catches_more() -> None:
    random = np.random.default_rng(0)
    risk = random.beta(0.5, 5, 4 * 240)
    occurred = random.random(960) < risk
    released, *budgets = table_of(risk, occurred, alerts_per_day=8)
    assert released.asked_per_day is None
    assert [b.asked_per_day for b in budgets] == [2, 4, 8, 16, 32]
    for row in budgets:
        assert row.alerts_per_day <= row.asked_per_day
        assert row.left_out == 0 or row.alerts < int(row.asked_per_day * 10)
    recalls = [b.recall for b in budgets]
    assert recalls == sorted(recalls)
    assert budgets[2].recall > 3 * budgets[2].alerts / 960


def test_equal_rows_that_break_the_budget_are_left_out_and_said() -> None:
    risk = np.full(96, 0.01)
    risk[:2] = 0.2
    occurred = np.zeros(96, dtype=bool)
    occurred[[0, 50]] = True
    _, *budgets = table_of(risk, occurred, alerts_per_day=8)
    assert (budgets[2].alerts, budgets[2].left_out, budgets[2].recall) == (2, 94, 0.5)
    _, *budgets = table_of(np.full(96, 0.01), occurred, alerts_per_day=8)
    assert (budgets[2].alerts, budgets[2].left_out, budgets[2].precision) == (0, 96, None)
    assert budgets[2].hours_between_false_alarms is None


@given(rising=st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4]), min_size=1, max_size=12), budget=st.integers(0, 14))
def test_the_budget_threshold_is_the_least_that_keeps_the_budget(rising: list[float], budget: int) -> None:
    values = np.array(rising)
    threshold = budget_threshold(np.sort(values)[::-1], budget=budget)
    assert (values >= threshold).sum() <= budget
    lower = [v for v in values if v < threshold]
    assert not lower or (values >= max(lower)).sum() > budget


def test_costs_by_hand_and_against_never_and_always() -> None:
    risk, occurred = np.array([0.05, 0.2, 0.6, 0.9]), np.array([False, True, False, True])
    curve = {point.ratio: point for point in cost_curve(risk, np.full(4, 0.4), occurred, ratios=(1.0, 9.0, 99.0))}
    assert curve[1.0].model == pytest.approx(1000 * (1 + 1) / 4)  # 0.6 false, 0.2 missed
    assert curve[9.0].model == pytest.approx(1000 * 1 / 4)
    assert curve[1.0].climatology == curve[1.0].never == pytest.approx(500)
    assert curve[99.0].climatology == curve[99.0].always == pytest.approx(500)


def test_the_true_risk_is_never_dearer_than_any_fixed_rule() -> None:
    random = np.random.default_rng(4)
    risk = random.beta(0.3, 6, 200_000)
    for point in cost_curve(risk, np.full(len(risk), risk.mean()), random.random(len(risk)) < risk):
        assert point.model <= 1.01 * min(point.never, point.always, point.climatology)


def test_hits_are_reported_for_instants_and_days() -> None:
    asset, as_of = grid(4, 48)
    occurred = asset == 2
    hits = hits_at_k(np.where(asset == 2, 0.5, 0.1), occurred, as_of, alerts_per_day=12)
    assert [(h.per, h.k) for h in hits] == [
        ("instant", 1),
        ("instant", 3),
        ("instant", 5),
        ("instant", 10),
        ("day", 12),
    ]
    assert hits[0].share == 1.0
    assert hits[0].by_chance == pytest.approx(0.25)
    assert hits[-1].share == pytest.approx(0.5)
