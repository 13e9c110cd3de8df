"""The decision from records: persistence, cooldown, budget, maturity, one call for one thing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.params import MonitorParams
from contracts.results import Decision
from monitoring.decide import decide_retrain
from monitoring.findings import Finding
from monitoring.windows import Window, read_window

PARAMS = MonitorParams()
START = datetime(2026, 3, 1, tzinfo=UTC)
NAME = "ulsan-flood"
QUIET = Window("ulsan", "flood", START, "3", drift_share=0.0, learning_z=0.5, recalibrating_z=0.3, ripe_incidents=90)
LEARN = replace(QUIET, learning_z=6.0, learning_share=0.03, learning_what="the asset")
LINE = replace(QUIET, recalibrating_z=6.0, recalibrating_share=0.02)
DRIFT = replace(QUIET, drift_share=0.4, moved=("gas_mean_1h",), learning_z=2.5, learning_share=0.01)
STUCK = Finding(
    "stuck", "voc_ppb of cell-3 (plants): 12 on every reading of 2 days", START, "plants", "voc_ppb", ("c",)
)
NEW = Finding("new_asset", "city: 1 new of kind plant_unit: p9", START, "city", assets=("p9",))


def run(
    windows: list[Window], *, params: MonitorParams = PARAMS, earlier: list[Decision] | None = None
) -> list[Decision]:
    """A window and a decision a day."""
    dated = [replace(window, at=START + timedelta(days=day)) for day, window in enumerate(windows)]
    made = list(earlier or ())
    for day in range(len(dated)):
        made.append(decide_retrain(dated[: day + 1], subject=NAME, earlier=made, params=params, at=dated[day].at))
    return made[len(earlier or ()) :]


def kinds(decisions: list[Decision]) -> list[str]:
    return [decision.kind for decision in decisions]


def test_quiet_windows_lead_to_nothing_and_say_so() -> None:
    assert kinds(run([QUIET] * 10)) == ["nothing"] * 10
    assert "the forecasts hold" in run([QUIET])[0].reasons[0]


def test_evidence_must_last() -> None:
    assert kinds(run([LEARN, LEARN, LEARN])) == ["nothing", "nothing", "retrain"]
    assert "not lasting yet: 2 of 3 windows" in run([LEARN, LEARN])[-1].reasons[0]


def test_looking_every_hour_makes_evidence_last_no_sooner() -> None:
    """The windows of one day are nearly the same rows."""
    hourly = [replace(LEARN, at=START + timedelta(hours=hour)) for hour in range(60)]
    made: list[Decision] = []
    for hour, window in enumerate(hourly):
        made.append(decide_retrain(hourly[: hour + 1], subject=NAME, earlier=made, params=PARAMS, at=window.at))
    (first, *_) = [decision for decision in made if decision.kind == "retrain"]
    assert timedelta(days=1, hours=20) < first.decided_at - START < timedelta(days=2, hours=4)
    assert len(first.inputs["windows"]) == 3


def test_a_gap_of_two_windows_is_bridged_and_three_are_not() -> None:
    assert run([LEARN, QUIET, LEARN, QUIET, LEARN])[-1].kind == "retrain"
    assert run([LEARN, LEARN, QUIET, QUIET, QUIET, LEARN])[-1].kind == "nothing"


def test_the_latest_window_must_show_it() -> None:
    assert run([LEARN, LEARN, LEARN, QUIET], earlier=[])[-1].kind == "nothing"


def test_a_level_alone_is_recalibrated() -> None:
    decision = run([LINE] * 3)[-1]
    assert decision.kind == "recalibrate"
    assert "a recalibration would save 2.0%" in decision.reasons[0]


def test_what_is_asked_for_says_since_when() -> None:
    day = "2026-02-20T00:00:00+00:00"
    (*_, last) = run([replace(LINE, recalibrating_since=day, learning_since="2026-01-01T00:00:00+00:00")] * 3)
    assert (last.kind, last.inputs["since"]) == ("recalibrate", day)
    (*_, last) = run([replace(LEARN, learning_since=day)] * 3)
    assert (last.kind, last.inputs["since"]) == ("retrain", day)
    assert "since" not in run([replace(QUIET, learning_since=day)])[0].inputs


def test_what_is_asked_for_again_began_when_it_was_first_asked_for() -> None:
    """What is judged moves on with the days; a change that no new model has answered does not."""
    days = [f"2026-0{month}-01T00:00:00+00:00" for month in (1, 2)]
    windows = [replace(LEARN, learning_since=days[0])] * 10 + [replace(LEARN, learning_since=days[1])] * 10
    first, again = (made for made in run(windows) if made.kind == "retrain")
    assert (first.inputs["since"], again.inputs["since"]) == (days[0], days[0])
    answered = windows[:10] + [replace(window, version="4") for window in windows[10:]]
    first, again = (made for made in run(answered) if made.kind == "retrain")
    assert (first.inputs["since"], again.inputs["since"]) == (days[0], days[1])


def test_retraining_comes_before_recalibrating() -> None:
    assert run([replace(LINE, learning_z=6.0, learning_share=0.03)] * 3)[-1].kind == "retrain"


def test_moved_inputs_alone_retrain_nothing_but_halve_the_evidence_asked_for() -> None:
    moved = replace(DRIFT, learning_z=0.5)
    assert kinds(run([moved] * 8)) == ["nothing"] * 8
    assert any("moved: gas_mean_1h (40% of the importance" in reason for reason in run([moved] * 4)[-1].reasons)
    assert run([DRIFT] * 3)[-1].kind == "retrain"
    assert run([replace(DRIFT, drift_share=0.0)] * 3)[-1].kind == "nothing"


def test_a_gain_too_small_to_pay_is_left() -> None:
    assert run([replace(LEARN, learning_share=0.0005)] * 5)[-1].kind == "nothing"


def test_cooldown_then_again_then_the_budget() -> None:
    decisions = run([LEARN] * 40)
    retrained = [day for day, decision in enumerate(decisions) if decision.kind == "retrain"]
    assert retrained == [2, 16, 32]
    assert "cooldown of 14 days" in decisions[3].reasons[1]
    assert "budget 2" in decisions[30].reasons[1]


def test_a_new_version_starts_anew() -> None:
    fresh = replace(LEARN, version="4")
    assert (
        kinds(run([LEARN, LEARN, fresh, fresh], params=PARAMS.model_copy(update={"cooldown_days": 0})))
        == ["nothing"] * 4
    )


def test_a_fault_calls_a_person_once_and_holds_the_rest() -> None:
    stuck = replace(LEARN, findings=(STUCK,))
    decisions = run([LEARN, stuck, stuck, stuck])
    assert kinds(decisions) == ["nothing", "call_a_person", "nothing", "nothing"]
    assert decisions[1].reasons == (STUCK.words,)
    assert "a person was called for" in decisions[3].reasons[0]


def test_another_hazard_does_not_call_for_the_same_fault_again() -> None:
    call = Decision("call_a_person", "ulsan-fire", ("x",), START, {"faults": [STUCK.key]})
    assert kinds(run([replace(QUIET, findings=(STUCK,))], earlier=[call])) == ["nothing"]


def test_the_call_is_repeated_after_a_month() -> None:
    decisions = run([replace(QUIET, findings=(STUCK,))] * 40)
    assert [day for day, decision in enumerate(decisions) if decision.kind == "call_a_person"] == [0, 30]


def test_a_second_fault_is_a_second_call() -> None:
    other = replace(STUCK, assets=("d",))
    decisions = run([replace(QUIET, findings=(STUCK,)), replace(QUIET, findings=(STUCK, other))])
    assert kinds(decisions) == ["call_a_person"] * 2
    assert decisions[1].inputs["faults"] == [other.key]


def test_a_broken_gate_calls_a_person() -> None:
    assert run([replace(QUIET, gate_faults=("gas: no value in 900 rows",))])[0].kind == "call_a_person"


def test_the_world_is_no_fault() -> None:
    decisions = run([replace(LEARN, findings=(NEW,))] * 3)
    assert kinds(decisions) == ["nothing", "nothing", "retrain"]
    assert NEW.words in decisions[-1].reasons


@pytest.mark.parametrize(
    ("window", "words"),
    [
        (Window("ulsan", "flood", START, "", states={"model": "no champion yet: train first"}), "no champion yet"),
        (
            replace(
                QUIET, learning_z=None, recalibrating_z=None, states={"performance": "not enough ripe labels: 12 of 50"}
            ),
            "not enough ripe labels: 12 of 50",
        ),
        (replace(QUIET, states={"drift": "the window is empty"}), "the forecasts hold"),
    ],
)
def test_what_could_not_be_judged_is_said(window: Window, words: str) -> None:
    decision = run([window] * 4)[-1]
    assert decision.kind == "nothing"
    assert words in decision.reasons[0]
    for state in window.states.values():
        assert any(state in reason for reason in decision.reasons)


def test_a_fault_calls_a_person_even_before_there_is_a_model() -> None:
    assert kinds(run([replace(QUIET, version="", findings=(STUCK,))])) == ["call_a_person"]


def test_no_window_is_a_reason() -> None:
    assert decide_retrain([], subject=NAME, earlier=[], params=PARAMS, at=START).reasons == ("no window yet",)


SEEN = st.sampled_from([QUIET, LEARN, LINE, DRIFT, replace(LEARN, findings=(STUCK,)), replace(QUIET, learning_z=None)])


@given(st.lists(SEEN, max_size=60))
def test_cooldown_and_budget_hold_whatever_is_seen(windows: list[Window]) -> None:
    decisions = run(windows)
    acted = [d.decided_at for d in decisions if d.kind in ("retrain", "recalibrate")]
    assert all(b - a >= timedelta(days=PARAMS.cooldown_days) for a, b in pairwise(acted))
    for decision in (d for d in decisions if d.kind == "retrain"):
        month = [
            d
            for d in decisions
            if d.kind == "retrain" and timedelta(0) <= decision.decided_at - d.decided_at < timedelta(days=30)
        ]
        assert len(month) <= PARAMS.retrainings_a_month
    assert all(decision.reasons for decision in decisions)
    assert run(windows) == decisions


def test_a_window_survives_being_kept() -> None:
    window = replace(DRIFT, findings=(STUCK, NEW), numbers={"a": 1.0, "b": float("nan")}, states={"drift": "x"})
    assert read_window(window.as_json()) == replace(window, numbers={"a": 1.0})
