"""Pictures and model card of a run."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from contracts.params import EvaluateParams
from contracts.results import Decision, Evaluation
from models.card import model_card
from models.evaluation import evaluate
from models.plots import caption, plot_all
from tests.synthetic_risk import walk


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
            trial.judged,
            probability=trial.probability,
            baselines=trial.baselines,
            importance=fitted.importance,
            words={info.name: info.words for info in fitted.model.infos},
            params=EvaluateParams(),
        )
        for name in ("once", "again")
    ]
    assert [path.name for path in drawn[0]] == ["reliability.png", "skill.png", "over_time.png", "drivers.png"]
    for once, again in zip(*drawn, strict=True):
        assert once.read_bytes()[:4] == b"\x89PNG"
        assert once.read_bytes() == again.read_bytes()


def test_korean_words_fall_back_to_ids_without_a_korean_font(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.plots.korean_font", lambda: "")
    assert caption("화재·폭발", fallback="fire_explosion") == "fire_explosion"
    assert caption("VOC", fallback="voc") == "VOC"
    monkeypatch.setattr("models.plots.korean_font", lambda: "NanumGothic")
    assert caption("화재·폭발", fallback="fire_explosion") == "화재·폭발"


def test_the_card_is_written_from_the_runs_own_results(evaluation: Evaluation) -> None:
    decision = Decision("refuse", "ulsan-x", ("log loss +0.1: not surely better",), datetime(2026, 7, 1, tzinfo=UTC))
    card = model_card("ulsan-x", walk().fitted, evaluation, decision)
    loss = evaluation.scores["log_loss"]
    assert f"| log loss | {loss.value:.4g} [{loss.low:.4g}, {loss.high:.4g}] |" in card
    assert "data instant: 2026-06-09T00:00:00+00:00" in card
    assert "Refused at 2026-07-01" in card
    assert "not surely better" in card
    assert "Not for automatic sanction" in card
