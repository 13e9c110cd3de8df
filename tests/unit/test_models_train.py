from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from contracts.errors import BadTable, NotEnoughData
from contracts.params import TrainParams
from contracts.results import Features, Labels
from models.examples import examples
from models.pyfunc import raw_scores, sigmoid
from models.split import Parts
from models.train import train
from tests.synthetic_risk import FIRST, SMALL_TRAIN, city, walk


def small(incidents: int | None = None) -> tuple[Features, Labels, Parts]:
    town = city(assets=6, days=60, base=-4.0)
    occurred = town.labels.occurred.copy()
    if incidents is not None:
        occurred[np.flatnonzero(occurred)[incidents:]] = False
    everything = np.arange(len(occurred), dtype=np.int64)
    return town.features, replace(town.labels, occurred=occurred), Parts(everything, everything, everything)


def with_values(features: Features, change: dict[int, float]) -> Features:
    values = features.values.copy()
    for column, value in change.items():
        values[:, column] = value
    return replace(features, values=values)


QUICK = TrainParams(num_iterations=15, min_data_in_leaf=20, num_threads=1, seeds=(1, 2))


def test_the_same_data_give_the_same_bytes() -> None:
    features, labels, parts = small()
    once, again = (train(features, labels, parts=parts, config=QUICK) for _ in range(2))
    assert once.boosters == again.boosters
    assert once.boosters[0] != once.boosters[1], "seeds must differ"


def test_only_training_rows_are_looked_at() -> None:
    features, labels, _ = small()
    half = np.arange(len(labels) // 2, dtype=np.int64)
    parts = Parts(half, half, half)
    spoilt = features.values.copy()
    spoilt[len(half) :] = 1e30
    later = np.where(np.arange(len(labels)) < len(half), labels.occurred, True)
    honest = train(features, labels, parts=parts, config=QUICK)
    other = train(replace(features, values=spoilt), replace(labels, occurred=later), parts=parts, config=QUICK)
    assert honest.boosters == other.boosters


def test_early_stopping_chooses_fewer_trees_than_allowed() -> None:
    fitted = walk().fitted
    assert fitted.stopped_early
    assert 10 <= fitted.trees < SMALL_TRAIN.num_iterations


def test_without_early_stopping_every_tree_is_grown() -> None:
    features, labels, parts = small()
    config = TrainParams(num_iterations=7, early_stopping_rounds=0, min_data_in_leaf=20, num_threads=1, seeds=(1,))
    assert train(features, labels, parts=parts, config=config).trees == 7


def test_few_incidents_are_refused_with_what_is_enough() -> None:
    features, labels, parts = small(incidents=29)
    with pytest.raises(NotEnoughData, match=r"29 training rows with an incident; allowed: at least 30"):
        train(features, labels, parts=parts, config=QUICK)


@pytest.mark.parametrize("always", [True, False])
def test_one_class_is_refused(always: bool) -> None:
    features, labels, parts = small()
    with pytest.raises(NotEnoughData, match="every one of" if always else "0 training rows with an incident"):
        train(features, replace(labels, occurred=np.full(len(labels), always)), parts=parts, config=QUICK)


def test_features_without_information_are_named_and_without_effect() -> None:
    features, labels, parts = small()
    changed = with_values(features, {5: np.nan, 6: 3.0})
    ensemble = train(changed, labels, parts=parts, config=QUICK)
    assert ensemble.unused == ("noise_0", "noise_1")
    assert ensemble.importance[5] == ensemble.importance[6] == 0.0


def test_no_feature_that_varies_is_refused() -> None:
    features, labels, parts = small()
    constant = with_values(features, dict.fromkeys(range(features.values.shape[1]), 1.0))
    with pytest.raises(NotEnoughData, match="no feature varies"):
        train(constant, labels, parts=parts, config=QUICK)


def test_an_infinite_value_is_refused_by_its_column() -> None:
    features, labels, parts = small()
    values = features.values.copy()
    values[17, 2] = -np.inf
    with pytest.raises(BadTable, match="feature voc_ppb_mean_6h: 1 infinite values"):
        train(replace(features, values=values), labels, parts=parts, config=QUICK)


def test_a_sample_of_the_quiet_rows_keeps_the_level() -> None:
    features, labels, parts = small()
    config = QUICK.model_copy(update={"negative_share": 0.2, "early_stopping_rounds": 0})
    ensemble = train(features, labels, parts=parts, config=config)
    risk = sigmoid(raw_scores(ensemble.parsed(), features.values).mean(axis=0))
    assert risk.mean() == pytest.approx(labels.occurred.mean(), rel=0.1)


def test_after_a_change_new_rows_count_more_and_old_ones_choose_the_size() -> None:
    features, labels, parts = small()
    change = np.datetime64("2026-02-20T00:00", "us")
    config = TrainParams(changed_at=datetime(2026, 2, 20, 9, tzinfo=ZoneInfo("Asia/Seoul")), weight_since=20.0)
    given = examples(features.spine, labels, parts=parts, config=config)
    as_of = features.spine.as_of[given.rows]
    assert set(given.weight[as_of >= change]) == {20.0}
    assert set(given.weight[as_of < change]) == {1.0}
    assert as_of[given.before].max() < as_of[given.after].min()
    assert as_of[given.after].max() < change
    assert given.occurred[given.after].sum() == pytest.approx(0.2 * given.occurred[as_of < change].sum(), abs=2)


def test_a_feature_that_reads_otherwise_since_ten_days_is_learnt() -> None:
    """Without the weight the many rows before the change outvote the few since."""
    town = city(assets=20, days=80, seed=8)
    change = FIRST + np.timedelta64(60, "D")
    late = town.features.spine.as_of >= change
    values = town.features.values.copy()
    values[late, 2] = 200 - values[late, 2]  # the gauge is read the other way round
    features = replace(town.features, values=values)
    train_rows = np.flatnonzero(town.features.spine.as_of < FIRST + np.timedelta64(70, "D"))
    parts = Parts(train_rows, train_rows[:0], train_rows[:0])
    at = {"changed_at": datetime(2026, 3, 2, tzinfo=UTC)}
    rows = np.flatnonzero(town.features.spine.as_of >= FIRST + np.timedelta64(70, "D"))
    loss = {}
    for weight in (1.0, 10.0):
        config = SMALL_TRAIN.model_copy(update={**at, "weight_since": weight})
        raw = raw_scores(train(features, town.labels, parts=parts, config=config).parsed(), values[rows]).mean(axis=0)
        loss[weight] = np.logaddexp(0, np.where(town.labels.occurred[rows], -raw, raw)).mean()
    assert loss[10.0] < 0.97 * loss[1.0], loss
