"""A replayed history: who is in charge when, and how it is judged."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy.stats import poisson

from contracts.errors import ForesafeError, NotEnoughData
from contracts.params import EvaluateParams
from contracts.replay import MODEL, NOBODY, Replayed
from contracts.results import Decision, FloatArray, IntArray, Labels
from flows.months import month_borders, month_name
from models.backtest import Step, Term, World, challenge, rows_between, walk
from models.hindsight import judge_history
from tests.replay_world import END, FIRST, final_labels, terms, world

PARAMS = EvaluateParams(replicates=40, block_days=5)
UTC_JAN, UTC_FEB, UTC_MARCH = THREE = tuple(datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3))
DISTRICTS = ["남구", "울주군"] * 5


def test_climatology_is_in_charge_until_a_model_wins() -> None:
    here = world()
    steps = list(walk(here, (challenge(lambda: here, term) for term in terms(3, 20, 80, 115))))
    assert [step.champion for step in steps] == [NOBODY, NOBODY, "model of day 80", steps[3].champion]
    assert steps[0].decision.by == "the training"
    assert "days of labelled rows" in steps[1].decision.reasons[0]
    assert steps[2].decision.kind == "promote"
    for step in steps[:2]:
        assert np.array_equal(step.probability, step.baselines["climatology"])
    assert not np.array_equal(steps[2].probability, steps[2].baselines["climatology"])
    assert steps[3].decision.inputs["champion"] == "model of day 80"
    forecast = np.concatenate([step.rows for step in steps])
    assert np.array_equal(forecast, rows_between(here.features.spine.as_of, FIRST + timedelta(days=3), END))


def test_too_few_incidents_leave_climatology_in_charge_and_say_why() -> None:
    here = world()
    train = here.params.train.model_copy(update={"min_incidents": 10**6})
    rare = replace(here, params=here.params.model_copy(update={"train": train}))
    step = next(walk(rare, [challenge(lambda: rare, terms(100)[0])]))
    assert (step.champion, step.decision.kind) == (NOBODY, "refuse")
    assert "allowed: at least 1000000" in step.decision.reasons[0]


def test_a_time_without_any_incident_is_no_crash() -> None:
    here = world()
    quiet = replace(here, incidents=here.incidents.clear())
    step = next(walk(quiet, [challenge(lambda: quiet, terms(100)[0])]))
    assert (step.champion, step.decision.kind) == (NOBODY, "refuse")
    assert "0 training rows with an incident" in step.decision.reasons[0]


def made_up_steps(rows: IntArray, forecast: FloatArray, climatology: FloatArray) -> list[Step]:
    decision = Decision("promote", "model of january", ("",), decided_at=UTC_JAN)
    term = Term("january", UTC_JAN, UTC_MARCH)
    baselines = {"climatology": climatology, "recent_rate": climatology, "logistic_regression": climatology}
    return [Step(term, decision, "model of january", rows, forecast, baselines, 0.0)]


def two_months() -> tuple[Labels, list[Step], FloatArray]:
    """January and February of the synthetic city, forecast by its true risk; climatology is the mean."""
    here, final = world(), final_labels(world())
    as_of = here.features.spine.as_of
    rows = rows_between(as_of, UTC_JAN, UTC_MARCH)
    truth = np.clip(final.occurred[np.searchsorted(final.rows, rows)] * 0.5 + 0.05, 0.01, 0.99)
    return final, made_up_steps(rows, truth, np.full(len(rows), 0.08)), truth


def judge(here: World, steps: list[Step], final: Labels) -> Replayed:
    spine = here.features.spine
    return judge_history(steps, spine, final, borders=THREE, districts=DISTRICTS, level=0.9, params=PARAMS)


def test_each_month_and_the_whole_are_judged_by_the_final_labels() -> None:
    """Against the obvious computation, row by row."""
    here, (final, steps, forecast) = world(), two_months()
    found = judge(here, steps, final)
    occurred = final.occurred[steps[0].rows]
    january = here.features.spine.as_of[steps[0].rows] < np.datetime64("2026-02-01")

    def skill(chosen: np.ndarray) -> float:  # type: ignore[type-arg]
        mine = -np.log(np.where(occurred, forecast, 1 - forecast))[chosen].mean()
        return float(1 - mine / -np.log(np.where(occurred, 0.08, 0.92))[chosen].mean())

    first, second = found.months
    assert first.skill is not None
    assert second.skill is not None
    assert first.skill[MODEL].value == pytest.approx(skill(january))
    assert second.skill[MODEL].value == pytest.approx(skill(~january))
    assert found.whole[MODEL].value == pytest.approx(skill(np.ones(len(january), bool)))
    assert found.whole[MODEL].low < found.whole[MODEL].value < found.whole[MODEL].high
    assert (first.incidents, second.incidents) == (occurred[january].sum(), occurred[~january].sum())
    assert first.expected == pytest.approx(forecast[january].sum())
    assert first.champions == ("model of january",)
    assert found.whole["recent_rate"].value == 0.0


def test_forecasts_without_an_outcome_are_left_out_and_counted() -> None:
    here, (final, steps, _) = world(), two_months()
    half = len(steps[0].rows) // 4
    fewer = replace(final, **{name: getattr(final, name)[:half] for name in ("rows", "occurred", "count", "severity")})
    found = judge(here, steps, fewer)
    first, second = found.months
    assert first.rows == half
    assert second.rows == 0
    assert (second.skill, second.log_loss) == (None, {})
    assert first.unripe + second.unripe == len(steps[0].rows) - half
    assert found.whole == first.cumulative


def test_a_time_without_any_outcome_is_refused() -> None:
    here, (final, steps, _) = world(), two_months()
    none = replace(final, **{name: getattr(final, name)[:0] for name in ("rows", "occurred", "count", "severity")})
    with pytest.raises(NotEnoughData, match=r"no forecast from 2026-01-01 to 2026-03-01 has an outcome"):
        judge(here, steps, none)


def test_intervals_of_a_districts_week_are_held_against_what_came() -> None:
    """Against the obvious count, week by week; 59 days are 8 whole weeks of two districts."""
    here, (final, steps, forecast) = world(), two_months()
    found = judge(here, steps, final).coverage
    assert found is not None
    rows, spine = steps[0].rows, here.features.spine
    day = (spine.as_of[rows] - spine.as_of[rows].min()) // np.timedelta64(1, "D")
    inside: dict[str, list[float]] = {"남구": [], "울주군": []}
    for name in inside:
        for week in range(8):
            these = (day // 7 == week) & (np.array(DISTRICTS)[spine.asset[rows]] == name)
            expected, count = (
                -np.log1p(-forecast[these]).sum(),
                final.count[np.searchsorted(final.rows, rows[these])].sum(),
            )
            low, high = poisson.cdf(count - 1, expected), poisson.cdf(count, expected)
            inside[name].append(max(min(high, 0.95) - max(low, 0.05), 0.0) / (high - low))
    assert found.by_group == pytest.approx({name: np.mean(values) for name, values in inside.items()})
    assert found.cases == 16
    assert found.covered == pytest.approx(np.mean([*inside["남구"], *inside["울주군"]]))


def test_forecasts_that_are_too_low_are_not_covered() -> None:
    here, (final, steps, forecast) = world(), two_months()
    found = judge(here, [replace(steps[0], probability=forecast / 4)], final).coverage
    assert found is not None
    assert found.covered < 0.3


def test_climatology_in_charge_states_no_interval() -> None:
    here, (final, steps, _) = world(), two_months()
    assert judge(here, [replace(steps[0], count_variance=None)], final).coverage is None


def borders(since: str = "", until: str = "") -> list[str]:
    first, last = datetime(2025, 1, 29, 3, tzinfo=UTC), datetime(2025, 6, 30, 16, tzinfo=UTC)
    found = month_borders(first, last, zone="Asia/Seoul", since=since, until=until)
    assert all(at.tzinfo is UTC for at in found)
    return [month_name(at, zone="Asia/Seoul") for at in found]


def test_months_are_the_pilots_own() -> None:
    """The last forecast is an hour into July in Seoul: too little to be a month."""
    assert borders() == ["2025-02", "2025-03", "2025-04", "2025-05", "2025-06", "2025-07"]
    assert borders("2025-03", "2025-04") == ["2025-03", "2025-04", "2025-05"]
    assert borders("1990-01", "2025-02") == ["2025-02", "2025-03"]
    starts = month_borders(UTC_JAN, UTC_MARCH, zone="Asia/Seoul", since="2026-02", until="2026-02")
    assert starts[0] == datetime(2026, 1, 31, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "until", "said"),
    [
        ("2025-05", "2025-03", r"--from 2025-05 is after --to 2025-03"),
        ("2025-13", "", r"--from: '2025-13' is not a month; allowed: a month such as 2026-03"),
        ("", "soon", r"--to: 'soon' is not a month"),
        ("2030-01", "", r"no whole month from 2030-01 to 2025-06 has features; allowed: 2025-02 to 2025-06"),
        ("", "2020-01", r"no whole month from 2025-02 to 2020-01 has features"),
    ],
)
def test_months_that_make_no_sense_are_refused(since: str, until: str, said: str) -> None:
    with pytest.raises(ForesafeError, match=said):
        borders(since, until)
