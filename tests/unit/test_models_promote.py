"""Each rule of the gate can refuse, and here each does."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.params import EvaluateParams, PromoteParams
from contracts.results import Decision, FloatArray
from models.evaluation import Judged
from models.influence import WithoutPartner, levelled
from models.promote import Contender, Surroundings, decide_promotion
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
    surroundings: Surroundings | None = None,
) -> Decision:
    return decide_promotion(
        challenger,
        champion,
        judged=judged,
        baselines=baselines or {"climatology": FLAT},
        params=params or PromoteParams(),
        evaluate_params=EvaluateParams(),
        decided_at=datetime(2026, 7, 1, tzinfo=UTC),
        surroundings=surroundings,
    )


def refused_rules(decision: Decision) -> set[str]:
    assert decision.kind == "refuse"
    return {rule["name"] for rule in decision.inputs["rules"] if not rule["passed"]}


def test_a_better_model_is_promoted_with_every_rules_finding() -> None:
    decision = decide(contender(TRUTH), contender(NOISY, "version 1"))
    assert decision.kind == "promote"
    assert len(decision.reasons) == 2 + 3 + 2 * 2 + 1
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


AFTER = PromoteParams(sure_of="champion")
HARDLY = sigmoid(log_odds(TRUTH) + RANDOM.normal(0, 0.02, len(TRUTH)))
WORSE = contender(NOISY, "version 1")


def test_after_a_change_it_is_enough_to_be_as_good_as_a_baseline() -> None:
    """Or else a champion that is surely worse would stay in use, because a baseline that nobody uses is nearly as good
    as the challenger."""
    baselines = {"logistic_regression": HARDLY}
    assert refused_rules(decide(contender(TRUTH), WORSE, baselines=baselines)) <= {"log_loss", "brier"}
    assert decide(contender(TRUTH), WORSE, baselines=baselines, params=AFTER).kind == "promote"
    assert decide(contender(HARDLY), WORSE, baselines={"a": TRUTH}, params=AFTER).kind == "promote", (
        "nor by a hair worse"
    )


def test_after_a_change_a_baseline_that_is_surely_better_refuses() -> None:
    between = contender(sigmoid(log_odds(TRUTH) + RANDOM.normal(0, 0.35, len(TRUTH))))
    decision = decide(between, contender(FLAT, "version 1"), baselines={"a": TRUTH}, params=AFTER)
    assert "log_loss" in refused_rules(decision)
    assert all("against baseline a: surely worse" in reason for reason in decision.reasons)


def test_after_a_change_a_baseline_with_a_surely_better_brier_score_refuses() -> None:
    bold = np.where(TRUTH < 0.05, TRUTH / 20, TRUTH)
    shy = np.where(TRUTH > 0.2, 0.2, TRUTH)
    champion = contender(FLAT, "version 1")
    decision = decide(contender(shy), champion, baselines={"bold": bold}, params=AFTER)
    assert refused_rules(decision) == {"brier"}
    assert "surely worse" in decision.reasons[0]


def test_after_a_change_the_champion_must_be_surely_beaten_all_the_same() -> None:
    decision = decide(contender(TRUTH), contender(HARDLY, "version 1"), params=AFTER)
    assert refused_rules(decision) <= {"log_loss", "brier"}
    assert "against champion" in decision.reasons[0]


def test_a_first_model_must_surely_beat_the_baselines_whatever_changed() -> None:
    decision = decide(contender(TRUTH), baselines={"logistic_regression": HARDLY}, params=AFTER)
    assert refused_rules(decision) <= {"log_loss", "brier"}


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


WEST = np.tile(np.arange(ASSETS) < 2, HOURS)
DISTRICTS = np.where(WEST, "west", "east").astype(object)


def test_a_district_that_pays_for_the_others_refuses() -> None:
    """Better on the whole, surely worse in the west: only the rule about districts sees it."""
    unfair = np.where(WEST, sigmoid(log_odds(TRUTH) + RANDOM.normal(0, 1.0, len(TRUTH))), TRUTH)
    champion = contender(np.where(WEST, TRUTH, FLAT), "version 1")
    assert decide(contender(unfair), champion).kind == "promote"
    decision = decide(contender(unfair), champion, surroundings=Surroundings(districts=DISTRICTS))
    assert refused_rules(decision) == {"district"}
    assert "west" in decision.reasons[0]
    assert "east" not in decision.reasons[0]
    lenient = PromoteParams(max_district_loss=1.0)
    assert decide(contender(unfair), champion, params=lenient, surroundings=Surroundings(districts=DISTRICTS)).kind == (
        "promote"
    )


def test_rows_without_a_district_are_no_district() -> None:
    nowhere = Surroundings(districts=np.full(len(TRUTH), "", dtype=object))
    assert decide(contender(TRUTH), contender(NOISY, "version 1"), surroundings=nowhere).kind == "promote"


def without(
    challenger: FloatArray, rival: FloatArray, kept: np.ndarray | None = None, partner: str = "plant"
) -> Surroundings:
    rows = np.ones(len(TRUTH), dtype=bool) if kept is None else kept
    return Surroundings(without={partner: WithoutPartner(rows, challenger, rival)})


def test_a_gain_that_goes_with_one_partners_readings_refuses() -> None:
    champion = contender(NOISY, "version 1")
    silent = without(FLAT, sigmoid(log_odds(TRUTH) + RANDOM.normal(0, 1.2, len(TRUTH))))
    decision = decide(contender(TRUTH), champion, surroundings=silent)
    assert refused_rules(decision) == {"partner"}
    assert "without the data of plant" in decision.reasons[0]
    assert decide(contender(TRUTH), champion, surroundings=without(TRUTH, NOISY)).kind == "promote"


def test_a_gain_that_is_far_larger_without_one_partner_refuses() -> None:
    """The other side: its data would decide here too."""
    slightly = sigmoid(log_odds(TRUTH) + RANDOM.normal(0, 0.4, len(TRUTH)))
    decision = decide(contender(TRUTH), contender(slightly, "version 1"), surroundings=without(TRUTH, FLAT))
    assert refused_rules(decision) == {"partner"}
    lenient = PromoteParams(max_partner_share=100.0)
    assert decide(
        contender(TRUTH), contender(slightly, "1"), params=lenient, surroundings=without(TRUTH, FLAT)
    ).kind == ("promote")


def test_a_partner_alone_cannot_keep_a_model_out_unseen() -> None:
    decision = decide(contender(NOISY), contender(TRUTH, "version 1"), surroundings=without(TRUTH, NOISY))
    assert "its data alone speaks against it" in "; ".join(decision.reasons)


def test_a_gain_on_incidents_that_only_one_partner_reports_refuses() -> None:
    """A partner that sends made-up incidents where the challenger expects them."""
    made_up = (np.arange(len(TRUTH)) % 97 == 0) & ~OCCURRED
    judged = replace(JUDGED, occurred=OCCURRED | made_up)
    knowing = np.where(made_up, 0.9, NOISY)
    champion = contender(TRUTH, "version 1")
    params = PromoteParams(max_ece=1.0)
    baselines = {"climatology": FLAT}
    seen = decide(contender(knowing), champion, judged=judged, params=params, baselines=baselines)
    assert seen.kind == "promote"
    evidence = without(knowing, TRUTH, kept=~made_up)
    decision = decide(
        contender(knowing), champion, judged=judged, params=params, baselines=baselines, surroundings=evidence
    )
    assert refused_rules(decision) == {"partner"}


def test_a_gain_of_the_level_alone_is_carried_by_no_partner() -> None:
    """A recalibration: brought to one level, both forecasts are alike, and the ratio of two noises says nothing."""
    champion, nearly = contender(sigmoid(log_odds(TRUTH) - 0.4), "version 1"), sigmoid(1.005 * log_odds(TRUTH))
    for silent in (without(TRUTH, nearly), without(nearly, TRUTH), without(NOISY, NOISY)):
        assert decide(contender(nearly), champion, surroundings=silent).kind == "promote"
    decision = decide(contender(nearly), champion, surroundings=without(FLAT, TRUTH))
    assert refused_rules(decision) == {"partner"}


def test_a_gain_that_rests_on_changed_readings_passes_if_their_silence_does_no_harm() -> None:
    """A partner's sensors were recalibrated: what the challenger knows better is what they mean."""
    champion = contender(NOISY, "version 1")
    everywhere = np.ones(len(TRUTH), dtype=bool)
    alike = sigmoid(log_odds(FLAT) + RANDOM.normal(0, 0.02, len(TRUTH)))

    def judged(silent_challenger: FloatArray, silent_champion: FloatArray) -> Decision:
        silent = {"plant": WithoutPartner(everywhere, silent_challenger, silent_champion)}
        unreported = {"plant": WithoutPartner(everywhere, TRUTH, NOISY)}
        return decide(contender(TRUTH), champion, surroundings=Surroundings(without=unreported, silent=silent))

    assert judged(alike, FLAT).kind == "promote"
    decision = judged(FLAT, TRUTH)
    assert refused_rules(decision) == {"partner"}
    assert "in the silence of plant: surely worse" in decision.reasons[0]


def test_the_only_one_who_reports_is_not_left_out() -> None:
    evidence = without(FLAT, TRUTH, kept=~OCCURRED)
    assert decide(contender(TRUTH), contender(NOISY, "version 1"), surroundings=evidence).kind == "promote"


def test_a_champion_that_could_not_be_asked_refuses() -> None:
    decision = decide(contender(TRUTH), surroundings=Surroundings(champion_fault="its files are missing"))
    assert refused_rules(decision) == {"champion"}
    assert "its files are missing" in decision.reasons[0]


@given(rate=st.floats(0.001, 0.9), spread=st.floats(0.1, 3.0))
def test_levelled_forecasts_keep_their_order_and_have_the_asked_mean(rate: float, spread: float) -> None:
    forecast = sigmoid(np.random.default_rng(0).normal(-3, spread, 500))
    got = levelled(forecast, rate)
    assert got.mean() == pytest.approx(rate, rel=1e-5)
    assert (np.diff(got[np.argsort(forecast)]) >= 0).all()
