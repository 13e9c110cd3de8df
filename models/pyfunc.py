"""The code that travels with a released model: NumPy, pandas, LightGBM and the standard library, nothing of ours.

MLflow copies this one file next to the model's data ("models from code") and runs it wherever the model is loaded.
The platform imports the same functions, so that what a downstream service computes cannot differ from what was
evaluated. A model folder is data: `manifest.json` (SHA-256 of every other file), `model.json`, `booster-*.txt`.
Faults are `ValueError`, because the platform's own errors are not there downstream.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float64]
MANIFEST = "manifest.json"
THREADS = 2  # contended OpenMP threads make LightGBM 3 to 16 times slower; the numbers do not depend on it
SMALLEST = 1e-9  # no probability is 0 or 1: a forecast never claims certainty


def verified_files(folder: Path) -> dict[str, bytes]:
    """Every file of a model folder, its hash checked before anything parses it: broken booster text ends the process.

    Raises:
        ValueError: no manifest, a file missing or changed.
    """
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise ValueError(f"no {MANIFEST} in {folder.name}: not a model folder, or half a download")
    expected = json.loads(manifest.read_text(encoding="utf-8"))["files"]
    files = {}
    for name, digest in expected.items():
        path = folder / name
        if Path(name).name != name or not path.is_file():
            raise ValueError(f"{name} is missing from the model folder; fetch the model again")
        files[name] = path.read_bytes()
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise ValueError(f"{name} is not the file that was released (SHA-256 differs); fetch the model again")
    return files


def raw_scores(boosters: Sequence[lgb.Booster], values: npt.NDArray[np.float32]) -> FloatArray:
    """(seeds, n) log odds."""
    if len(values) == 0:
        return np.zeros((len(boosters), 0))
    return np.stack([np.asarray(b.predict(values, raw_score=True, num_threads=THREADS)) for b in boosters])


def sigmoid(log_odds: FloatArray) -> FloatArray:
    """1 / (1 + exp(-x)), without overflow and strictly inside (0, 1)."""
    return np.asarray(np.clip(0.5 * (1.0 + np.tanh(0.5 * log_odds)), SMALLEST, 1 - SMALLEST))


def log_odds(probability: FloatArray) -> FloatArray:
    inside = np.clip(probability, SMALLEST, 1 - SMALLEST)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def calibrated(calibrator: Mapping[str, Any], raw: FloatArray) -> FloatArray:
    """(n,) probabilities. `calibrator`: {"method": "logistic" | "isotonic" | "none", ...}."""
    if calibrator["method"] == "logistic":
        return sigmoid(calibrator["slope"] * raw + calibrator["intercept"])
    if calibrator["method"] == "isotonic":
        return np.asarray(np.interp(raw, calibrator["raw"], calibrator["probability"]))
    return sigmoid(raw)


def risk_interval(table: Mapping[str, Any], probability: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Lower and upper end, each (n,). table: {"centre", "below", "above": half widths as log odds over log odds}."""
    centre = log_odds(probability)
    low = sigmoid(centre - np.interp(centre, table["centre"], table["below"]))
    high = sigmoid(centre + np.interp(centre, table["centre"], table["above"]))
    return np.minimum(low, probability), np.maximum(high, probability)


