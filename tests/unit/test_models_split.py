from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from contracts.errors import NotEnoughData
from contracts.params import SplitParams
from models.split import HOUR, split_parts, temporal_folds

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
