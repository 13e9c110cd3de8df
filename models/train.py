"""LightGBM risk boosters: one a seed, averaged as raw scores (log odds), deterministic to the byte.

The number of trees comes from early stopping inside the training part: the first seed is fitted on the rows before
the instant after which the last fifth of the incidents lie, and judged by log loss on the rows after it (with a gap of
one horizon). Then every seed is fitted on the whole training part with that number of trees. The split is by incidents
rather than by days because a rare hazard may have none in the last weeks. After a known change (`changed_at`) only the
rows before it choose the number of trees: no booster that has not seen the change could be judged on what came then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np

from contracts.errors import BadTable, NotEnoughData
from contracts.params import TrainParams
from contracts.results import (
    BoolArray,
    Features,
    Float32Array,
    FloatArray,
    IntArray,
    Labels,
)
from models.examples import Examples, examples, sample
from models.profile import after, fit_profile, keys_of, sizes_of
from models.split import Parts


@dataclass(frozen=True)
class Ensemble:
    """Boosters as LightGBM text, one a seed. `unused`: features that were constant or never known in training."""

    boosters: tuple[str, ...]
    trees: int
    stopped_early: bool
    unused: tuple[str, ...]
    importance: FloatArray  # (p,) total gain, mean over seeds

    def parsed(self) -> tuple[lgb.Booster, ...]:
        return tuple(parse_booster(text) for text in self.boosters)


def parse_booster(text: str) -> lgb.Booster:
    """A booster from its own text. Only for text whose hash was checked: broken text ends the process."""
    return lgb.Booster(model_str=text)


def train(features: Features, labels: Labels, *, parts: Parts, config: TrainParams) -> Ensemble:
    """Fit on `parts.train` alone.

    Args:
        features: (n, p) over the whole spine.
        labels: ripe labels; `labels.rows` points into `features`.
        parts: positions into `labels`.

    Raises:
        NotEnoughData: one class only, fewer incidents than `config.min_incidents`, or no feature that varies.
        BadTable: an infinite value.
    """
    given = examples(features.spine, labels, parts=parts, config=config)
    start = starting_point(features, labels.rows[parts.train], labels.occurred[parts.train], given, config=config)
    data, unused = _dataset(features, given, start, hazard=labels.hazard, config=config)
    trees = _choose_trees(data, given, config)
    boosters = [lgb.train(booster_params(config, seed), data, num_boost_round=trees) for seed in config.seeds]
    gain = np.mean([booster.feature_importance("gain") for booster in boosters], axis=0)
    texts = tuple(start.before(booster.model_to_string(num_iteration=-1)) for booster in boosters)
    return Ensemble(texts, trees, trees < config.num_iterations, unused, gain)


def fit_boosters(
    features: Features, rows: IntArray, occurred: BoolArray, *, hazard: str, trees: int, config: TrainParams
) -> tuple[lgb.Booster, ...]:
    """One booster a seed of a given size, on given outcomes of spine rows: `train` without the choice of trees."""
    given = sample(features.spine, rows, occurred, config=config)
    start = starting_point(features, rows, occurred, given, config=config)
    data, _ = _dataset(features, given, start, hazard=hazard, config=config)
    fitted = [lgb.train(booster_params(config, seed), data, num_boost_round=trees) for seed in config.seeds]
    return tuple(parse_booster(start.before(booster.model_to_string(num_iteration=-1))) for booster in fitted)


@dataclass(frozen=True)
class Start:
    """What boosting starts from. log_odds: (m,) of the examples; trees: LightGBM text that says the same of any row.
    Neither: it starts from the base rate."""

    log_odds: FloatArray | None = None
    trees: str = ""

    def before(self, booster: str) -> str:
        """The booster's text with these trees in front, so that its raw scores hold them."""
        return after(self.trees, booster) if self.trees else booster


def starting_point(
    features: Features, rows: IntArray, occurred: BoolArray, given: Examples, *, config: TrainParams
) -> Start:
    """From all the training rows, those that are not kept as examples too: quiet hours are what a profile is made of.

    Raises:
        BadTable: a profile is asked for, and no columns tell place and hour apart, or a column of sizes is missing.
    """
    if not config.profile_kinds:
        return Start()
    as_of = features.spine.as_of
    sizes = sizes_of(features, rows, config.profile_sizes) if config.profile_sizes else None
    profile = fit_profile(keys_of(features, rows), as_of[rows], occurred, most_kinds=config.profile_kinds, sizes=sizes)
    starts = profile.starts(keys_of(features, given.rows), as_of[given.rows])
    return Start(starts, profile.trees(features.names, num_threads=config.num_threads))


