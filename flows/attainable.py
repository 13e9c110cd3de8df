"""The share of the attainable skill that a model reaches, where the true risk is known: climatology 0, truth 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from contracts.results import BoolArray, FloatArray, Spine

_SMALLEST = 1e-9  # a true risk of exactly 0 or 1 would make one contradicting row infinite


def true_risk(truth: pl.DataFrame, spine: Spine, *, hazard: str, horizon_hours: int) -> FloatArray:
    """(n,) P(at least one in the horizon) of the spine's rows; NaN where the truth does not reach.

    truth: asset_id, as_of (UTC), and per hazard the true P in the hour after as_of. Over several hours the chances
    of no incident multiply; that truth knows the hours in between, so it is a little more than anyone could reach.
    """
    rows = pl.DataFrame(
        {"asset_id": np.asarray(spine.assets, dtype=object)[spine.asset].astype(str), "at": spine.as_of}
    )
    rows = rows.with_columns(pl.col("at").dt.cast_time_unit("us").dt.replace_time_zone("UTC"))
    hours = truth.select("asset_id", pl.col("as_of").dt.cast_time_unit("us"), risk=pl.col(hazard).cast(pl.Float64))
    none = np.ones(len(spine))
    for ahead in range(horizon_hours):
        wanted = rows.with_columns(as_of=pl.col("at") + pl.duration(hours=ahead))
        none *= 1.0 - wanted.join(hours, on=["asset_id", "as_of"], how="left", maintain_order="left")["risk"].to_numpy()
    return 1.0 - none


def attainable(
    occurred: BoolArray, *, model: FloatArray, climatology: FloatArray, truth: FloatArray
) -> Mapping[str, Any]:
    """share, and the log loss of the three on the rows whose truth is known. All (m,)."""
    known = ~np.isnan(truth)
    losses = {
        name: _log_loss(values[known], occurred[known])
        for name, values in (("truth", truth), ("model", model), ("climatology", climatology))
    }
    reach = losses["climatology"] - losses["truth"]
    share = (losses["climatology"] - losses["model"]) / reach if reach > 0 else float("nan")
    return {"share": share, **{f"{name}_log_loss": loss for name, loss in losses.items()}}


def _log_loss(probability: FloatArray, occurred: BoolArray) -> float:
    inside = np.clip(probability, _SMALLEST, 1 - _SMALLEST)
    return float(-np.log(np.where(occurred, inside, 1 - inside)).mean())
