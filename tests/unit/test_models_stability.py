"""Reasons that hold, and a model whose reasons hang on a hair is caught."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np

from models.stability import top_reason_stays
from tests.synthetic_risk import walk

NO_SETTING = np.array([], dtype=np.int64)


def test_reasons_of_the_riskiest_rows_stay() -> None:
    riskiest = np.argsort(-walk().trial.probability)[:300]
    rows = walk().city.labels.rows[walk().parts.test][riskiest]
    stays = top_reason_stays(walk().fitted.model.parsed, walk().city.features.values[rows], setting=NO_SETTING)
    assert stays is not None
    assert stays >= 0.97


def test_a_model_that_hangs_on_a_hair_is_seen() -> None:
    """Two equal features, and rows that lie within a hair of a step of each: either may become the first reason."""
    random = np.random.default_rng(0)
    values = random.normal(size=(4000, 2)).astype(np.float32)
    label = random.random(4000) < 0.05 + 0.4 * (values[:, 0] > 0.5) + 0.4 * (values[:, 1] > 0.5)
    booster = lgb.train(
        {"objective": "binary", "num_leaves": 4, "verbosity": -1, "num_threads": 1},
        lgb.Dataset(values, label.astype(float)),
        num_boost_round=20,
    )
    on_the_edge = (0.5 + random.normal(0, 1e-3, (400, 2))).astype(np.float32)
    steady = top_reason_stays((booster,), values[:400], setting=NO_SETTING)
    hanging = top_reason_stays((booster,), np.concatenate([values[:400], on_the_edge]), setting=NO_SETTING)
    assert steady is not None
    assert hanging is not None
    assert hanging < steady - 0.1


def test_rows_that_nothing_moves_have_no_reason() -> None:
    values = np.random.default_rng(0).normal(size=(50, 1)).astype(np.float32)
    booster = lgb.train(
        {"objective": "binary", "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 40},
        lgb.Dataset(values, np.arange(50) % 2.0),
        num_boost_round=1,
    )
    assert top_reason_stays((booster,), values, setting=NO_SETTING) is None
