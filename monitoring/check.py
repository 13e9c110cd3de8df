"""One check of one model: gates, drift, estimate and realised performance of a window, as one record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from contracts.params import MonitorParams
from contracts.results import Features, FloatArray
from monitoring.drift import DriftReport, measure_drift
from monitoring.findings import Finding
from monitoring.gates import Expected, Gated, pass_gates
from monitoring.performance import Estimated, Judged, Performance, estimate_performance, measure_realised
from monitoring.profile import profile_days
from monitoring.reference import FORECAST, Reference, with_forecast
from monitoring.windows import Window


@dataclass(frozen=True)
class Seen:
    """A model's window: features (n, p) in the model's order and its forecasts of them (n,), and what can be judged.

    next_check: for the words of what is not ripe yet.
    """

    pilot: str
    hazard: str
    version: str
    at: datetime
    next_check: str
    features: Features
    probability: FloatArray
    judged: Judged
    states: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Checked:
    """The record, and what is behind it for the page. gated: None where there is no reference."""

    window: Window
    drift: DriftReport
    performance: Performance
    estimated: Estimated
    gated: Gated | None


def check_model(
    seen: Seen, reference: Reference | None, *, findings: tuple[Finding, ...], params: MonitorParams
) -> Checked:
    """Everything that can be judged of a window; what cannot is a state, never an all-clear."""
    performance = measure_realised(seen.judged, params=params, next_check=seen.next_check)
    gated, drift, estimated = None, DriftReport(state="the reference is gone: train and release again"), None
    if reference is not None and reference.names != (*seen.features.names, FORECAST):
        drift = DriftReport(state="the reference is of other features than the model: train and release again")
    elif reference is not None:
        gated = pass_gates(_frame(seen.features), expected_of(reference), min_rows=params.min_rows)
        drift = _drift(seen, reference, gated, params)
        estimated = _estimate(seen, reference, params)
    estimated = estimated or Estimated(len(seen.probability), 0.0, state="no estimate: " + drift.state)
    states = dict(seen.states)
    states |= {} if not drift.state else {"drift": drift.state}
    states |= {} if not estimated.state else {"estimate": estimated.state}
    states |= {} if not performance.state else {"performance": performance.state}
    window = _window(seen, drift, performance, estimated, gated, findings, states)
    return Checked(window, drift, performance, estimated, gated)


def expected_of(reference: Reference) -> Expected:
    """What the gates ask of the model's own columns."""
    known = reference.days.known.sum(axis=0) / max(float(reference.days.rows.sum()), 1.0)
    p = len(reference.names) - 1
    scale = reference.scale
    return Expected(scale.names[:p], scale.centre.mean(axis=0)[:p], scale.spread[:p], 1 - known[:p])


def _frame(features: Features) -> pd.DataFrame:
    return pd.DataFrame(features.values, columns=list(features.names))


def _drift(seen: Seen, reference: Reference, gated: Gated, params: MonitorParams) -> DriftReport:
    """Only of columns that passed; the others are NaN, which is not judged."""
    values = with_forecast(np.asarray(seen.features.values, dtype=np.float32), seen.probability)
    for position, name in enumerate(seen.features.names):
        if name not in gated.frame.columns:
            values[:, position] = np.nan
    return measure_drift(reference, profile_days(values, seen.features.spine.as_of, reference.scale), params=params)


def _estimate(seen: Seen, reference: Reference, params: MonitorParams) -> Estimated:
    values = with_forecast(seen.features.values, seen.probability)
    return estimate_performance(
        seen.probability,
        values,
        scale=reference.scale,
        importance=reference.importance,
        max_outside=params.max_outside,
    )


def _window(
    seen: Seen,
    drift: DriftReport,
    performance: Performance,
    estimated: Estimated,
    gated: Gated | None,
    findings: tuple[Finding, ...],
    states: Mapping[str, str],
) -> Window:
    realised = performance.realised
    broken = gated.broken if gated else ()
    return Window(
        pilot=seen.pilot,
        hazard=seen.hazard,
        at=seen.at,
        version=seen.version,
        drift_share=None if drift.state else drift.share,
        moved=tuple(feature.name for feature in drift.moved),
        findings=findings,
        gate_faults=tuple(
            f"{fault.column or 'the table'}: {fault.reason}" for fault in broken if len(seen.probability)
        ),
        learning_z=realised.learning.z if realised else None,
        learning_share=realised.learning.share if realised else 0.0,
        learning_what=realised.learning.what if realised else "",
        recalibrating_z=realised.recalibrating.z if realised else None,
        recalibrating_share=realised.recalibrating.share if realised else 0.0,
        learning_since=_midnight(realised.learning.since) if realised else "",
        recalibrating_since=_midnight(realised.recalibrating.since) if realised else "",
        ripe_incidents=performance.ripe_incidents,
        states=states,
        numbers=_numbers(drift, performance, estimated, findings),
    )


def _midnight(day: int) -> str:
    """A day since 1970 as an ISO instant."""
    return datetime.fromtimestamp(day * 86_400, UTC).isoformat()


def _numbers(
    drift: DriftReport, performance: Performance, estimated: Estimated, findings: tuple[Finding, ...]
) -> dict[str, float]:
    """What becomes a time series; estimated beside realised, so that their gap can be seen."""
    out = {
        "findings": float(len(findings)),
        "drift.share": float("nan") if drift.state else drift.share,
        "drift.features": float("nan") if drift.state else float(len(drift.moved)),
        "estimated.outside": estimated.outside,
        "estimated.log_loss": estimated.log_loss,
        "estimated.brier": estimated.brier,
        "estimated.average_precision": estimated.average_precision,
        "ripe_incidents": float(performance.ripe_incidents),
    }
    if (realised := performance.realised) is None:
        return out
    overall = realised.overall
    out |= {f"realised.{key}": float(getattr(overall, key)) for key in ("log_loss", "brier", "z", "incidents", "rows")}
    out |= {
        "realised.expected_log_loss": overall.expected_log_loss,
        "realised.average_precision": realised.average_precision,
        "realised.expected_average_precision": realised.expected_average_precision,
        "gain.learning_z": realised.learning.z,
        "gain.recalibrating_z": realised.recalibrating.z,
    }
    return out | {f"realised.district.{name}.log_loss": score.log_loss for name, score in realised.districts.items()}
