"""Trainings of the year: the platform's own cut in time, fit, gate and reference, on what was known at an instant."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from benchmarks.monitoring_year.watch import Released, Year
from contracts.errors import NotEnoughData
from contracts.params import Params
from contracts.results import Decision, Features, Labels
from features import build_labels
from flows.evidence import surroundings_of
from flows.material import Material, cut_after_change, judge_rows
from flows.stages.reference import reference_of
from models import RiskModel, fit_risk_model
from models.promote import Contender, decide_promotion
from models.recalibration import recalibrate
from models.split import Parts, split_parts

LONG_AGO = timedelta(days=36_500)


@dataclass(frozen=True)
class Known:
    """Rows of the features up to an instant, and the labels that are ripe then. params: with this hazard's own.

    districts: of each asset of the spine, empty where it has none.
    """

    at: datetime
    features: Features
    labels: Labels
    params: Params
    alerts_per_day: float
    districts: tuple[str, ...]

    @classmethod
    def of(cls, year: Year, at: datetime, hazard: str) -> Known:
        features = year.features.take(year.rows(at - LONG_AGO, at))
        rule = year.pilot.hazards[hazard]
        labels = build_labels(year.tables.incidents, features.spine, hazard=hazard, rule=rule, observed_until=at)
        params = year.params.model_copy(update={"train": year.params.train.of(hazard)})
        named = dict(year.tables.assets.select("asset_id", "district").iter_rows())
        districts = tuple(named.get(asset) or "" for asset in features.spine.assets)
        return cls(at, features, labels, params, rule.alerts_per_day, districts)

    def parts(self, params: Params) -> Parts:
        as_of = self.features.spine.as_of[self.labels.rows]
        return split_parts(as_of, params.split, horizon_hours=self.labels.horizon_hours)

    def since(self, kind: str, since: datetime) -> Params:
        """The parameters of what monitoring asked for."""
        as_of, hours = self.features.spine.as_of[self.labels.rows], self.labels.horizon_hours
        return cut_after_change(self.params, kind=kind, since=since, as_of=as_of, horizon_hours=hours)

    def material(self, params: Params) -> Material:
        """As the platform's stages have it."""
        provenance = {"observed_until": self.at.isoformat()}
        parts = self.parts(params)
        return Material(
            self.features, self.labels, parts, params, self.alerts_per_day, self.districts, provenance=provenance
        )


def first_champion(year: Year, hazard: str) -> Released:
    """What is in use when the year begins.

    Raises:
        NotEnoughData: too short a time before the year.
    """
    given = Known.of(year, year.first, hazard)
    model, importance = _trained(given, given.params)
    return released(given, model, importance, version="1")


def challenger(given: Known, champion: Released, *, kind: str, since: datetime) -> tuple[Released, Params]:
    """The model that a decision of this kind asks for, and the parameters it was made with.

    Raises:
        NotEnoughData: too few rows or incidents since the change.
    """
    params = given.since(kind, since)
    if kind == "recalibrate":
        rows = given.parts(params).calibrate
        said = {"trained_at": given.at.isoformat()}
        model = recalibrate(champion.model, given.features, given.labels, rows=rows, provenance=said)
        importance = dict(zip(champion.reference.names, champion.reference.importance.tolist(), strict=True))
    else:
        model, importance = _trained(given, params)
    return released(given, model, importance, version=str(int(champion.version) + 1)), params


def carry_out(year: Year, at: datetime, champion: Released, decision: Decision) -> Released:
    """What the decision asks for, if it gets past the gate; else today's champion. Either way it is said, on stderr."""
    given, since = Known.of(year, at, champion.model.hazard), datetime.fromisoformat(decision.inputs["since"])
    asked = f"{at:%Y-%m-%d} {decision.kind} {champion.model.hazard}, changed {since:%Y-%m-%d}"
    try:
        new, params = challenger(given, champion, kind=decision.kind, since=since.astimezone(UTC))
    except NotEnoughData as few:
        print(f"{asked}: {few}", file=sys.stderr, flush=True)
        return champion
    verdict = _gate(year, given, new, champion, params)
    print(f"{asked}: {verdict.kind}: {'; '.join(verdict.reasons)}", file=sys.stderr, flush=True)
    return new if verdict.kind == "promote" else champion


def _gate(year: Year, given: Known, new: Released, champion: Released, params: Params) -> Decision:
    """The gate of releases, on rows that neither saw."""
    material = given.material(params)
    trial = judge_rows(new.model, material)
    rows = given.labels.rows[material.parts.test]
    before = champion.model.predict(given.features.take(rows))[0]
    incidents = year.tables.incidents.filter(pl.col("known_at") <= given.at)
    around = surroundings_of(incidents, year.pilot, year.shared, material, new.model, champion.model, changed=True)
    return decide_promotion(
        Contender("challenger", trial.probability, _fitted_until(new.model)),
        Contender("champion", before, _fitted_until(champion.model)),
        judged=trial.judged,
        baselines=trial.baselines,
        params=params.promote,
        evaluate_params=params.evaluate,
        decided_at=given.at,
        surroundings=around,
    )


def _fitted_until(model: RiskModel) -> datetime:
    return datetime.fromisoformat(model.provenance["fitted_until"])


def _trained(given: Known, params: Params) -> tuple[RiskModel, dict[str, float]]:
    fitted = fit_risk_model(
        given.features,
        given.labels,
        parts=given.parts(params),
        train_params=params.train,
        calibrate_params=params.calibrate,
        alerts_per_day=given.alerts_per_day,
        provenance={"trained_at": given.at.isoformat()},
    )
    return fitted.model, dict(fitted.importance)


def released(given: Known, model: RiskModel, importance: dict[str, float], *, version: str) -> Released:
    """In use from now on, with the reference that a release keeps."""
    params = given.params.monitor
    reference = reference_of(model, given.features, given.labels, importance=importance, params=params)
    return Released(version, model, reference, given.at)
