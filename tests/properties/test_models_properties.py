"""Whatever the data: no label crosses a border, calibration keeps order, scores stay in their limits."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import average_precision_score

from contracts.errors import NotEnoughData
from contracts.params import EvaluateParams, SplitParams
from models.aftermath import Aftermath
from models.bands import alarm_bands
from models.blocks import average_precision, draw_blocks
from models.calibrate import Calibrator, fit_calibrator
from models.evaluation import Judged, evaluate
from models.intervals import fit_interval
from models.refit import Refit
from models.split import HOUR, split_parts, temporal_folds

START = np.datetime64("2026-01-01T00:00", "us")
hours = hnp.arrays(np.int64, st.integers(50, 300), elements=st.integers(0, 24 * 120))
params = st.builds(
    SplitParams,
    calibrate_days=st.floats(1, 30),
    test_days=st.floats(1, 30),
    folds=st.integers(1, 3),
    fold_days=st.floats(1, 15),
    gap_hours=st.integers(0, 100),
)


@given(hours=hours, params=params, horizon=st.integers(1, 200))
def test_no_label_window_crosses_a_border(hours: np.ndarray, params: SplitParams, horizon: int) -> None:
    as_of = START + hours * HOUR
    try:
        parts = split_parts(as_of, params, horizon_hours=horizon)
        folds = temporal_folds(as_of, params, horizon)
    except NotEnoughData:
        return
    window = horizon * HOUR
    assert as_of[parts.train].max() + window <= as_of[parts.calibrate].min()
    assert as_of[parts.calibrate].max() + window <= as_of[parts.test].min()
    every = np.concatenate([parts.train, parts.calibrate, parts.test])
    assert len(np.unique(every)) == len(every)
    for fold in folds:
        assert as_of[fold.train].max() + window <= as_of[fold.test].min()
        assert set(fold.train) | set(fold.test) <= set(parts.train)


raw_scores = hnp.arrays(np.float64, 60, elements=st.floats(-15, 15))
outcomes = hnp.arrays(np.bool_, 60)


@given(
    raw=raw_scores,
    occurred=outcomes,
    method=st.sampled_from(["logistic", "isotonic", "none"]),
    share=st.floats(0, 1),
    jump=st.floats(0, 1),
)
@settings(deadline=None)
def test_calibration_keeps_order_and_is_data(
    raw: np.ndarray, occurred: np.ndarray, method: str, share: float, jump: float
) -> None:
    if occurred.all() or not occurred.any():
        return
    calibrator = fit_calibrator(raw, occurred, method=method)  # type: ignore[arg-type]
    risk = calibrator.apply(np.sort(raw))
    assert np.all(np.diff(risk) >= 0)
    assert np.all((risk > 0) & (risk < 1))
    assert np.array_equal(
        Calibrator.from_json(json.loads(json.dumps(calibrator.to_json()))).apply(raw), np.array(calibrator.apply(raw))
    )
    table = fit_interval(
        calibrator.apply(raw),
        occurred,
        refit=Refit(calibrator.apply(raw), calibrator.apply(raw[::-1])),
        history_days=400,
        aftermath=Aftermath(share=share, jump=jump),
        level=0.9,
    )
    low, high = table.apply(risk)
    assert np.all((low > 0) & (low <= risk) & (risk <= high) & (high < 1))


forecasts = hnp.arrays(np.float64, 120, elements=st.sampled_from([0.001, 0.01, 0.02, 0.1, 0.3, 0.9]))
long_outcomes = hnp.arrays(np.bool_, 120)


@given(probability=forecasts, occurred=long_outcomes, seed=st.integers(0, 99))
@settings(deadline=None)
def test_fast_average_precision_is_the_slow_one(probability: np.ndarray, occurred: np.ndarray, seed: int) -> None:
    as_of = START + np.arange(120) * 6 * HOUR
    blocks = draw_blocks(as_of, EvaluateParams(block_days=3, replicates=20, seed=seed))
    fast = average_precision(blocks, probability, occurred.astype(float)) if occurred.any() else np.array([])
    for replicate, got in enumerate(fast):
        weights = blocks.weights[replicate][blocks.block]
        if (weights * occurred).sum() > 0:
            kept = weights > 0
            slow = average_precision_score(occurred[kept], probability[kept], sample_weight=weights[kept])
            assert abs(got - slow) < 1e-9
        else:
            assert np.isnan(got)


@given(probability=forecasts, occurred=long_outcomes)
@settings(deadline=None)
def test_scores_stay_in_their_limits(probability: np.ndarray, occurred: np.ndarray) -> None:
    if not occurred.any():
        return
    as_of = START + np.arange(120) * 6 * HOUR
    judged = Judged("flood", "test", occurred, as_of, base_rate=0.1, alerts_per_day=0.5)
    got = evaluate(probability, judged, baselines={}, params=EvaluateParams(block_days=3, replicates=20)).scores
    for name in ("brier", "average_precision", "ece", "recall_at_budget", "precision_at_budget", "recall_at_true"):
        assert -1e-9 <= got[name].value <= 1 + 1e-9, name
    for name, value in got.items():
        assert value.low <= value.value <= value.high, name
    perfect = np.where(occurred, 0.999, 0.001)
    best = evaluate(perfect, judged, baselines={}, params=EvaluateParams(block_days=3, replicates=20)).scores
    assert best["average_precision"].value == 1.0 == best["recall_at_true"].value


@given(probability=forecasts, alerts=st.floats(0.01, 20))
def test_the_alarm_budget_is_never_exceeded(probability: np.ndarray, alerts: float) -> None:
    bands = alarm_bands(probability, days=30, alerts_per_day=alerts)
    assert bands.elevated <= bands.high <= bands.extreme
    assert (probability >= bands.high).sum() <= alerts * 30
