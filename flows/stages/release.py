"""The registry: a run logged for every training, and a release for the one that wins. Effects outside DVC's outs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from contracts.results import Decision, FloatArray, IntArray
from flows.artefacts import read_json, write_json
from flows.judging import read_evaluation
from flows.material import Material, judge_rows, load_material
from flows.outputs import Outputs
from flows.places import outputs_of
from flows.settings import Settings
from flows.stages.learn import evaluate, train
from flows.stages.reference import keep_reference

if TYPE_CHECKING:
    from models.fit import Fitted
    from models.promote import Contender
    from models.registry import Tracking
    from models.risk_model import RiskModel

Summary = dict[str, Any]
GOLDEN_ROWS = 50


def tracking_of(settings: Settings) -> Tracking:
    """MLflow as the settings say; beside its own database its files go there too, a server keeps its own."""
    from models.registry import Tracking

    local = settings.mlflow_uri.startswith("sqlite:///")
    (settings.state / "mlflow").mkdir(parents=True, exist_ok=True)
    return Tracking(settings.mlflow_uri, artifacts=(settings.state / "mlflow" / "artifacts").as_uri() if local else "")


def track(settings: Settings, name: str, hazard: str) -> Summary:
    """Log the trained and judged model as an MLflow run: parameters, metrics, plots, provenance, and the reference
    that it will be monitored against. Releases nothing."""
    from models.evaluation import flat_metrics
    from models.registry import log_training_run, registered_name

    outputs, given = outputs_of(settings, name), load_material(settings, name, hazard)
    run_id = log_training_run(
        tracking_of(settings),
        experiment=name,
        run_name=registered_name(name, hazard),
        params=given.params.flat(),
        metrics=flat_metrics(read_evaluation(read_json(outputs.evaluation(hazard), made_by="evaluate"))),
        provenance={"hazard": hazard, **given.provenance},
        files=sorted(outputs.plots(hazard).glob("*.png")),
        texts={"fitted.json": outputs.fitted(hazard).read_text(encoding="utf-8")},
    )
    keep_reference(settings, outputs, given, hazard=hazard, run_id=run_id)
    write_json(outputs.run(hazard), {"run_id": run_id})
    return {"hazard": hazard, "run_id": run_id}


def release(settings: Settings, name: str, hazard: str, *, now: datetime) -> Summary:
    """Publish the tracked model as challenger, decide on untouched rows against the champion, move the alias or not."""
    from models.card import model_card
    from models.registry import publish, registered_name
    from models.registry import release as carry_out

    outputs, given, tracking = outputs_of(settings, name), load_material(settings, name, hazard), tracking_of(settings)
    fitted = _load_fitted(outputs, hazard)
    decision = _decide(settings, given, fitted.model, name=registered_name(name, hazard), now=now)
    evaluation = read_evaluation(read_json(outputs.evaluation(hazard), made_by="evaluate"))
    version = publish(
        tracking,
        fitted.model,
        name=registered_name(name, hazard),
        run_id=read_json(outputs.run(hazard), made_by="track")["run_id"],
        golden=given.features.take(_golden(given)),
        card=model_card(registered_name(name, hazard), fitted, evaluation, decision),
        at=now,
    )
    champion = carry_out(tracking, version, decision)
    summary = {"hazard": hazard, "version": version.version, "champion": champion, **decision.as_json()}
    write_json(outputs.decision(hazard), summary)
    return summary


def _decide(settings: Settings, given: Material, model: RiskModel, *, name: str, now: datetime) -> Decision:
    from models.promote import decide_promotion

    trial = judge_rows(model, given)
    champion, without = _champion(settings, given, name=name)
    decision = decide_promotion(
        _contender(model, trial.probability, name=f"{name} (new)"),
        champion,
        judged=trial.judged,
        baselines=trial.baselines,
        params=given.params.promote,
        evaluate_params=given.params.evaluate,
        decided_at=now,
    )
    return replace(decision, reasons=(*decision.reasons, *without))


def _champion(settings: Settings, given: Material, *, name: str) -> tuple[Contender | None, tuple[str, ...]]:
    """Today's champion's forecasts of the same rows; or none, and why it could not be asked."""
    from models.registry import champion_version, load_version

    version = champion_version(tracking_of(settings), name)
    if version is None:
        return None, ("there is no champion yet: the baselines alone were the bar",)
    model, label = load_version(tracking_of(settings), version), f"{name} version {version.version}"
    if model.names != given.features.names:
        return None, (f"champion {label} uses other features than the pilot now has: only the baselines were the bar",)
    return _contender(model, judge_rows(model, given).probability, name=label), ()


def _contender(model: RiskModel, probability: FloatArray, *, name: str) -> Contender:
    from models.promote import Contender

    return Contender(name, probability, datetime.fromisoformat(model.provenance["fitted_until"]))


def _load_fitted(outputs: Outputs, hazard: str) -> Fitted:
    from models.fit import Fitted
    from models.risk_model import RiskModel

    shown = read_json(outputs.fitted(hazard), made_by="train")
    model = RiskModel.load(outputs.model(hazard))
    return Fitted(model, shown["trees"], shown["stopped_early"], tuple(shown["unused"]), importance=shown["importance"])


def _golden(given: Material) -> IntArray:
    """A few test rows, spread evenly over time."""
    rows = given.labels.rows[given.parts.test]
    picked: IntArray = rows[np.linspace(0, len(rows) - 1, num=min(GOLDEN_ROWS, len(rows))).astype(np.int64)]
    return picked


def learn_and_release(settings: Settings, name: str, hazard: str, *, now: datetime) -> Summary:
    """`train`, `evaluate`, `track` and `release` of one hazard, one after the other: a challenger from nothing."""
    train(settings, name, hazard)
    judged = evaluate(settings, name, hazard)
    track(settings, name, hazard)
    return {**judged, **release(settings, name, hazard, now=now)}
