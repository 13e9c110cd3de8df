"""Each fold of `temporal_folds` fitted and judged: what a choice of parameters, or a backtest, is decided by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from contracts.params import TrainParams
from contracts.results import BoolArray, Features, FloatArray, Labels
from models.blocks import Blocks, average_precision
from models.evaluation import row_losses
from models.pyfunc import raw_scores, sigmoid
from models.split import Fold, Parts
from models.train import train

Map = Callable[[Callable[[Fold], Any], Iterable[Fold]], Iterator[Any]]
LoadMaterial = Callable[[], tuple[Features, Labels]]


@dataclass(frozen=True)
class FoldResult:
    """One fold: its test rows' probabilities in the order of `fold.test`, not calibrated, and how good they are.

    average_precision: NaN where the test window has no incident.
    """

    probability: FloatArray
    trees: int
    log_loss: float
    average_precision: float


def judge_folds(folds: Iterable[Fold], load: LoadMaterial, *, config: TrainParams, run: Map = map) -> list[FoldResult]:
    """A model for each fold, fitted on `fold.train` alone and judged on `fold.test`.

    Args:
        folds: positions into the labels.
        load: gives the features of the whole spine and one hazard's ripe labels; called once a fold, wherever the
            fold is judged, so that only its path travels there.
        run: the built-in `map`, or one that spreads the folds over a cluster: the results are the same.

    Raises:
        NotEnoughData, BadTable: as `train`.
    """
    return list(run(partial(_judge, load, config), folds))


def _judge(load: LoadMaterial, config: TrainParams, fold: Fold) -> FoldResult:
    features, labels = load()
    parts = Parts(train=fold.train, calibrate=fold.test[:0], test=fold.test)
    ensemble = train(features, labels, parts=parts, config=config)
    raw = raw_scores(ensemble.parsed(), features.values[labels.rows[fold.test]])
    probability, occurred = sigmoid(raw.mean(axis=0)), labels.occurred[fold.test]
    log_loss = float(row_losses(probability, occurred)["log_loss"].mean())
    return FoldResult(probability, ensemble.trees, log_loss, _average_precision(probability, occurred))


def _average_precision(probability: FloatArray, occurred: BoolArray) -> float:
    if not occurred.any():
        return float("nan")
    whole = Blocks(block=np.zeros(len(occurred), np.int64), weights=np.ones((1, 1)), days=1.0)
    return float(average_precision(whole, probability, occurred.astype(np.float64))[0])
