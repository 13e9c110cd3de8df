"""Pictures and model card of a run."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contracts.params import EvaluateParams
from contracts.results import Decision, Estimate, Evaluation
from models.canvas import caption
from models.card import model_card
from models.card_worth import budget_text, coverage_text, failure_modes, fairness_text, groups_table
from models.evaluation import evaluate
from models.plots import plot_all
from tests.synthetic_risk import walk, walk_worth


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    trial = walk().trial
    return evaluate(trial.probability, trial.judged, baselines=trial.baselines, params=EvaluateParams(replicates=50))


def test_every_picture_is_drawn_and_is_the_same_again(evaluation: Evaluation, tmp_path: Path) -> None:
    trial, fitted = walk().trial, walk().fitted
    drawn = [
        plot_all(
            tmp_path / name,
            evaluation,
            walk_worth(),
            trial.judged,
            probability=trial.probability,
            baselines=trial.baselines,
            importance=fitted.importance,
            words={info.name: info.words for info in fitted.model.infos},
            params=EvaluateParams(),
        )
        for name in ("once", "again")
    ]
    assert [path.name for path in drawn[0]] == [
        "reliability.png",
        "skill.png",
        "over_time.png",
        "drivers.png",
        "budget.png",
        "costs.png",
        "groups.png",
    ]
    for once, again in zip(*drawn, strict=True):
        assert once.read_bytes()[:4] == b"\x89PNG"
        assert once.read_bytes() == again.read_bytes()


def test_korean_words_fall_back_to_ids_without_a_korean_font(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.canvas.korean_font", lambda: "")
    assert caption("화재·폭발", fallback="fire_explosion") == "fire_explosion"
    assert caption("VOC", fallback="voc") == "VOC"
    monkeypatch.setattr("models.canvas.korean_font", lambda: "NanumGothic")
    assert caption("화재·폭발", fallback="fire_explosion") == "화재·폭발"


def test_the_card_is_written_from_the_runs_own_results(evaluation: Evaluation) -> None:
    decision = Decision("refuse", "ulsan-x", ("log loss +0.1: not surely better",), datetime(2026, 7, 1, tzinfo=UTC))
    card = model_card("ulsan-x", walk().fitted, evaluation, walk_worth(), decision)
    loss = evaluation.scores["log_loss"]
    assert f"| log loss | {loss.value:.4g} [{loss.low:.4g}, {loss.high:.4g}] |" in card
    assert "data instant: 2026-06-09T00:00:00+00:00" in card
    assert "Refused at 2026-07-01" in card
    assert "not surely better" in card
    assert "- automatic sanction, fine, shutdown or dispatch without a person" in card


def test_the_card_shows_budget_gap_groups_coverage_and_failures() -> None:
    worth = walk_worth()
    released, gap = worth.budget[0], worth.fairness.gap
    assert gap is not None
    text = "\n".join([budget_text(worth), fairness_text(worth), groups_table(worth), coverage_text(worth)])
    assert f"| released | {released.alerts_per_day:.2f} | {100 * released.precision:.1f} %" in text  # type: ignore[operator]
    assert f"Gap in recall: {100 * gap.value:.0f} points" in text
    assert text.count("| 남구 |") == 2
    assert "true risk, rows weighed by it: stated 90 %" in text
    assert re.search(r"cheaper than by climatology, never or always where a miss costs [\d.]+ to", text)
    modes = list(failure_modes(worth))
    assert modes[0] == f"{released.incidents - released.caught} of {released.incidents} incidents came without an alert"
    assert any("judged in March to May, June to August only" in mode for mode in modes)


def test_the_card_names_a_district_that_is_overstated_and_an_interval_that_did_not_hold() -> None:
    worth = walk_worth()
    wrong = replace(worth.reliability[0], ratio=Estimate(0.4, 0.3, 0.5))
    held = replace(worth.coverage[0], worst=0.5, worst_group="북구")
    modes = list(failure_modes(replace(worth, reliability=(wrong, *worth.reliability[1:]), coverage=(held,))))
    assert f"the risk of {wrong.group} was overstated: observed / forecast 0.40 [0.30, 0.50]" in modes
    assert "the interval of incidents of a district and week held in only 50 % in 북구" in modes


def test_too_few_incidents_are_words_not_numbers() -> None:
    worth = walk_worth()
    poor = replace(worth.fairness.shares[0], recall=None)
    none = replace(worth.fairness, shares=(poor,), gap=None, gap_by_chance=None, note="too few incidents: two needed")
    text = fairness_text(replace(worth, fairness=none))
    assert "| too few incidents |" in text
    assert text.endswith("Gap: too few incidents: two needed.")
