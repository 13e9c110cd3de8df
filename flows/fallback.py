"""What is forecast for a hazard that has no released model: its climatology, and it says so."""

from __future__ import annotations

import numpy as np
import pandas as pd

from contracts.results import Features
from contracts.tables import SCORES


def climatology_scores(features: Features, *, hazard: str, horizon_hours: int, why: str) -> pd.DataFrame:
    """Rows of the scores table from the hazard's climatology feature, marked degraded.

    Nothing is known about how severe an incident is, nor about how far off the climatology may be, so the severity is
    empty, the interval is the whole of 0..1 and no band is called. Where even the climatology is not known, the
    probability is 0 of an empty history and says no more than that.
    """
    probability = np.nan_to_num(features.column(f"{hazard}_climatology").astype(np.float64), nan=0.0)
    where = features.spine.frame()
    columns = {
        "asset_id": where["asset_id"].astype("str"),
        "hazard": hazard,
        "as_of": where["as_of"],
        "horizon_hours": horizon_hours,
        "probability": probability,
        "low": 0.0,
        "high": 1.0,
        "expected_count": -np.log1p(-np.minimum(probability, 1 - 1e-9)),
        "expected_severity": np.nan,
        "baseline": probability,
        "band": "low",
        "drivers": "",
        "model": "climatology",
        "version": "0",
        "degraded": why,
    }
    return pd.DataFrame(columns)[[column.name for column in SCORES.columns]]
