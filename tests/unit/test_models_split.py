from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from contracts.errors import NotEnoughData
from contracts.params import AfterChangeParams, SplitParams
from models.split import HOUR, cut_for_recalibration, cut_for_retraining, split_parts, temporal_folds

AS_OF = np.datetime64("2026-01-01T00:00", "us") + np.arange(100 * 24) * HOUR
PARAMS = SplitParams(calibrate_days=20, test_days=30, folds=3, fold_days=10)


def test_parts_are_in_time_order_and_as_long_as_asked() -> None:
    parts = split_parts(AS_OF, PARAMS, horizon_hours=24)
    assert len(parts.test) == 30 * 24
    assert len(parts.calibrate) == 20 * 24
    assert len(parts.train) == (100 - 30 - 20) * 24 - 2 * 24
    assert parts.train[-1] < parts.calibrate[0] < parts.calibrate[-1] < parts.test[0]


def test_a_longer_gap_than_the_horizon_is_kept() -> None:
    parts = split_parts(AS_OF, SplitParams(calibrate_days=20, test_days=30, gap_hours=72), horizon_hours=1)
    assert AS_OF[parts.test[0]] - AS_OF[parts.calibrate[-1]] > 72 * HOUR


def test_folds_roll_forward_inside_the_training_part() -> None:
    train = split_parts(AS_OF, PARAMS, horizon_hours=6).train
    folds = temporal_folds(AS_OF, PARAMS, 6)
    assert len(folds) == 3
    assert [len(fold.test) for fold in folds] == [240, 240, 240]
    assert folds[-1].test[-1] == train[-1]
    for earlier, later in pairwise(folds):
        assert earlier.test[-1] < later.test[0]
        assert set(earlier.train) < set(later.train)


def test_too_short_a_history_says_how_many_days_are_enough() -> None:
    with pytest.raises(NotEnoughData, match=r"training part is empty: there are 50\.0 days .* more than 52\.0 days"):
        split_parts(AS_OF[: 50 * 24 + 1], PARAMS, horizon_hours=24)


def test_too_many_folds_are_refused() -> None:
    with pytest.raises(NotEnoughData, match="fold 1 of 9"):
        temporal_folds(AS_OF, SplitParams(calibrate_days=20, test_days=30, folds=9, fold_days=10), 1)


def test_no_row_is_refused() -> None:
    with pytest.raises(NotEnoughData, match="no row to split"):
        split_parts(AS_OF[:0], PARAMS, horizon_hours=1)


OUT_OF_FOLD = SplitParams(calibrate_days=20, test_days=6, out_of_fold=3)
CUT = AfterChangeParams(test_share=0.5, least_test_days=4, most_test_days=28, folds=3)


def test_out_of_fold_trains_up_to_the_gap_before_the_test() -> None:
    parts = split_parts(AS_OF, OUT_OF_FOLD, horizon_hours=3)
    assert parts.train[-1] == parts.calibrate[-1]
    assert AS_OF[parts.test[0]] - AS_OF[parts.train[-1]] == 4 * HOUR, "the label of no training row sees a test row"
    assert len(parts.calibrate) == 20 * 24
    assert set(parts.calibrate) < set(parts.train)


@pytest.mark.parametrize("horizon_hours", [1, 6, 24])
def test_each_calibration_row_is_forecast_once_by_those_who_saw_neither_it_nor_its_label(horizon_hours: int) -> None:
    parts = split_parts(AS_OF, OUT_OF_FOLD, horizon_hours=horizon_hours)
    assert sorted(np.concatenate([fold.test for fold in parts.folds])) == parts.calibrate.tolist()
    for fold in parts.folds:
        away = np.abs(AS_OF[fold.train][:, None] - AS_OF[fold.test][None, :]).min()
        assert away > horizon_hours * HOUR
        assert len(fold.train) > 0.7 * len(parts.train)


def test_every_fold_trains_on_the_newest_days() -> None:
    parts = split_parts(AS_OF, OUT_OF_FOLD, horizon_hours=1)
    newest = AS_OF[parts.calibrate[-1]] - 6 * 24 * HOUR
    assert all((AS_OF[fold.train] > newest).any() for fold in parts.folds)


def test_a_retraining_trains_on_half_of_the_days_since_the_change() -> None:
    since = AS_OF[-1] - 20 * 24 * HOUR
    cut = cut_for_retraining(AS_OF, PARAMS, CUT, since=since)
    assert (cut.test_days, cut.calibrate_days, cut.out_of_fold) == (10, PARAMS.calibrate_days, 3)
    parts = split_parts(AS_OF, cut, horizon_hours=1)
    assert AS_OF[parts.test[0]] > since
    assert (AS_OF[parts.train] > since).sum() == 10 * 24 - 1, "all but the gap"


@pytest.mark.parametrize(("days", "test_days"), [(1, 4), (6, 4), (40, 20), (90, 28)])
def test_the_test_part_keeps_its_limits(days: int, test_days: float) -> None:
    since = AS_OF[-1] - days * 24 * HOUR
    assert cut_for_retraining(AS_OF, PARAMS, CUT, since=since).test_days == test_days


def test_a_recalibration_is_fitted_on_the_days_since_the_change_alone() -> None:
    since = AS_OF[-1] - 20 * 24 * HOUR
    cut = cut_for_recalibration(AS_OF, PARAMS, CUT, since=since, horizon_hours=6)
    parts = split_parts(AS_OF, cut, horizon_hours=6)
    assert AS_OF[parts.calibrate[0]] - since <= HOUR
    assert AS_OF[parts.calibrate[0]] > since
    assert len(parts.calibrate) + len(parts.test) == 20 * 24 - 6


def test_a_recalibration_too_soon_after_the_change_is_refused() -> None:
    with pytest.raises(NotEnoughData, match=r"4\.0 days of ripe labels since the change.*more than 4\.2 days"):
        cut_for_recalibration(AS_OF, PARAMS, CUT, since=AS_OF[-1] - 96 * HOUR, horizon_hours=6)


def test_cuts_that_cannot_be_are_refused_as_parameters() -> None:
    with pytest.raises(ValueError, match="out_of_fold 1"):
        SplitParams(out_of_fold=1)
    with pytest.raises(ValueError, match="least_test_days 9 is above"):
        AfterChangeParams(least_test_days=9, most_test_days=8)
