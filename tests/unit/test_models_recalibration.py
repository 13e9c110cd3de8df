"""Only the level changes: what a recalibration keeps, and that it finds the line that the world moved by."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from contracts.errors import NotEnoughData
from contracts.params import EvaluateParams, PromoteParams
from contracts.results import FloatArray, Labels
from models.calibrate import fit_calibrator
from models.fit import trial_on_test
from models.promote import Contender, decide_promotion
from models.pyfunc import log_odds, raw_scores, sigmoid
from models.recalibration import recalibrate
from models.risk_model import RiskModel
from tests.synthetic_risk import walk

PROVENANCE = {"recalibrated_from": {"version": "1", "manifest_sha256": "ab"}}


def forecasts(model: RiskModel) -> FloatArray:
    return model.predict(walk().city.features.take(walk().parts.test))[0]


def after(slope: float, shift: float, *, seed: int = 3) -> Labels:
    """The walk's labels, with test rows drawn from the model's own forecasts on a line: its law moved by just that."""
    labels, test = walk().city.labels, walk().parts.test
    drawn = np.random.default_rng(seed).random(len(test)) < sigmoid(slope * log_odds(forecasts(model())) + shift)
    occurred = labels.occurred.copy()
    occurred[test] = drawn
    return replace(labels, occurred=occurred)


def model() -> RiskModel:
    return walk().fitted.model


def moved(slope: float = 1.0, shift: float = np.log(2.5), *, of: RiskModel | None = None) -> RiskModel:
    return recalibrate(
        of or model(), walk().city.features, after(slope, shift), rows=walk().parts.test, provenance=PROVENANCE
    )


def test_the_line_that_the_world_moved_by_is_found_and_the_rest_keeps_its_bytes() -> None:
    found = moved()
    assert found.provenance["line"]["slope"] == pytest.approx(1.0, abs=0.1)
    shift = log_odds(forecasts(found)) - log_odds(forecasts(model()))
    assert shift.mean() == pytest.approx(np.log(2.5), abs=0.15)
    assert found.boosters == model().boosters
    kept = {"calibrator", "interval", "bands", "provenance"}
    changed = {name for name in found.__dataclass_fields__ if getattr(found, name) != getattr(model(), name)}
    assert changed == kept, "a calibration, and nothing else"
    assert found.provenance["recalibrated_from"]["version"] == "1"
    assert found.provenance["fitted_until"] > model().provenance["fitted_until"]


def test_the_mean_forecast_is_the_recent_rate() -> None:
    labels = after(0.7, 0.5)
    assert forecasts(moved(0.7, 0.5)).mean() == pytest.approx(labels.occurred[walk().parts.test].mean(), rel=1e-3)


def test_as_many_alarms_as_before_though_every_risk_is_higher() -> None:
    before, now = forecasts(model()), forecasts(moved())
    assert now.mean() > 2 * before.mean()
    assert moved().bands.names(now).tolist() == model().bands.names(before).tolist()


def test_the_interval_goes_along_and_is_wider() -> None:
    features = walk().city.features.take(walk().parts.test)
    p, low, high = (log_odds(values) for values in model().predict(features))
    q, lower, upper = (log_odds(values) for values in moved().predict(features))
    slope = moved().provenance["line"]["slope"]
    assert ((q - lower) >= slope * (p - low) - 1e-9).all()
    assert ((upper - q) >= slope * (high - p) - 1e-9).all()
    assert (upper - q).mean() < slope * (high - p).mean() + 0.5


def test_steps_move_too() -> None:
    rows = walk().parts.calibrate
    raw = raw_scores(model().parsed, walk().city.features.values[rows]).mean(axis=0)
    steps = fit_calibrator(raw, walk().city.labels.occurred[rows], method="isotonic")
    found = moved(of=replace(model(), calibrator=steps))
    assert found.calibrator.method == "isotonic"
    assert forecasts(found).mean() > 1.8 * steps.apply(raw).mean()


@pytest.mark.parametrize(("shift", "kind"), [(np.log(2.5), "promote"), (0.0, "refuse")])
def test_the_gate_takes_it_where_the_level_moved_and_only_there(shift: float, kind: str) -> None:
    """Fitted on the first half of the untouched part, judged on the second: the champion's forecasts, too."""
    labels, parts, features = after(1.0, shift), walk().parts, walk().city.features
    half = len(parts.test) // 2
    mine, judged = parts.test[:half], replace(parts, test=parts.test[half + 100 :])
    challenger = recalibrate(model(), features, labels, rows=mine, provenance=PROVENANCE)
    trials = [
        trial_on_test(found, features, labels, parts=judged, alerts_per_day=5.0) for found in (challenger, model())
    ]
    new, old = (
        Contender(name, trial.probability, datetime.fromisoformat(found.provenance["fitted_until"]))
        for name, trial, found in zip(("new", "old"), trials, (challenger, model()), strict=True)
    )
    decision = decide_promotion(
        new,
        old,
        judged=trials[0].judged,
        baselines=trials[0].baselines,
        params=PromoteParams(),
        evaluate_params=EvaluateParams(block_days=1, replicates=100),
        decided_at=datetime(2026, 7, 1, tzinfo=UTC),
    )
    assert decision.kind == kind, decision.reasons


def test_a_second_recalibration_goes_on_from_the_first() -> None:
    twice = recalibrate(
        replace(moved(), provenance=model().provenance),
        walk().city.features,
        after(1.0, 0.0),
        rows=walk().parts.test,
        provenance=PROVENANCE,
    )
    np.testing.assert_allclose(log_odds(forecasts(twice)), log_odds(forecasts(model())), atol=0.3)


def test_rows_that_the_model_was_fitted_on_are_not_looked_at() -> None:
    labels, parts = after(1.0, 1.0), walk().parts
    every = np.concatenate([parts.calibrate, parts.test])
    found = recalibrate(model(), walk().city.features, labels, rows=every, provenance=PROVENANCE)
    assert found.calibrator == moved(1.0, 1.0).calibrator
    with pytest.raises(NotEnoughData, match=r"none of \d+ ripe rows is later"):
        recalibrate(model(), walk().city.features, labels, rows=parts.calibrate, provenance=PROVENANCE)


def test_what_a_line_cannot_mend_is_refused() -> None:
    labels, test = walk().city.labels, walk().parts.test
    none = replace(labels, occurred=np.zeros_like(labels.occurred))
    with pytest.raises(NotEnoughData, match="0 of"):
        recalibrate(model(), walk().city.features, none, rows=test, provenance=PROVENANCE)
    with pytest.raises(NotEnoughData, match="do not rank the recent rows any more"):
        recalibrate(model(), walk().city.features, after(-1.0, -8.0), rows=test, provenance=PROVENANCE)
