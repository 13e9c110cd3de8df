"""Trainings of the year: the platform's own cut in time, fit, gate and reference, on what was known at an instant."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from benchmarks.monitoring_year.watch import Released, Year
from contracts.errors import NotEnoughData
from contracts.params import Params
from contracts.results import Decision, Features, Labels, instant_of
from features import build_labels
from flows.stages.reference import reference_of
from models import RiskModel, fit_risk_model
from models.fit import trial_on_test
from models.promote import Contender, decide_promotion
from models.recalibration import recalibrate
from models.split import Parts, cut_for_recalibration, cut_for_retraining, split_parts

LONG_AGO = timedelta(days=36_500)


@dataclass(frozen=True)
class Known:
    """Rows of the features up to an instant, and the labels that are ripe then. params: with this hazard's own."""

    at: datetime
    features: Features
    labels: Labels
    params: Params
    alerts_per_day: float

    @classmethod
    def of(cls, year: Year, at: datetime, hazard: str) -> Known:
        features = year.features.take(year.rows(at - LONG_AGO, at))
        rule = year.pilot.hazards[hazard]
        labels = build_labels(year.tables.incidents, features.spine, hazard=hazard, rule=rule, observed_until=at)
        params = year.params.model_copy(update={"train": year.params.train.of(hazard)})
        return cls(at, features, labels, params, rule.alerts_per_day)

    def parts(self, params: Params) -> Parts:
        as_of = self.features.spine.as_of[self.labels.rows]
        return split_parts(as_of, params.split, horizon_hours=self.labels.horizon_hours)

    def since(self, kind: str, since: datetime) -> Params:
        """The parameters of what monitoring asked for, as `flows.material` makes them."""
        as_of, after = self.features.spine.as_of[self.labels.rows], self.params.after_change
        evaluate = self.params.evaluate.model_copy(update={"block_days": after.block_days})
        params = self.params.model_copy(update={"evaluate": evaluate})
        if kind == "recalibrate":
            hours, split = self.labels.horizon_hours, self.params.split
            split = cut_for_recalibration(as_of, split, after, since=instant_of(since), horizon_hours=hours)
            return params.model_copy(update={"split": split})
        split = cut_for_retraining(as_of, self.params.split, after, since=instant_of(since))
        train = self.params.train.model_copy(update={"changed_at": since, "weight_since": after.weight})
        return params.model_copy(update={"split": split, "train": train})


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
    verdict = _gate(given, new, champion, params)
    print(f"{asked}: {verdict.kind}: {'; '.join(verdict.reasons)}", file=sys.stderr, flush=True)
    return new if verdict.kind == "promote" else champion


def _gate(given: Known, new: Released, champion: Released, params: Params) -> Decision:
    """The gate of releases, on rows that neither saw."""
    trial = trial_on_test(
        new.model, given.features, given.labels, parts=given.parts(params), alerts_per_day=given.alerts_per_day
    )
    rows = given.labels.rows[given.parts(params).test]
    before = champion.model.predict(given.features.take(rows))[0]
    return decide_promotion(
        Contender("challenger", trial.probability, _fitted_until(new.model)),
        Contender("champion", before, _fitted_until(champion.model)),
        judged=trial.judged,
        baselines=trial.baselines,
        params=params.promote,
        evaluate_params=params.evaluate,
        decided_at=given.at,
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
