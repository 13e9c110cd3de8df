"""The registry: a run logged for every training, and a release for the one that wins. Effects outside DVC's outs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from contracts.errors import BadSource, BadTable, ForesafeError
from contracts.results import Decision, FloatArray, IntArray
from contracts.worth import read_worth
from flows.asked import Asked
from flows.documents import read_json, write_json
from flows.evidence import surroundings
from flows.judging import read_evaluation
from flows.material import Material, load_material, untouched_by
from flows.outputs import Outputs
from flows.places import outputs_of, pilot_of
from flows.settings import Settings
from flows.stages.learn import judge_trained, train
from flows.stages.recalibrate import recalibrate
from flows.stages.reference import keep_reference
from flows.tracking import tracking_of

if TYPE_CHECKING:
    from models.fit import Fitted, Trial
    from models.promote import Contender
    from models.registry import Tracking, Version
    from models.risk_model import RiskModel

Summary = dict[str, Any]
GOLDEN_ROWS = 50


def track(settings: Settings, name: str, hazard: str, *, asked: Asked | None = None) -> Summary:
    """Log the trained and judged model as an MLflow run: parameters, metrics, plots, provenance, and the reference
    that it will be monitored against. Releases nothing."""
    from models.evaluation import flat_metrics
    from models.registry import log_training_run, registered_name

    outputs, given = outputs_of(settings, name), load_material(settings, name, hazard, asked=asked)
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


def release(
    settings: Settings, name: str, hazard: str, *, trial: Trial, now: datetime, asked: Asked | None = None
) -> Summary:
    """Publish the tracked model as challenger, decide on untouched rows against the champion, move the alias or not.

    trial: the model's and the baselines' forecasts of the test part, as `evaluate` just judged them.

    A run whose version already is the champion was released before: that decision is returned, and nothing is done.
    """
    from models.card import model_card
    from models.registry import Entry, publish, registered_name
    from models.registry import release as carry_out

    outputs, tracking, model_name = outputs_of(settings, name), tracking_of(settings), registered_name(name, hazard)
    run_id = read_json(outputs.run(hazard), made_by="track")["run_id"]
    if before := _released_before(tracking, model_name, run_id):
        return _summarise(outputs, hazard, *before, champion=True)
    given = load_material(settings, name, hazard, asked=asked)
    fitted = _load_fitted(outputs, hazard)
    changed = asked is not None
    decision = _decide(settings, name, given, fitted.model, trial, model_name=model_name, changed=changed, now=now)
    if given.params.release == "manual":
        decision = _left_to_an_operator(decision)
    evaluation = read_evaluation(read_json(outputs.evaluation(hazard), made_by="evaluate"))
    worth = read_worth(read_json(outputs.worth(hazard), made_by="evaluate"))
    version = publish(
        tracking,
        fitted.model,
        name=model_name,
        run_id=run_id,
        golden=given.features.take(_golden(given)),
        card=model_card(model_name, fitted, evaluation, worth, decision),
        entry=Entry(pilot_of(settings, name), given.params).as_json(),
        at=now,
        by=decision.by,
    )
    return _summarise(outputs, hazard, version, decision, champion=carry_out(tracking, version, decision))


def _left_to_an_operator(decision: Decision) -> Decision:
    """What the gate would promote waits; what it refuses stays refused."""
    if decision.kind != "promote":
        return decision
    return replace(decision, kind="wait", reasons=("the gate would promote it; an operator decides", *decision.reasons))


def _released_before(tracking: Tracking, model_name: str, run_id: str) -> tuple[Version, Decision] | None:
    from models.registry import champion_version, recorded_decision

    champion = champion_version(tracking, model_name)
    if champion is None or champion.run_id != run_id:
        return None
    decision = recorded_decision(tracking, champion)
    return (champion, decision) if decision else None


def _summarise(outputs: Outputs, hazard: str, version: Version, decision: Decision, *, champion: bool) -> Summary:
    summary = {"hazard": hazard, "version": version.version, "champion": champion, **decision.as_json()}
    write_json(outputs.decision(hazard), summary)
    return summary


def _decide(
    settings: Settings,
    name: str,
    given: Material,
    model: RiskModel,
    trial: Trial,
    *,
    model_name: str,
    changed: bool,
    now: datetime,
) -> Decision:
    from models.promote import decide_promotion

    rival = _champion(settings, given, name=model_name)
    if rival.model is not None:
        tested, given = given.parts.test, untouched_by(rival.model, given)
        trial = trial.take(np.flatnonzero(np.isin(tested, given.parts.test)))
    test = given.features.take(given.labels.rows[given.parts.test])
    decision = decide_promotion(
        _contender(model, trial.probability, name=f"{model_name} (new)"),
        None if rival.model is None else _contender(rival.model, rival.model.predict(test)[0], rival.name),
        judged=trial.judged,
        baselines=trial.baselines,
        params=given.params.promote,
        evaluate_params=given.params.evaluate,
        decided_at=now,
        surroundings=surroundings(settings, name, given, model, rival.model, changed=changed, fault=rival.fault),
    )
    return replace(decision, reasons=(*decision.reasons, *rival.notes))


@dataclass(frozen=True)
class _Champion:
    """Today's champion; or none and why, in `notes` where the baselines may stand in for it, in `fault` where not."""

    model: RiskModel | None = None
    name: str = ""
    notes: tuple[str, ...] = ()
    fault: str = ""


def _champion(settings: Settings, given: Material, *, name: str) -> _Champion:
    """A champion that does not load stays, because it may load again. One that cannot score the features that the pilot
    now has can forecast nothing any more, and is taken as absent."""
    from models.registry import champion_version, load_version

    version = champion_version(tracking_of(settings), name)
    if version is None:
        return _Champion(notes=("there is no champion yet: the baselines alone were the bar",))
    try:
        model = load_version(tracking_of(settings), version)
    except BadSource as fault:
        do = f"`foresafe rollback {name}` to one that loads, then train again"
        return _Champion(fault=f"{fault}; it stays the champion: {do}")
    try:
        model.aligned(given.features.take(np.zeros(0, dtype=np.int64)))
    except BadTable as fault:
        return _Champion(notes=(f"champion {version.label} cannot score these features ({fault.what}): only the "
                                "baselines were the bar",))  # fmt: skip
    return _Champion(model, version.label)


def _contender(model: RiskModel, probability: FloatArray, name: str) -> Contender:
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


def learn_and_release(
    settings: Settings, name: str, hazard: str, *, clock: Callable[[], datetime], asked: Asked | None = None
) -> Summary:
    """`train`, `evaluate`, `track` and `release` of one hazard, one after the other: a challenger from nothing, or
    from today's champion where a recalibration was asked for.

    clock: asked when the training is over, so that the record has decisions in their order.
    What stops it (too few incidents, a model that does not load in a fresh process) is recorded as a refusal as well.
    """
    try:
        learn = recalibrate if asked and asked.kind == "recalibrate" else train
        learn(settings, name, hazard, asked=asked)
        judged, trial = judge_trained(settings, name, hazard, asked=asked)
        tracked = track(settings, name, hazard, asked=asked)
        return {**judged, **tracked, **release(settings, name, hazard, trial=trial, now=clock(), asked=asked)}
    except ForesafeError as refusal:
        from models.registry import registered_name, save_refusal

        model_name = registered_name(name, hazard)
        decision = Decision("refuse", f"{model_name} (new)", (str(refusal),), decided_at=clock(), by="the training")
        save_refusal(tracking_of(settings), model_name, decision)
        raise
