"""Training on data that is spread over the workers: lightgbm.dask, one seed after another.

Each worker reads its own rows (`load`, from files that all of them see), so no row passes through the scheduler. Rows
are dealt out one by one, those with an incident first: every worker then holds a fair sample, which matters because a
worker finds the bins of its share of the features from its own rows alone. The trees are therefore close to those of
`models.train.train`, and not the same; docs/cluster.md states how close.

lightgbm.dask hangs when one worker stops early (LightGBM issue 7009): the number of trees is chosen here, from the log
loss after each tree, summed over the workers.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dask.array as da
import lightgbm as lgb
import numpy as np
from distributed import Client, Future
from lightgbm import DaskLGBMClassifier

from contracts.params import TrainParams
from contracts.results import BoolArray, Features, Float32Array, FloatArray, IntArray, Labels
from models.examples import Examples, examples
from models.split import Parts
from models.train import (
    Ensemble,
    Start,
    booster_params,
    check_finite,
    extent,
    starting_point,
    without_information,
)


class InOrder(Client):
    """A client that says in the order asked who has what.

    lightgbm.dask gives its workers their ranks in that order, and ranks decide whose rows make which feature's bins:
    with the order of a set of random keys, as it is otherwise, no training could be repeated.
    """

    def who_has(self, futures: Any = None, **kwargs: Any) -> Any:
        found = super().who_has(futures, **kwargs)
        return found if futures is None else {future.key: found[future.key] for future in futures}


@dataclass(frozen=True)
class Shard:
    """One worker's rows, in that worker's memory: (m, p) values, (m,) labels, weights and log odds to start from."""

    length: int
    values: Future
    occurred: Future
    weight: Future
    start: Future | None  # log odds to boost from; none: the base rate


def train_data_parallel(
    client: Client,
    load: Callable[[], Features],
    features: Features,
    labels: Labels,
    *,
    parts: Parts,
    config: TrainParams,
) -> Ensemble:
    """As `models.train.train`, with the rows spread over the workers. `num_threads` is each worker's own.

    Args:
        load: gives `features` on a worker.

    Raises:
        as `models.train.train`.
    """
    given = examples(features.spine, labels, parts=parts, config=config)
    start = starting_point(features, labels.rows[parts.train], labels.occurred[parts.train], given, config=config)
    trees = _choose_trees(client, load, given, start, features.names, config)
    shards = _deal(client, load, given, start, np.arange(len(given.rows)))
    extents = client.gather([client.submit(extent, shard.values) for shard in shards])
    unused = without_information(extents, features.names, hazard=labels.hazard)
    boosters = [_fit(client, shards, features.names, config, seed=seed, trees=trees) for seed in config.seeds]
    gain = np.mean([booster.feature_importance("gain") for booster in boosters], axis=0)
    texts = tuple(start.before(_text(booster)) for booster in boosters)
    return Ensemble(texts, trees, trees < config.num_iterations, unused, gain)


def _deal(client: Client, load: Callable[[], Features], given: Examples, start: Start, some: IntArray) -> list[Shard]:
    """Some of the examples, one shard a worker (of workers in order of address, so that a rerun deals alike).

    Raises:
        BadTable: an infinite value.
    """
    order = some[np.argsort(~given.occurred[some], kind="stable")]
    workers = sorted(client.nthreads())[: int(given.occurred[some].sum())]
    shards = []
    for number, worker in enumerate(workers):
        mine = np.sort(order[number :: len(workers)])
        put = {"workers": [worker], "hash": False}
        rows = client.scatter(given.rows[mine], **put)
        values = client.submit(_values, load, rows, workers=[worker], pure=False)
        label, weight = client.scatter([given.occurred[mine].astype(np.float32), given.weight[mine]], **put)
        from_here = None if start.log_odds is None else client.scatter(start.log_odds[mine], **put)
        shards.append(Shard(len(mine), values, label, weight, from_here))
    for shard in shards:
        client.submit(len, shard.values).result()  # a fault shows here; lightgbm.dask would hand it back as a model
    return shards


def _values(load: Callable[[], Features], rows: IntArray) -> Float32Array:
    features = load()
    values = np.ascontiguousarray(features.values[rows])
    check_finite(values, features.names)
    return values


def _fit(
    client: Client, shards: list[Shard], names: tuple[str, ...], config: TrainParams, *, seed: int, trees: int
) -> lgb.Booster:
    params = {key: value for key, value in booster_params(config, seed).items() if key != "num_threads"}
    model = DaskLGBMClassifier(client=client, n_estimators=trees, **params)
    values = [da.from_delayed(s.values, (s.length, len(names)), np.float32) for s in shards]
    label = [da.from_delayed(s.occurred, (s.length,), np.float32) for s in shards]
    weight = [da.from_delayed(s.weight, (s.length,), np.float64) for s in shards]
    start = [da.from_delayed(s.start, (s.length,), np.float64) for s in shards if s.start is not None]
    joined = [da.concatenate(arrays) for arrays in (values, label, weight)]
    first = da.concatenate(start) if start else None
    with client.as_current(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Parameter n_jobs will be ignored")  # its own default, in every fit
        model.fit(joined[0], joined[1], sample_weight=joined[2], init_score=first, feature_name=list(names))
    return model.booster_


def _text(booster: lgb.Booster) -> str:
    """The booster's text without this training's addresses: the same trees are the same bytes."""
    lines = booster.model_to_string(num_iteration=-1).splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(("[machines:", "[local_listen_port:")))


def _choose_trees(
    client: Client,
    load: Callable[[], Features],
    given: Examples,
    start: Start,
    names: tuple[str, ...],
    config: TrainParams,
) -> int:
    """Trees at the lowest log loss, over the workers, by the same rule as early stopping."""
    if not len(given.after):
        return config.num_iterations
    seed = config.seeds[0]
    fitted = _fit(
        client, _deal(client, load, given, start, given.before), names, config, seed=seed, trees=config.num_iterations
    )
    text = fitted.model_to_string()
    judged = [
        client.submit(log_loss_by_trees, text, shard.values, shard.occurred, shard.weight, shard.start)
        for shard in _deal(client, load, given, start, given.after)
    ]
    return best_trees(np.sum(client.gather(judged), axis=0), patience=config.early_stopping_rounds)


def log_loss_by_trees(
    text: str, values: Float32Array, occurred: BoolArray, weight: FloatArray, start: FloatArray | None = None
) -> FloatArray:
    """(trees,) the weighted sum of these rows' log losses after each tree. start: (m,) log odds to boost from."""
    booster = lgb.Booster(model_str=text)
    raw, losses = np.zeros(len(values)) if start is None else start.copy(), []
    for tree in range(booster.num_trees()):
        raw += booster.predict(values, start_iteration=tree, num_iteration=1, raw_score=True, num_threads=1)
        losses.append(float(weight @ np.logaddexp(0.0, np.where(occurred > 0, -raw, raw))))
    return np.array(losses)


def best_trees(losses: FloatArray, *, patience: int) -> int:
    """How many trees have the lowest loss, looking no further than `patience` trees without a lower one."""
    best = 0
    for tree, loss in enumerate(losses):
        if loss < losses[best]:
            best = tree
        elif tree - best >= patience:
            break
    return best + 1
