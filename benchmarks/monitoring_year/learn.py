"""Trainings of the year: the platform's own split, fit and reference, on what was known at an instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from benchmarks.monitoring_year.watch import Released, Year
from contracts.results import Features, Labels
from features import build_labels
from models import fit_risk_model
from models.fit import Fitted
from models.split import split_parts
from monitoring import make_reference
from monitoring.reference import thinned

LONG_AGO = timedelta(days=36_500)


@dataclass(frozen=True)
class Known:
    """Rows of the features up to an instant, and the labels that are ripe then."""

    features: Features
    labels: Labels


def known_at(year: Year, at: datetime, hazard: str) -> Known:
    features = year.features.take(year.rows(at - LONG_AGO, at))
    rule = year.pilot.hazards[hazard]
    labels = build_labels(year.tables.incidents, features.spine, hazard=hazard, rule=rule, observed_until=at)
    return Known(features, labels)


def trained(year: Year, at: datetime, hazard: str, *, version: str) -> Released:
    """A model of everything that was known at `at`, with its reference.

    Raises:
        NotEnoughData: as `split_parts` and `fit_risk_model`.
    """
    given, params = known_at(year, at, hazard), year.params
    horizon = year.pilot.hazards[hazard].horizon_hours
    parts = split_parts(given.features.spine.as_of[given.labels.rows], params.split, horizon_hours=horizon)
    fitted = fit_risk_model(
        given.features,
        given.labels,
        parts=parts,
        train_params=params.train.of(hazard),
        calibrate_params=params.calibrate,
        alerts_per_day=year.pilot.hazards[hazard].alerts_per_day,
        provenance={"trained_at": at.isoformat()},
    )
    return released(year, at, fitted, given, version=version)


def released(year: Year, at: datetime, fitted: Fitted, given: Known, *, version: str) -> Released:
    """As `flows.stages.reference` keeps it: every ripe row, thinned to whole hours."""
    rows = np.sort(given.labels.rows)
    features = given.features.take(rows[thinned(given.features.spine.as_of[rows])])
    reference = make_reference(
        features,
        fitted.model.predict(features)[0],
        hazard=fitted.model.hazard,
        importance=fitted.importance,
        sample_rows=year.params.monitor.sample_rows,
        seed=year.params.monitor.seed,
    )
    return Released(version, fitted.model, reference, at)
