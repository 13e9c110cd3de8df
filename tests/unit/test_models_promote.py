"""Each rule of the gate can refuse, and here each does."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from contracts.params import EvaluateParams, PromoteParams
from contracts.results import Decision, FloatArray
from models.evaluation import Judged
from models.promote import Contender, decide_promotion
from models.pyfunc import log_odds, sigmoid
from models.split import HOUR

RANDOM = np.random.default_rng(2)
HOURS, ASSETS = 60 * 24, 8
TRUTH = sigmoid(RANDOM.normal(-3.5, 1.3, HOURS * ASSETS))
OCCURRED = RANDOM.random(len(TRUTH)) < TRUTH
AS_OF = np.datetime64("2026-05-01T00:00", "us") + np.repeat(np.arange(HOURS), ASSETS) * HOUR
JUDGED = Judged("flood", "test", OCCURRED, AS_OF, base_rate=float(OCCURRED.mean()), alerts_per_day=5.0)
START = datetime(2026, 5, 1, tzinfo=UTC)
NOISY = sigmoid(log_odds(TRUTH) + RANDOM.normal(0, 0.8, len(TRUTH)))
FLAT = np.full(len(TRUTH), OCCURRED.mean())


def contender(probability: FloatArray, name: str = "ulsan-flood version 2", until: datetime = START) -> Contender:
    return Contender(name, probability, until)


def decide(
    challenger: Contender,
    champion: Contender | None = None,
    *,
    baselines: dict[str, FloatArray] | None = None,
    params: PromoteParams | None = None,
    judged: Judged = JUDGED,
) -> Decision:
    return decide_promotion(
        challenger,
        champion,
        judged=judged,
        baselines=baselines or {"climatology": FLAT},
        params=params or PromoteParams(),
        evaluate_params=EvaluateParams(),
        decided_at=datetime(2026, 7, 1, tzinfo=UTC),
    )


def refused_rules(decision: Decision) -> set[str]:
    assert decision.kind == "refuse"
    return {rule["name"] for rule in decision.inputs["rules"] if not rule["passed"]}


def test_a_better_model_is_promoted_with_every_rules_finding() -> None:
    decision = decide(contender(TRUTH), contender(NOISY, "version 1"))
    assert decision.kind == "promote"
    assert len(decision.reasons) == 2 + 3 + 2 * 2
    json.dumps(decision.as_json())


def test_the_first_model_is_gated_against_baselines() -> None:
    assert decide(contender(TRUTH)).kind == "promote"
    assert refused_rules(decide(contender(FLAT * 0.999), baselines={"climatology": TRUTH})) >= {"log_loss", "brier"}


def test_rows_that_were_fitted_on_are_no_test() -> None:
    seen = contender(TRUTH, until=START + timedelta(hours=1))
    assert refused_rules(decide(seen)) == {"untouched"}
    old = contender(NOISY, "version 1", until=START + timedelta(days=3))
    assert refused_rules(decide(contender(TRUTH), old)) == {"untouched"}


def test_too_few_incidents_refuse() -> None:
    params = PromoteParams(min_test_incidents=int(OCCURRED.sum()) + 1)
    assert refused_rules(decide(contender(TRUTH), params=params)) == {"incidents"}


def test_bad_calibration_refuses() -> None:
    hot = sigmoid(log_odds(TRUTH) + 0.7)
    assert "calibration" in refused_rules(decide(contender(hot)))
    assert decide(contender(TRUTH), params=PromoteParams(max_ece=0.02)).kind == "promote"


def test_no_skill_refuses() -> None:
    assert "skill" in refused_rules(decide(contender(FLAT), baselines={"worse": np.full(len(TRUTH), 0.5)}))


def test_not_surely_better_than_the_champion_refuses() -> None:
    hardly = sigmoid(log_odds(TRUTH) + RANDOM.normal(0, 0.02, len(TRUTH)))
    decision = decide(contender(TRUTH), contender(hardly, "version 1"))
    assert refused_rules(decision) <= {"log_loss", "brier"}
    assert "not surely better" in "; ".join(decision.reasons)


def test_worse_brier_score_than_a_baseline_refuses() -> None:
    """Better by log loss, worse by Brier score: shy at the top, where the Brier score lives."""
    rival = np.where(TRUTH < 0.05, TRUTH / 20, TRUTH)
    shy = np.where(TRUTH > 0.2, 0.2, TRUTH)
    assert refused_rules(decide(contender(shy), baselines={"bold": rival})) == {"brier"}


def test_one_lost_baseline_is_enough_to_refuse() -> None:
    decision = decide(contender(NOISY), baselines={"climatology": FLAT, "logistic_regression": TRUTH})
    assert "logistic_regression" in "; ".join(decision.reasons)
    assert refused_rules(decision) == {"log_loss", "brier"}


def test_luck_on_a_few_days_is_not_enough() -> None:
    """One block carries the whole gain: the interval over blocks reaches above 0."""
    lucky = FLAT.copy()
    first_week = AS_OF[0] + 7 * 24 * HOUR > AS_OF
    lucky[first_week] = TRUTH[first_week]
    assert "log_loss" in refused_rules(decide(contender(lucky)))


def test_a_champion_that_is_the_same_model_stays() -> None:
    assert "log_loss" in refused_rules(decide(contender(TRUTH), contender(TRUTH, "version 1")))


def test_judged_rows_without_incident_cannot_decide() -> None:
    from contracts.errors import NotEnoughData

    with pytest.raises(NotEnoughData, match="no incident"):
        decide(contender(TRUTH), judged=replace(JUDGED, occurred=np.zeros(len(TRUTH), dtype=bool)))
