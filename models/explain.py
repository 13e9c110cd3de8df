"""Why a forecast is what it is: LightGBM's own contributions (Tree SHAP, Lundberg 2020), in words.

`VOC, mean of the last 6 h: 412 ppb (usual 95)`. What place and time contribute is one reason, as nobody can read a
longitude: `this place at this time of the week and year: 3.2 times the average odds`. Contributions cost 60 to 90 times
a plain prediction, so they are computed for the rows that are shown and for no others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from contracts.results import FeatureInfo, Features, Float32Array, FloatArray, InstantArray, IntArray, Spine
from models.pyfunc import THREADS
from models.split import HOUR

TOP = 3
HOURLY_FEATURES = 20  # the most important ones get medians for each asset and hour of the day
HOURLY_CELLS = 120_000  # above this many numbers, medians by asset and hour are left out: the model stays small
SAMPLE_ROWS = 400_000
LEAST_CONTRIBUTION = 1e-3  # log odds; a thousandth of the odds is no reason
SETTING = frozenset({"place", "calendar", "climatology"})  # kinds of features that say where and when, and nothing else


@dataclass(frozen=True)
class UsualValues:
    """What is usual in training. overall: feature -> 5 %, 50 %, 95 % quantiles. hourly: feature -> asset -> 24 medians
    by UTC hour of the day (NaN where that was never known)."""

    overall: Mapping[str, tuple[float, float, float]]
    hourly: Mapping[str, Mapping[str, tuple[float, ...]]] = field(default_factory=dict)

    def at(self, feature: str, asset: str, hour: int) -> float:
        """The median at this asset and hour where it is kept, else the overall one."""
        here = self.hourly.get(feature, {}).get(asset)
        value = here[hour] if here else np.nan
        return float(value if np.isfinite(value) else self.overall[feature][1])

    def to_json(self) -> dict[str, Any]:
        hourly = {
            name: {asset: [_number(v) for v in hours] for asset, hours in assets.items()}
            for name, assets in self.hourly.items()
        }
        return {"overall": {k: [_number(v) for v in q] for k, q in self.overall.items()}, "hourly": hourly}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> UsualValues:
        overall = {name: _floats(values) for name, values in document["overall"].items()}
        hourly = {
            name: {asset: _floats(values) for asset, values in assets.items()}
            for name, assets in document["hourly"].items()
        }
        return cls({name: (q[0], q[1], q[2]) for name, q in overall.items()}, hourly)


def usual_values(features: Features, rows: IntArray, importance: FloatArray) -> UsualValues:
    """Quantiles over the given (training) rows, or a fixed sample of them where there are very many."""
    if len(rows) > SAMPLE_ROWS:
        rows = np.sort(np.random.default_rng(0).choice(rows, SAMPLE_ROWS, replace=False))
    spine, values = features.spine.take(rows), features.values[rows]
    overall = {}
    for position, name in enumerate(features.names):
        known = values[:, position][~np.isnan(values[:, position])]
        quantiles = np.quantile(known, [0.05, 0.5, 0.95]) if len(known) else np.full(3, np.nan)
        overall[name] = (_rounded(quantiles[0]), _rounded(quantiles[1]), _rounded(quantiles[2]))
    top = np.argsort(-importance, kind="stable")[:HOURLY_FEATURES]
    if len(spine.assets) * 24 * len(top) > HOURLY_CELLS:
        return UsualValues(overall)
    return UsualValues(overall, _hourly_medians(spine, values, features.names, top))


def contributions(boosters: Sequence[lgb.Booster], values: Float32Array) -> FloatArray:
    """(n, p) log odds that each feature adds to the expected score, mean over seeds."""
    each = [b.predict(values, pred_contrib=True, num_threads=THREADS) for b in boosters]
    return np.asarray(np.mean(each, axis=0)[:, :-1])


def reasons(boosters: Sequence[lgb.Booster], values: Float32Array, setting: IntArray) -> FloatArray:
    """(n, p) as `contributions`; what the columns of `setting` add is in the first of them, and 0 in the others."""
    moved = contributions(boosters, values)
    together = moved[:, setting].sum(axis=1)
    moved[:, setting] = 0.0
    moved[:, setting[:1]] = together[:, None]
    return moved


def setting_of(infos: Sequence[FeatureInfo]) -> IntArray:
    """The columns that say where and when."""
    return np.array([p for p, info in enumerate(infos) if info.kind in SETTING], dtype=np.int64)


def drivers(boosters: Sequence[lgb.Booster], shown: Features, usual: UsualValues) -> list[str]:
    """For each row the three reasons that move its risk most, one a line; a row nothing moves gets an empty text."""
    if len(shown.spine) == 0:
        return []
    setting = setting_of(shown.infos)
    moved = reasons(boosters, shown.values, setting)
    top = np.argsort(-np.abs(moved), axis=1, kind="stable")[:, :TOP]
    hours = hour_of_day(shown.spine.as_of)
    out = []
    for row in range(len(moved)):
        asset = shown.spine.assets[shown.spine.asset[row]]
        lines = [
            setting_words(contribution=float(moved[row, p]))
            if p in setting
            else driver_words(
                shown.infos[p],
                value=float(shown.values[row, p]),
                usual=usual.at(shown.infos[p].name, asset, int(hours[row])),
                contribution=float(moved[row, p]),
            )
            for p in top[row]
            if abs(moved[row, p]) >= LEAST_CONTRIBUTION
        ]
        out.append("\n".join(lines))
    return out


def driver_words(info: FeatureInfo, *, value: float, usual: float, contribution: float) -> str:
    """`VOC, mean of the last 6 h: 412 ppb (usual 95)`; says so when it lowers the risk."""
    unit = f" {info.unit}" if info.unit not in ("", "1") else ""
    got = f"{readable(value)}{unit}" if np.isfinite(value) else "not known"
    compared = f" (usual {readable(usual)})" if np.isfinite(usual) else ""
    return f"{info.words}: {got}{compared}{', lowers the risk' if contribution < 0 else ''}"


def setting_words(*, contribution: float) -> str:
    """`this place at this time of the week and year: 3.2 times the average odds`."""
    return f"this place at this time of the week and year: {readable(np.exp(contribution))} times the average odds"


def readable(value: float) -> str:
    """Three significant digits, no exponent between 0.0001 and a million."""
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        digits = 0 if value == 0 else max(0, 2 - int(np.floor(np.log10(abs(value)))))
        text = f"{value:.{digits}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{value:.2e}"


def hour_of_day(as_of: InstantArray) -> IntArray:
    """UTC hour, 0 to 23."""
    return (as_of.astype("datetime64[us]").astype(np.int64) // int(HOUR.astype(np.int64)) % 24).astype(np.int64)


def _hourly_medians(
    spine: Spine, values: Float32Array, names: tuple[str, ...], top: IntArray
) -> dict[str, dict[str, tuple[float, ...]]]:
    slot = spine.asset * 24 + hour_of_day(spine.as_of)
    medians = pd.DataFrame(values[:, top]).groupby(slot).median()
    table = medians.reindex(np.arange(len(spine.assets) * 24)).to_numpy().reshape(len(spine.assets), 24, len(top))
    return {
        names[p]: {asset: tuple(_rounded(v) for v in table[a, :, i]) for a, asset in enumerate(spine.assets)}
        for i, p in enumerate(top)
    }


def _rounded(value: float) -> float:
    """Four significant digits: these numbers are read by people, and there are many of them."""
    return float(f"{value:.4g}")


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _floats(values: Sequence[float | None]) -> tuple[float, ...]:
    return tuple(np.nan if value is None else float(value) for value in values)
