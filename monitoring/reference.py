"""A champion's own reference: what its inputs and forecasts were like when it was made, kept with its training run.

    rows.parquet    a sample of rows: asset_id, as_of, utc_hour and utc_month (the season), features, forecast
    days.parquet    every day in numbers, see `monitoring.profile`
    reference.json  the scale, the features' importance to the model, how much was sampled

The forecast is carried as one more feature, as log odds, so that its drift is measured as theirs is. Forecasts of rows
that the model was fitted on are a little sharper than those of new rows; their level is the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from contracts.errors import BadSource, NotFound
from contracts.results import Features, Float32Array, FloatArray, InstantArray, IntArray
from monitoring.profile import BINS, Days, Scale, fit_scale, profile_days

FORECAST = "forecast_log_odds"
KEYS = ("asset_id", "as_of", "utc_hour", "utc_month")
PROFILE_ROWS = 400_000
SCALE_ROWS = 100_000
_STRIDES = (1, 5, 7, 11, 13, 17, 19, 23, 25, 29, 31, 35)  # hours; none shares a divisor with 24
_FORMAT = 1


@dataclass(frozen=True)
class Reference:
    """rows: the sample, for pages and people. importance: (p,) shares of the model's gain, 0 for the forecast."""

    hazard: str
    rows: pd.DataFrame
    rows_before_sampling: int
    scale: Scale
    days: Days
    importance: FloatArray

    @property
    def names(self) -> tuple[str, ...]:
        """The model's features and, last, `forecast_log_odds`."""
        return self.scale.names

    def save(self, folder: Path) -> Path:
        """Three files in `folder`, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        pl.from_pandas(self.rows).write_parquet(folder / "rows.parquet")
        _days_frame(self.days).write_parquet(folder / "days.parquet")
        (folder / "reference.json").write_text(json.dumps(self._document(), indent=1), encoding="utf-8")
        return folder

    @classmethod
    def load(cls, folder: Path) -> Reference:
        """Raises: NotFound: a file is gone. BadSource: a file is damaged, or of a newer platform."""
        missing = [name for name in ("reference.json", "days.parquet", "rows.parquet") if not (folder / name).is_file()]
        if missing:
            raise NotFound(f"no {missing[0]}", where=f"reference {folder.name}", fix="train and release again")
        try:
            document = json.loads((folder / "reference.json").read_text(encoding="utf-8"))
            if document["format"] != _FORMAT:
                raise BadSource(f"format {document['format']}", where="reference", allowed=str(_FORMAT))
            return cls(
                hazard=document["hazard"],
                rows=pl.read_parquet(folder / "rows.parquet").to_pandas(),
                rows_before_sampling=document["rows_before_sampling"],
                scale=_read_scale(document["scale"]),
                days=_read_days(pl.read_parquet(folder / "days.parquet")),
                importance=np.asarray(document["importance"], dtype=np.float64),
            )
        except (KeyError, ValueError, pl.exceptions.PolarsError) as fault:
            raise BadSource(f"damaged: {fault}", where="reference", fix="train and release again") from fault

    def _document(self) -> dict[str, Any]:
        scale = {key: _numbers(getattr(self.scale, key)) for key in ("centre", "spread", "edges", "low", "high")}
        return {
            "format": _FORMAT,
            "hazard": self.hazard,
            "rows_before_sampling": self.rows_before_sampling,
            "importance": self.importance.tolist(),
            "scale": {"names": list(self.scale.names), **scale},
        }


def make_reference(
    features: Features,
    probability: FloatArray,
    *,
    hazard: str,
    importance: Mapping[str, float],
    sample_rows: int,
    seed: int,
) -> Reference:
    """The reference of a model. features: (n, p) that it was made from; probability: (n,) its own forecasts of them."""
    values, as_of = with_forecast(features.values, probability), features.spine.as_of
    names = (*features.names, FORECAST)
    fitted_on = thinned(as_of, most=SCALE_ROWS)
    scale = fit_scale(values[fitted_on], as_of[fitted_on], names)
    picked = _sampled(len(values), sample_rows, seed)
    return Reference(
        hazard=hazard,
        rows=_rows_frame(features, picked, values, names),
        rows_before_sampling=len(values),
        scale=scale,
        days=profile_days(values, as_of, scale),
        importance=np.array([*(importance.get(name, 0.0) for name in features.names), 0.0]),
    )


def thinned(as_of: InstantArray, *, most: int = PROFILE_ROWS) -> IntArray:
    """Positions of whole hours, evenly spread, so that no more than about `most` rows are left.

    The step between hours shares no divisor with 24: every hour of the day comes in turn.
    """
    stride = next((s for s in _STRIDES if len(as_of) <= most * s), _STRIDES[-1])
    hour = as_of.astype("datetime64[h]").astype(np.int64)
    return np.flatnonzero(hour % stride == 0).astype(np.int64)


def with_forecast(values: Float32Array, probability: FloatArray) -> Float32Array:
    """(n, p + 1): the forecast's log odds as the last column."""
    odds = np.log(probability) - np.log1p(-probability)
    return np.column_stack([values, odds.astype(np.float32)])


def _rows_frame(features: Features, picked: IntArray, values: Float32Array, names: tuple[str, ...]) -> pd.DataFrame:
    frame = features.spine.take(picked).frame()
    keys = frame.assign(utc_hour=frame["as_of"].dt.hour, utc_month=frame["as_of"].dt.month)
    return pd.concat([keys[list(KEYS)], pd.DataFrame(values[picked], columns=list(names))], axis=1)


def _sampled(rows: int, most: int, seed: int) -> IntArray:
    if rows <= most:
        return np.arange(rows, dtype=np.int64)
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False)).astype(np.int64)


def _days_frame(days: Days) -> pl.DataFrame:
    width = days.total.shape[1]
    return pl.DataFrame(
        {
            "day": days.day,
            "rows": days.rows,
            "total": pl.Series(days.total, dtype=pl.Array(pl.Float64, width)),
            "bins": pl.Series(
                days.bins.reshape(len(days.day), -1).astype(np.float32), dtype=pl.Array(pl.Float32, width * BINS)
            ),
        }
    )


def _read_days(frame: pl.DataFrame) -> Days:
    total, bins = frame["total"].to_numpy(), frame["bins"].to_numpy().astype(np.float64)
    return Days(frame["day"].to_numpy(), frame["rows"].to_numpy(), total, bins.reshape(*total.shape, BINS))


def _read_scale(document: Mapping[str, Any]) -> Scale:
    numbers = {key: np.asarray(document[key], dtype=np.float64) for key in ("centre", "spread", "edges", "low", "high")}
    return Scale(names=tuple(document["names"]), **numbers)


def _numbers(values: FloatArray) -> Any:
    """JSON has no NaN: a feature that was never known has null limits."""
    kept = values.astype(object)
    kept[np.isnan(values)] = None
    return kept.tolist()
