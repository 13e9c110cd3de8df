"""From features and labels to a judged model of one hazard, on disk."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from contracts.results import FloatArray
from flows.artefacts import load_features
from flows.asked import Asked
from flows.attainable import attainable, true_risk
from flows.compute import computing
from flows.documents import read_json, write_json
from flows.judging import metrics, reliability_rows
from flows.material import Material, fit, judge_rows, judge_worth, load_material
from flows.outputs import Outputs
from flows.places import outputs_of, pilot_of
from flows.settings import Settings

if TYPE_CHECKING:
    from models.fit import Trial

Summary = dict[str, Any]


def train(settings: Settings, name: str, hazard: str, *, asked: Asked | None = None) -> Summary:
    """Fit on the training part and calibrate; saved as text and JSON."""
    outputs, given = outputs_of(settings, name), load_material(settings, name, hazard, asked=asked)
    with computing(given.params.compute, sees=settings.state) as compute:
        fitted = fit(given, learn=compute.learner(partial(load_features, outputs.features)))
    fitted.model.save(outputs.model(hazard))
    shown = {"trees": fitted.trees, "stopped_early": fitted.stopped_early, "unused": list(fitted.unused)}
    write_json(outputs.fitted(hazard), {**shown, "importance": dict(fitted.importance)})
    return {"hazard": hazard, **shown}


def evaluate(settings: Settings, name: str, hazard: str, *, asked: Asked | None = None) -> Summary:
    """Judge the trained model and its baselines on the untouched test part: numbers, and pictures."""
    return judge_trained(settings, name, hazard, asked=asked)[0]


def judge_trained(settings: Settings, name: str, hazard: str, *, asked: Asked | None = None) -> tuple[Summary, Trial]:
    """`evaluate`, with the forecasts that were judged: the gate looks at the same, and a baseline is fitted once."""
    from models.evaluation import evaluate as judge
    from models.plots import plot_all
    from models.risk_model import RiskModel

    outputs, given = outputs_of(settings, name), load_material(settings, name, hazard, asked=asked)
    model = RiskModel.load(outputs.model(hazard))
    trial = judge_rows(model, given)
    evaluation = judge(trial.probability, trial.judged, baselines=trial.baselines, params=given.params.evaluate)
    write_json(outputs.evaluation(hazard), evaluation.as_json())
    truth = _truth(outputs, given) if (outputs.truth / "risk.parquet").is_file() else None
    found = judge_worth(model, trial, given, truth=truth, timezone=pilot_of(settings, name).timezone)
    write_json(outputs.worth(hazard), found.as_json())
    summary = metrics(evaluation)
    write_json(outputs.reliability(hazard), reliability_rows(evaluation))
    plot_all(
        outputs.plots(hazard),
        evaluation,
        found,
        trial.judged,
        probability=trial.probability,
        baselines=trial.baselines,
        importance=read_json(outputs.fitted(hazard), made_by="train")["importance"],
        words={info.name: info.words for info in given.features.infos},
        params=given.params.evaluate,
    )
    if truth is not None:
        reached = attainable(
            trial.judged.occurred,
            model=trial.probability,
            climatology=trial.baselines["climatology"],
            truth=truth,
        )
        write_json(outputs.attainable(hazard), reached)
        summary["attainable_share"] = reached["share"]
    write_json(outputs.metrics(hazard), summary)
    return {"hazard": hazard, **summary}, trial


def _truth(outputs: Outputs, given: Material) -> FloatArray | None:
    """Of the test part; None where it does not reach: the store may know later days than the city on disk has."""
    labels = given.labels
    truth = pl.read_parquet(outputs.truth / "risk.parquet", columns=["asset_id", "as_of", labels.hazard])
    spine = given.features.spine.take(labels.rows[given.parts.test])
    risk = true_risk(truth, spine, hazard=labels.hazard, horizon_hours=labels.horizon_hours)
    return None if np.isnan(risk).any() else risk
