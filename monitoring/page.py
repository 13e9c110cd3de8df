"""Evidently's page of a window: data drift, forecast drift and data quality. The only place that imports evidently.

The verdict is ours (`monitoring.drift`); the page is for people who want to look at the distributions behind it. It is
made of samples of rows and of the columns that matter, because 60 columns take Evidently 20 seconds; both are said on
the page. What the gates let through it has never refused; should it refuse a column, that column is left out and said.
"""

from __future__ import annotations

import html
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from monitoring.reference import FORECAST

MOST_COLUMNS = 20
DISTANCE = "wasserstein"  # in standard deviations of the reference
LIMIT = 0.3
_RAISED = (ValueError, TypeError, KeyError, ZeroDivisionError, OverflowError, IndexError)  # by Evidently, on columns


@dataclass(frozen=True)
class Page:
    """html: self-contained. metrics: column -> Evidently's distance; `rows`, `missing.COLUMN` from its summary.

    left_out: column -> why Evidently could not show it.
    """

    html: str
    metrics: Mapping[str, float]
    left_out: Mapping[str, str]

    def save(self, path: Path) -> None:
        """Whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(path.name + ".new")
        draft.write_text(self.html, encoding="utf-8")
        draft.replace(path)


def render_page(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    *,
    columns: Sequence[str],
    title: str,
    notes: Sequence[str],
    sample_rows: int,
    seed: int,
) -> Page:
    """The page of these columns, which both frames have as numbers (see `monitoring.gates`).

    Args:
        columns: the most interesting first; at most 20 are shown.
        notes: shown above: findings, decisions, states.
        sample_rows: at most so many rows of either frame are looked at.
    """
    shown = list(columns)[:MOST_COLUMNS]
    samples = [_sampled(frame, sample_rows, seed) for frame in (current, reference)]
    said = [
        *notes,
        f"{len(samples[0]):,} of {len(current):,} rows of the window and {len(samples[1]):,} of {len(reference):,} "
        f"reference rows, at random; {len(shown)} of {len(columns)} columns",
    ]
    snapshot, left_out = _reported(samples[0], samples[1], shown)
    said += [f"{column}: Evidently cannot show it: {why}" for column, why in left_out.items()]
    body, metrics = (snapshot.get_html_str(as_iframe=False), _metrics(snapshot.dict())) if snapshot else ("", {})
    return Page(_headed(body, title, said), metrics, left_out)


def _reported(current: pd.DataFrame, reference: pd.DataFrame, columns: list[str]) -> tuple[Any, dict[str, str]]:
    """Evidently's snapshot of the columns; where it raises, of those that do not make it raise by themselves."""
    if not columns:
        return None, {}
    try:
        return _run(current[columns], reference[columns]), {}
    except _RAISED:
        fits, left_out = [], {}
        for column in columns:
            try:
                _run(current[[column]], reference[[column]])
            except _RAISED as fault:
                left_out[column] = f"{type(fault).__name__}: {fault}"
            else:
                fits.append(column)
        return (_run(current[fits], reference[fits]) if fits else None), left_out


def _run(current: pd.DataFrame, reference: pd.DataFrame) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Evidently's own, about NumPy and pandas of a later day
        from evidently import DataDefinition, Dataset, Report
        from evidently.presets import DataDriftPreset, DataSummaryPreset

        definition = DataDefinition(numerical_columns=list(current.columns))
        report = Report([DataDriftPreset(num_method=DISTANCE, num_threshold=LIMIT), DataSummaryPreset()])
        both = [Dataset.from_pandas(f.reset_index(drop=True), data_definition=definition) for f in (current, reference)]
        return report.run(*both)


def _metrics(document: Mapping[str, Any]) -> dict[str, float]:
    """Finite plain numbers of Evidently's document, by our short names."""
    out: dict[str, float] = {}
    for metric in document["metrics"]:
        config, value = metric["config"], metric["value"]
        kind, column = str(config["type"]).rsplit(":", 1)[-1], config.get("column", "")
        if kind == "ValueDrift":
            out[f"{DISTANCE}.{column}"] = float(value)
        elif kind == "DriftedColumnsCount":
            out["drifted_columns"] = float(value["count"])
        elif kind == "RowCount":
            out["rows"] = float(value)
        elif kind == "MissingValueCount":
            out[f"missing.{column}"] = float(value["share"])
    return {name: value for name, value in out.items() if math.isfinite(value)}


def _headed(body: str, title: str, notes: Sequence[str]) -> str:
    """The page with our own words above Evidently's."""
    lines = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    head = f'<div style="font-family:sans-serif;margin:1.5em"><h1>{html.escape(title)}</h1><ul>{lines}</ul></div>'
    if "<body>" in body:
        return body.replace("<body>", f"<body>{head}", 1)
    return f'<!doctype html><html><head><meta charset="utf-8"></head><body>{head}{body}</body></html>'


def interesting(moved: Sequence[str], importance: Mapping[str, float]) -> list[str]:
    """The forecast, what moved, then by importance."""
    ranked = sorted(importance, key=lambda name: (-importance[name], name))
    return list(dict.fromkeys([FORECAST, *moved, *ranked]))


def _sampled(frame: pd.DataFrame, most: int, seed: int) -> pd.DataFrame:
    return frame if len(frame) <= most else frame.sample(most, random_state=seed)
