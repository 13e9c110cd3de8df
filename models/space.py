"""Which parameters a search may try. Only LightGBM's own; nothing that changes what is forecast or judged.

Monotone constraints are not among them: no parameter of ours sets any. `negative_share` is, although 1.0 is nearly
always the best by log loss: what a share costs and gives is in docs/tuning-and-backtest.md, and each trial's seconds
are reported beside its score.
"""

from __future__ import annotations

import math
from typing import Any

import optuna

from contracts.params import TrainParams

FLOATS = {"learning_rate": (0.02, 0.2, True), "lambda_l2": (0.1, 100.0, True), "feature_fraction": (0.3, 1.0, False)}
INTEGERS = {"num_leaves": (4, 127), "min_data_in_leaf": (20, 2000)}  # both on a log scale
CHOICES = {"max_bin": (63, 127, 255), "negative_share": (0.1, 0.3, 1.0)}
SEARCHED = (*FLOATS, *INTEGERS, *CHOICES)
DIGITS = 3  # more would only look exact


def suggest(trial: optuna.Trial, base: TrainParams) -> TrainParams:
    """`base` with what the trial suggests. A slower learning rate may have as many more trees as it is slower."""
    found: dict[str, Any] = {}
    for name, (low, high, log) in FLOATS.items():
        found[name] = float(f"{trial.suggest_float(name, low, high, log=log):.{DIGITS}g}")
    for name, (least, most) in INTEGERS.items():
        found[name] = trial.suggest_int(name, least, most, log=True)
    for name, choices in CHOICES.items():
        found[name] = trial.suggest_categorical(name, choices)
    slower = max(1.0, base.learning_rate / found["learning_rate"])
    found["num_iterations"] = math.ceil(base.num_iterations * slower)
    return TrainParams.model_validate({**base.model_dump(), **found})


def nearest_in_space(base: TrainParams) -> dict[str, Any]:
    """The point of the space that is nearest to `base`: how the search remembers the parameters in force."""
    out: dict[str, Any] = {}
    for name, (low, high, _) in FLOATS.items():
        out[name] = min(max(getattr(base, name), low), high)
    for name, (least, most) in INTEGERS.items():
        out[name] = min(max(getattr(base, name), least), most)
    for name, choices in CHOICES.items():
        out[name] = min(choices, key=lambda choice: abs(math.log(choice / getattr(base, name))))
    return out


def searched(params: TrainParams, base: TrainParams) -> dict[str, Any]:
    """What a search sets: every searched key, and the number of trees where that differs from the one of `base`."""
    keys = (*SEARCHED, *(("num_iterations",) if params.num_iterations != base.num_iterations else ()))
    return {key: getattr(params, key) for key in keys}