def count_interval(
    expected: FloatArray, relative_variance: float, *, level: float = 0.9
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Fewest and most incidents, each (n,), that a group of forecasts leaves open: the central interval of a negative
    binomial count of this mean and variance mean + relative_variance * mean^2. It holds at least `level`."""
    most = int(
        np.ceil(
            expected.max(initial=0) * (1 + 12 * np.sqrt(relative_variance)) + 12 * np.sqrt(expected.max(initial=0)) + 20
        )
    )
    reached = np.cumsum(count_chances(expected, relative_variance, most), axis=1)
    low = (reached < (1 - level) / 2).sum(axis=1)
    return low, np.minimum((reached < (1 + level) / 2).sum(axis=1), most)


def count_chances(expected: FloatArray, relative_variance: float, most: int) -> FloatArray:
    """(n, most + 1) chance of 0, 1, ... `most` incidents; Poisson where relative_variance is 0."""
    mean = np.maximum(np.asarray(expected, dtype=np.float64), SMALLEST)
    excess = relative_variance * mean
    none = -np.log1p(excess) / relative_variance if relative_variance > 0 else -mean
    steps = np.arange(1, most + 1)
    ratio = (1.0 + relative_variance * (steps - 1)) / steps  # of two neighbouring chances, times mean / (1 + excess)
    logs = np.cumsum(np.log(ratio) + np.log(mean / (1.0 + excess))[:, None], axis=1)
    return np.asarray(np.exp(np.concatenate([np.zeros((len(mean), 1)), logs], axis=1) + none[:, None]))


def expected_counts(probability: FloatArray) -> FloatArray:
    """(n,) incidents to be expected where at least one has this probability and they come independently (Poisson)."""
    return np.asarray(-np.log1p(-probability))


def incident_severities(boosters: Sequence[lgb.Booster], values: npt.NDArray[np.float32], *, mean: float) -> FloatArray:
    """(n,) how severe one incident would be: the mean, times exp(raw score) where there are boosters of it."""
    return mean * np.exp(raw_scores(boosters, values).mean(axis=0)) if boosters else np.full(len(values), mean)


def band_names(bands: Mapping[str, float], probability: FloatArray) -> npt.NDArray[np.object_]:
    """low, elevated, high or extreme: `bands` holds the least probability of the last three."""
    names = np.array(["low", "elevated", "high", "extreme"], dtype=object)
    limits = np.array([bands["elevated"], bands["high"], bands["extreme"]])
    return np.asarray(names[(probability[:, None] >= limits).sum(axis=1)])


@dataclass(frozen=True)
class Released:
    """A model folder, ready to score frames."""

    features: tuple[str, ...]
    boosters: tuple[lgb.Booster, ...]
    severity: tuple[lgb.Booster, ...]
    document: Mapping[str, Any]

    @classmethod
    def from_folder(cls, folder: Path) -> Released:
        files = verified_files(folder)
        document = json.loads(files["model.json"])
        boosters, severity = (
            tuple(lgb.Booster(model_str=files[name].decode("utf-8")) for name in document.get(key, ()))
            for key in ("boosters", "severity")
        )
        return cls(tuple(info["name"] for info in document["features"]), boosters, severity, document)

    def score(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Columns probability, low, high, band, expected_count, expected_severity; one row a row, its index kept.

        Raises:
            ValueError: a feature is missing, or a value is infinite.
        """
        missing = [name for name in self.features if name not in frame.columns]
        if missing:
            raise ValueError(f"{len(missing)} features are missing, the first is {missing[0]!r}")
        values = frame[list(self.features)].to_numpy(dtype=np.float32)
        if np.isinf(values).any():
            raise ValueError("infinite feature values; use NaN where nothing is known")
        raw = raw_scores(self.boosters, values)
        probability = calibrated(self.document["calibrator"], raw.mean(axis=0))
        low, high = risk_interval(self.document["interval"], probability)
        band = band_names(self.document["bands"], probability)
        count = expected_counts(probability)
        columns = {"probability": probability, "low": low, "high": high, "band": band}
        one = incident_severities(self.severity, values, mean=self.document["mean_severity"])
        columns |= {"expected_count": count, "expected_severity": count * one}
        return pd.DataFrame(columns, index=frame.index)


if not __package__:  # run by MLflow as a file of its own, not imported as a module of the platform
    import mlflow

    class ReleasedModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc,name-defined,unused-ignore]
        """Input: a frame of the features, named as in the signature. Output: the columns of `Released.score`."""

        def load_context(self, context: Any) -> None:
            self.released = Released.from_folder(Path(context.artifacts["model"]))

        def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> Any:
            return self.released.score(model_input)

    mlflow.models.set_model(ReleasedModel())
