"""When it pays to train on a part of the rows without incident: speed against log loss and ranking.

    python -m benchmarks.downsampling          or make bench-downsampling; the last line is JSON
    python -m benchmarks.downsampling --quick  a small city, in seconds: its ratios mean nothing

Synthetic rows of the size of one hazard of Ulsan (58 cells, two years of hours, 100 features) with a known law, at the
base rate of a rare hazard and of a frequent one. Every way trains on the same rows and is judged on the same later
ones; quiet rows that are kept weigh 1 / share (`train.negative_share`). What is slow is also measured: rows are made
and binned once for each way, as training does.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from contracts.params import EvaluateParams, TrainParams
from contracts.results import FeatureInfo, Features, Float32Array, Labels
from models.evaluation import Judged, paired_difference
from models.folds import judge_folds
from models.split import Fold
from tests.synthetic_risk import city

SHARES = (1.0, 0.3, 0.1, 0.03)
BASES = {"rare": -7.6, "frequent": -4.6}  # log odds; about 0.2 % and 2.8 % of the rows
TRAIN = TrainParams(num_iterations=120, early_stopping_rounds=0, seeds=(1,), num_threads=2)
FEATURES = 100


@dataclass(frozen=True)
class Measured:
    """One share. ratios: against all rows. loss: log loss minus that of all rows, and its 95 % interval."""

    share: float
    seconds: float
    average_precision: float
    log_loss: float
    loss: float
    low: float
    high: float


def rows(base: float, *, days: int, assets: int) -> tuple[Features, Labels]:
    """The city of the tests, with noise up to the number of features that a pilot has."""
    town = city(assets=assets, days=days, base=base)
    values, infos = town.features.values, town.features.infos
    noise = np.random.default_rng(0).normal(size=(len(values), FEATURES - values.shape[1]))
    more = tuple(replace(infos[-1], name=f"more_noise_{i}") for i in range(noise.shape[1]))
    return _features(town.features, np.hstack([values, noise.astype(np.float32)]), infos + more), town.labels


def _features(features: Features, values: Float32Array, infos: tuple[FeatureInfo, ...]) -> Features:
    return replace(features, values=np.ascontiguousarray(values), infos=infos)


def measure(features: Features, labels: Labels) -> Iterator[Measured]:
    """Every share on the same rows: the first three quarters of the time to train on, the rest to judge."""
    cut = len(labels) * 3 // 4
    fold = Fold(np.arange(cut), np.arange(cut, len(labels)))
    occurred = labels.occurred[fold.test]
    judged = Judged("hazard", "test", occurred, features.spine.as_of[labels.rows[fold.test]], occurred.mean(), 5.0)
    whole = None
    for share in SHARES:
        began = time.perf_counter()
        config = TRAIN.model_copy(update={"negative_share": share})
        found = judge_folds([fold], lambda: (features, labels), config=config)[0]
        took = time.perf_counter() - began
        whole = found if whole is None else whole
        against = paired_difference(found.probability, whole.probability, judged, params=EvaluateParams())["log_loss"]
        yield Measured(share, took, found.average_precision, found.log_loss, against.value, against.low, against.high)


def table(name: str, found: list[Measured]) -> str:
    """One line a share."""
    lines = [
        f"{name:<10}{'share':>7}{'seconds':>9}{'faster':>8}{'log loss':>10}{'more, %':>9}  95 %{'avg. precision':>26}"
    ]
    for got in found:
        loss, low, high = (100 * value / found[0].log_loss for value in (got.loss, got.low, got.high))
        lines.append(
            f"{'':<10}{got.share:>7g}{got.seconds:>9.1f}{found[0].seconds / got.seconds:>8.1f}{got.log_loss:>10.5f}"
            f"{loss:>9.2f}  [{low:+.2f}, {high:+.2f}]{got.average_precision:>14.4f}"
        )
    return "\n".join(lines)


def summary(found: list[Measured]) -> dict[str, dict[str, float]]:
    """share -> how many times as fast; how much higher the log loss, how much of the average precision is left."""
    first = found[0]
    return {
        f"{got.share:g}": {
            "faster": round(first.seconds / got.seconds, 2),
            "log_loss_ratio": round(got.log_loss / first.log_loss, 4),
            "average_precision_ratio": round(got.average_precision / first.average_precision, 3),
        }
        for got in found[1:]
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true")
    days, assets = (120, 20) if parser.parse_args().quick else (730, 58)
    out = {}
    for name, base in BASES.items():
        features, labels = rows(base, days=days, assets=assets)
        print(f"{name}: {len(labels):,} rows, {int(labels.occurred.sum()):,} with an incident", flush=True)
        found = list(measure(features, labels))
        print(table(name, found), flush=True)
        out[name] = summary(found)
    print(json.dumps(out))


if __name__ == "__main__":
    main()
