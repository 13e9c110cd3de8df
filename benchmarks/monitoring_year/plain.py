"""The plain trigger beside ours: Evidently's drift preset with its defaults, weekly; retrain when it says so."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from benchmarks.monitoring_year.watch import Year
from contracts.results import IntArray

EVERY = timedelta(days=7)
LONG_AGO = timedelta(days=36_500)
SAMPLE_ROWS = 5_000  # of the last training data; Evidently takes minutes for all


def plain_retrainings(year: Year, *, seed: int = 3) -> Iterator[datetime]:
    """When it would retrain. The reference is always what the last training was made of: everything until then."""
    reference = _rows(year, year.rows(year.first - LONG_AGO, year.first), seed)
    at = year.first
    while (at := at + EVERY) <= year.last:
        if says_drift(_rows(year, year.rows(at - EVERY, at), seed), reference):
            reference = _rows(year, year.rows(year.first - LONG_AGO, at), seed)
            yield at


def says_drift(current: pd.DataFrame, reference: pd.DataFrame) -> bool:
    """The preset's verdict: half of the columns drifted, each by the test and the limit that Evidently chooses.

    `DriftedColumnsCount` is the part of `DataDriftPreset` that decides; its pictures take ten times as long.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Evidently's own, about NumPy and pandas of a later day
        from evidently import DataDefinition, Dataset, Report
        from evidently.metrics import DriftedColumnsCount

        known = [name for name in current.columns if current[name].notna().any() and reference[name].notna().any()]
        definition = DataDefinition(numerical_columns=known)
        both = [Dataset.from_pandas(frame[known], data_definition=definition) for frame in (current, reference)]
        metric = DriftedColumnsCount()
        found = Report([metric]).run(*both).dict()["metrics"][0]["value"]
    return bool(found["share"] >= metric.drift_share)


def _rows(year: Year, rows: IntArray, seed: int) -> pd.DataFrame:
    if len(rows) > SAMPLE_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, SAMPLE_ROWS, replace=False))
    return pd.DataFrame(year.features.values[rows], columns=list(year.features.names))
