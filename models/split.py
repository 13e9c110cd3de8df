"""Time is cut, never shuffled: train | gap | calibrate | gap | test, and rolling origins inside the training part.

Soon after a change that cut teaches nothing of it: all that is new lies in the parts that are not trained on. With
`out_of_fold` it is train | gap | test, and the last days of the training part are also the calibration part: cut into
short blocks that are dealt out to folds in turn, each forecast by boosters that saw neither the fold's blocks nor a gap
on either side of them. In turn, so that the boosters of every fold have seen the newest world.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from contracts.errors import NotEnoughData
from contracts.params import AfterChangeParams, SplitParams
from contracts.results import InstantArray, IntArray

HOUR = np.timedelta64(3_600_000_000, "us")
GAPS_A_BLOCK = 8


@dataclass(frozen=True)
class Fold:
    """Positions to train on, and others to forecast: later ones, but for the folds of a calibration out of fold."""

    train: IntArray
    test: IntArray


@dataclass(frozen=True)
class Parts:
    """Positions into the `as_of` array that was split. No label window of a part reaches into the next part.

    Rows that belong to no part lie in a gap. folds: of a calibration part that is trained on, too; none where it is
    held out.
    """

    train: IntArray
    calibrate: IntArray
    test: IntArray
    folds: tuple[Fold, ...] = ()


def split_parts(as_of: InstantArray, params: SplitParams, *, horizon_hours: int) -> Parts:
    """Cut rows by time: the last `test_days` are for the test, the `calibrate_days` before its gap for calibration.

    With `out_of_fold` the training part goes up to the test's gap as well.

    Args:
        as_of: (m,) datetime64, UTC: `features.spine.as_of[labels.rows]`; any order.
        horizon_hours: a label at `as_of` looks at `(as_of, as_of + horizon_hours]`; the gap is at least this long.

    Raises:
        NotEnoughData: a part would be empty; says how many days would be enough.
    """
    if len(as_of) == 0:
        raise NotEnoughData("no row to split", where="split", cause="no label is ripe, or the spine is empty")
    gap = _gap(params, horizon_hours)
    last = as_of.max()
    test_from = last - _days(params.test_days)
    calibrate_to = test_from - gap
    calibrate_from = calibrate_to - _days(params.calibrate_days)
    train_to = calibrate_to if params.out_of_fold else calibrate_from - gap
    parts = Parts(
        train=_between(as_of, None, train_to),
        calibrate=_between(as_of, calibrate_from, calibrate_to),
        test=_between(as_of, test_from, last),
    )
    for name, rows in (("training", parts.train), ("calibration", parts.calibrate), ("test", parts.test)):
        if len(rows) == 0:
            raise _too_short(as_of, name, needed=params.test_days + params.calibrate_days + 2 * (gap / HOUR) / 24)
    return replace(parts, folds=_folds_in_turn(as_of, parts, params.out_of_fold, gap=gap))


def _folds_in_turn(as_of: InstantArray, parts: Parts, count: int, *, gap: np.timedelta64) -> tuple[Fold, ...]:
    """Blocks of at least a day, and of many gaps, so that the gaps around them cost little."""
    if not count:
        return ()
    start = as_of[parts.calibrate].min()
    block = max(_days(1), GAPS_A_BLOCK * gap)

    def fold_of(at: InstantArray) -> IntArray:
        place = (at - start) // block
        return np.asarray(np.where(place < 0, -1, place % count), dtype=np.int64)

    here = fold_of(as_of[parts.calibrate])
    train = as_of[parts.train]
    near = np.stack([fold_of(train - gap), fold_of(train), fold_of(train + gap)])
    folds = (Fold(parts.train[(near != each).all(axis=0)], parts.calibrate[here == each]) for each in range(count))
    return tuple(fold for fold in folds if len(fold.test))


def cut_for_recalibration(
    as_of: InstantArray, split: SplitParams, params: AfterChangeParams, *, since: np.datetime64, horizon_hours: int
) -> SplitParams:
    """The cut whose calibration part begins at the change: everything since then but the test part and the gap.

    Args:
        as_of: (m,) of the labelled rows, any order. since: the change.

    Raises:
        NotEnoughData: too few days since the change for both parts.
    """
    days = _days_since(as_of, since)
    test_days, gap_days = _test_days(days, params), float(_gap(split, horizon_hours) / HOUR) / 24
    if days <= test_days + gap_days:
        raise _too_soon(days, needed=params.least_test_days + gap_days)
    return split.model_copy(update={"test_days": test_days, "calibrate_days": days - test_days - gap_days})


def cut_for_retraining(
    as_of: InstantArray, split: SplitParams, params: AfterChangeParams, *, since: np.datetime64
) -> SplitParams:
    """The cut that trains on rows after the change: a short test part, and a calibration out of fold.

    Args and Raises: as `cut_for_recalibration`, but that too few days raise nothing: what is trained then has seen
    little of the change, and the gate decides.
    """
    test_days = _test_days(_days_since(as_of, since), params)
    return split.model_copy(update={"test_days": test_days, "out_of_fold": params.folds})


def _days_since(as_of: InstantArray, since: np.datetime64) -> float:
    if len(as_of) == 0:
        raise NotEnoughData("no row to split", where="split", cause="no label is ripe, or the spine is empty")
    return max(0.0, float((as_of.max() - since) / HOUR) / 24)


def _test_days(days: float, params: AfterChangeParams) -> float:
    return min(max(days * params.test_share, params.least_test_days), params.most_test_days)


def _too_soon(days: float, *, needed: float) -> NotEnoughData:
    return NotEnoughData(
        f"{days:.1f} days of ripe labels since the change",
        where="split",
        allowed=f"more than {needed:.1f} days (after_change.least_test_days, and a gap)",
        fix="wait: monitoring asks again after its cooldown",
    )


def temporal_folds(as_of: InstantArray, config: SplitParams, horizon_hours: int) -> tuple[Fold, ...]:
    """Rolling origins inside the training part of `split_parts`: each fold trains on everything before its test window.

    The last `folds * fold_days` of the training part are cut into test windows of `fold_days`; before each lies a gap.
    Positions refer to the same `as_of` array as those of `split_parts`.

    Raises:
        NotEnoughData: some fold would have nothing to train or judge on; says how many days would be enough.
    """
    train = split_parts(as_of, config, horizon_hours=horizon_hours).train
    inside = as_of[train]
    gap, last = _gap(config, horizon_hours), inside.max()
    folds = []
    for age in range(config.folds, 0, -1):
        start = last - age * _days(config.fold_days)
        stop = start + _days(config.fold_days)
        fold = Fold(train[_between(inside, None, start - gap)], train[_between(inside, start, stop)])
        if len(fold.train) == 0 or len(fold.test) == 0:
            needed = config.folds * config.fold_days + (gap / HOUR) / 24
            raise _too_short(inside, f"fold {config.folds - age + 1} of {config.folds}", needed=needed)
        folds.append(fold)
    return tuple(folds)


def _gap(params: SplitParams, horizon_hours: int) -> np.timedelta64:
    return max(params.gap_hours, horizon_hours) * HOUR


def _days(days: float) -> np.timedelta64:
    return np.timedelta64(round(days * 86_400_000_000), "us")


def _between(as_of: InstantArray, after: np.datetime64 | None, until: np.datetime64) -> IntArray:
    """Positions with `after < as_of <= until`."""
    inside = as_of <= until
    if after is not None:
        inside &= as_of > after
    return np.flatnonzero(inside).astype(np.int64)


def _too_short(as_of: InstantArray, part: str, *, needed: float) -> NotEnoughData:
    days = (as_of.max() - as_of.min()) / (24 * HOUR)
    return NotEnoughData(
        f"the {part} part is empty: there are {days:.1f} days of labelled rows",
        where="split",
        allowed=f"more than {needed:.1f} days, without holes as long as a part",
        cause="a short history, or parts that are too long for it",
        fix="share more history, or lower split.test_days, split.calibrate_days, split.folds or split.fold_days",
    )
