"""Do reasons stay when inputs tremble? A reason that changes with noise nobody could measure is no reason."""

from __future__ import annotations

from collections.abc import Sequence

import lightgbm as lgb
import numpy as np

from contracts.results import Float32Array, IntArray
from models.explain import LEAST_CONTRIBUTION, reasons

NOISE_SHARE = 0.001  # of each feature's spread (5 % to 95 % quantile)
STABILITY_ROWS = 500  # contributions are dear; the riskiest rows are the ones whose reasons are read


def top_reason_stays(
    boosters: Sequence[lgb.Booster], values: Float32Array, *, setting: IntArray, seed: int = 0
) -> float | None:
    """Share of rows whose first reason is the same after noise of a thousandth of each feature's spread.

    values: (n, p) the rows whose reasons are shown. setting: the columns that are one reason, see `models.explain`.
    A row that nothing moves has no reason and is left out; None where no row has one. Features of whole numbers (an
    hour of the day, a count) keep their values: no noise makes them others.
    """
    before = reasons(boosters, values, setting)
    shown = np.abs(before).max(axis=1, initial=0) >= LEAST_CONTRIBUTION
    if not shown.any():
        return None
    random = np.random.default_rng(seed)
    known = ~np.isnan(values).all(axis=0)
    spread = np.zeros(values.shape[1])
    spread[known] = np.subtract(*np.nanquantile(values[:, known], [0.95, 0.05], axis=0))
    whole = np.nan_to_num(values) == np.round(np.nan_to_num(values))
    noise = random.normal(0.0, NOISE_SHARE, values.shape) * spread * ~whole.all(axis=0)
    after = reasons(boosters, (values + noise).astype(np.float32), setting)
    same = np.abs(before).argmax(axis=1) == np.abs(after).argmax(axis=1)
    return float(same[shown].mean())