def _dataset(
    features: Features, given: Examples, start: Start, *, hazard: str, config: TrainParams
) -> tuple[lgb.Dataset, tuple[str, ...]]:
    """The binned training rows, built once for early stopping and every seed, and the features without information."""
    values = features.values[given.rows]
    check_finite(values, features.names)
    unused = without_information([extent(values)], features.names, hazard=hazard)
    label, names = given.occurred.astype(np.float32), list(features.names)
    data = lgb.Dataset(
        values,
        label,
        weight=given.weight,
        init_score=start.log_odds,
        feature_name=names,
        params=_dataset_params(config),
    )
    return data.construct(), unused


def check_finite(values: Float32Array, names: tuple[str, ...]) -> None:
    """Refuse infinite values; NaN means "not known" and is fine.

    Raises:
        BadTable: names the first column with one.
    """
    infinite = np.isinf(values)
    if infinite.any():
        counts = infinite.sum(axis=0)
        column = int(np.argmax(counts > 0))
        raise BadTable(
            f"{int(counts[column])} infinite values",
            where=f"feature {names[column]}",
            allowed="finite numbers, or NaN where nothing was known",
            cause="a division by zero, or an unlimited reading",
        )


def extent(values: Float32Array) -> FloatArray:
    """(p, 4) of each column: how many values are missing, how many are there, the lowest, the highest. Column by
    column, so that nothing as large as `values` is copied."""
    out = []
    for column in range(values.shape[1]):
        known = values[:, column][~np.isnan(values[:, column])]
        out.append([len(values) - len(known), len(known), known.min(initial=np.inf), known.max(initial=-np.inf)])
    return np.array(out, np.float64).reshape(-1, 4)


def without_information(extents: Sequence[FloatArray], names: tuple[str, ...], *, hazard: str) -> tuple[str, ...]:
    """Features of one single value or none, from the extents of all rows in one piece or several.

    Raises:
        NotEnoughData: that is every feature.
    """
    missing, known, low, high = np.stack(extents).transpose(2, 0, 1)
    varies = (known.sum(axis=0) > 0) & ((missing.sum(axis=0) > 0) | (low.min(axis=0) < high.max(axis=0)))
    unused = tuple(name for name, useful in zip(names, varies, strict=True) if not useful)
    if len(unused) == len(names):
        raise NotEnoughData(
            "no feature varies in the training part",
            where=f"train {hazard}",
            cause="feeds without readings in that time, or features of one constant",
            fix="look at the feeds' quality reports and at the pilot's features",
        )
    return unused


def _choose_trees(data: lgb.Dataset, given: Examples, config: TrainParams) -> int:
    """Trees at the lowest log loss on the last part of the training time; `num_iterations` where that says nothing."""
    if not len(given.after):
        return config.num_iterations
    fitted = lgb.train(
        {**booster_params(config, config.seeds[0]), "metric": "binary_logloss"},
        data.subset(list(given.before)),
        num_boost_round=config.num_iterations,
        valid_sets=[data.subset(list(given.after))],
        callbacks=[lgb.early_stopping(config.early_stopping_rounds, verbose=False)],
    )
    return max(1, fitted.best_iteration)


def _dataset_params(config: TrainParams) -> dict[str, Any]:
    """What shapes the binned data: the same for every seed, so that it is built once."""
    return {
        "max_bin": config.max_bin,
        "min_data_in_leaf": config.min_data_in_leaf,
        "data_random_seed": 1,
        "feature_pre_filter": False,
        "num_threads": config.num_threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }


def booster_params(config: TrainParams, seed: int) -> dict[str, Any]:
    """LightGBM's own parameters for one seed."""
    return {
        **_dataset_params(config),
        "objective": "binary",
        "learning_rate": config.learning_rate,
        "num_leaves": config.num_leaves,
        "feature_fraction": config.feature_fraction,
        "bagging_fraction": config.bagging_fraction,
        "bagging_freq": 1,
        "lambda_l2": config.lambda_l2,
        "feature_fraction_seed": seed,
        "bagging_seed": seed,
        "extra_seed": seed,
        "objective_seed": seed,
    }
