"""The counting of `benchmarks.monitoring`: delays, names, calls, losses, and when a change could be seen at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from benchmarks.monitoring_year.changes import Change, evidence_hours
from benchmarks.monitoring_year.outcome import Changed, Outcome, Quiet, side_by_side, table, worst_of
from benchmarks.monitoring_year.scores import Named, Truth, calls_per_month, counted, median_delay, named, total_loss
from benchmarks.monitoring_year.watch import Watched
from contracts.results import Decision
from monitoring import Finding

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
MIDNIGHT = NOON + timedelta(hours=12)
UNTIL = NOON + timedelta(days=42)
SWAP = Change("unit swap", NOON, NOON, "", ("unit_change",), "university", "wind_speed_m_s")
LAW = Change("hazard's law", NOON, NOON + timedelta(days=8), "", (), hazards=("traffic_accident",))


def finding(kind: str, *, partner: str = "university", metric: str = "wind_speed_m_s") -> Finding:
    return Finding(kind, f"{kind} words", NOON, partner, metric)  # type: ignore[arg-type]


def watched(
    found: Mapping[int, tuple[Finding, ...]], decisions: tuple[Decision, ...] = (), *, released: int = 0
) -> Watched:
    """found: after how many midnights -> findings."""
    days = {MIDNIGHT + timedelta(days=n): found.get(n, ()) for n in range(-3, 42)}
    return Watched(decisions, days, pl.DataFrame(), released)


def decision(kind: str, *, days: float, hazard: str = "traffic_accident") -> Decision:
    return Decision(kind, f"ulsan-{hazard}", ("why",), NOON + timedelta(days=days), {})  # type: ignore[arg-type]


def test_a_delay_counts_from_when_the_change_could_be_seen() -> None:
    found = named(SWAP, watched({1: (finding("unit_change"),), 2: (finding("unit_change"),)}), until=UNTIL)
    assert found.delay_days == 1.5
    assert found.words == "unit_change words"
    late = named(SWAP, watched({1: (finding("unit_change"),)}), until=NOON + timedelta(days=1))
    assert late.delay_days is None


@pytest.mark.parametrize(
    "wrong",
    [finding("biased"), finding("unit_change", metric="rain_mm"), finding("unit_change", partner="city")],
)
def test_another_name_metric_or_partner_is_no_detection(wrong: Finding) -> None:
    assert named(SWAP, watched({1: (wrong,)}), until=UNTIL).at is None


def test_what_was_said_before_the_change_is_no_detection_of_it() -> None:
    everyday = {n: (finding("unit_change"),) for n in range(-1, 5)}
    assert named(SWAP, watched(everyday), until=UNTIL).at is None


def test_other_faults_named_in_the_first_week_are_shown_beside() -> None:
    seen = {2: (finding("unit_change"), finding("biased")), 20: (finding("stuck"),)}
    assert named(SWAP, watched(seen), until=UNTIL).others == ("biased",)


def test_a_law_is_named_by_the_decision_to_retrain_its_own_hazard() -> None:
    decisions = (
        decision("retrain", days=5, hazard="chemical_release"),
        decision("recalibrate", days=6),
        decision("retrain", days=10),
    )
    assert named(LAW, watched({}, decisions), until=UNTIL).delay_days == 2.0
    early = named(LAW, watched({}, (decision("retrain", days=3),)), until=UNTIL)
    assert early.delay_days == 0.0


def test_a_change_that_is_never_named_counts_as_endless() -> None:
    two = Named(SWAP, NOON + timedelta(days=2), "", ())
    assert median_delay((two, two, Named(SWAP, None, "", ()))) == 2.0
    assert np.isinf(median_delay((two, Named(SWAP, None, "", ()), Named(SWAP, None, "", ()))))


def test_decisions_are_counted_by_kind_and_calls_by_month() -> None:
    year = watched({}, (decision("retrain", days=1), decision("retrain", days=20), decision("call_a_person", days=3)))
    assert counted(year, "retrain") == 2
    assert calls_per_month(12, days=365.2425) == pytest.approx(1.0)


def truth() -> Truth:
    occurred = np.array([[True, False], [False, False]])
    return Truth(NOON, ("a", "b"), {"flood": occurred}, {"flood": np.where(occurred, 0.5, 0.25)})


def scores(probability: list[float]) -> pl.DataFrame:
    hours = [0, 0, 1, 2]
    return pl.DataFrame(
        {
            "asset_id": ["b", "a", "b", "a"],
            "hazard": ["flood"] * 4,
            "as_of": [NOON + timedelta(hours=hour) for hour in hours],
            "probability": probability,
        }
    )


def test_the_loss_is_of_each_forecast_and_what_came_of_it() -> None:
    """The last forecast is of an hour that the simulation does not have."""
    loss = total_loss(scores([0.2, 0.9, 0.4, 0.5]), truth())
    assert loss == pytest.approx(-np.log(0.8) - np.log(0.9) - np.log(0.6))


def test_the_least_loss_is_that_of_the_true_risk_on_the_same_forecasts() -> None:
    assert truth().least(scores([0.2, 0.9, 0.4, 0.5])) == pytest.approx(-np.log(0.75) - np.log(0.5) - np.log(0.75))


def test_a_changed_law_shows_after_as_many_hours_as_it_is_large() -> None:
    random = np.random.default_rng(5)
    old = np.full((1000, 40), 0.05)
    small, large = (
        evidence_hours(random.random(old.shape) < times * old, old, times * old, standard_errors=4.0)
        for times in (1.5, 4.0)
    )
    assert small is not None
    assert large is not None
    assert large < 5 < small < 200


def test_a_law_that_did_not_change_is_never_sure() -> None:
    random = np.random.default_rng(6)
    old = np.full((1000, 40), 0.05)
    assert evidence_hours(random.random(old.shape) < old, old, 2 * old, standard_errors=4.0) is None


def outcome(seed: int, *, calls: int = 2, found: bool = False) -> Outcome:
    law = Named(LAW, NOON + timedelta(days=9) if found else None, "", ())
    named_so = (Named(SWAP, NOON + timedelta(days=1), "", ()), law)
    losses = {"ours": 103.0, "oracle": 100.0, "never": 110.0, "truth": 90.0}
    return Outcome(seed, 365, Quiet(1, 0, ("why",) * calls, 104), Changed(named_so, 3, 1, 2, 8, 4, 100, losses))


def test_the_summary_has_the_promised_keys_and_counts() -> None:
    assert json.loads(json.dumps(outcome(1).numbers)) == {
        "needless_retrainings": 1,
        "false_calls_per_month": 0.17,
        "changes_detected": 1,
        "median_delay_days": np.inf,
        "loss_vs_oracle": 1.03,
        "retrainings": 3,
        "naive_retrainings": 100,
    }
    lines = table(outcome(1)).splitlines()
    assert lines[1].split()[-2:] == ["d", "unit_change"]
    assert "never" in lines[2]


def test_of_several_seeds_each_number_is_the_worst() -> None:
    three = (outcome(1), outcome(2, calls=24), outcome(3, found=True))
    worst = worst_of(three)
    assert worst["false_calls_per_month"] == 2.0
    assert worst["changes_detected"] == 1
    assert worst["median_delay_days"] == np.inf
    lines = side_by_side(three).splitlines()
    assert lines[2].split()[-3:] == ["never", "1.0", "d"]
    assert [line.split()[0] for line in lines[-5:]] == ["1", "2", "3", "worst", "median"]
    assert lines[-5].split()[-5:] == ["2", "of", "4", "35.0", "%"]
