"""Severity given an incident: learned where it can be, one mean where it cannot, and the same wherever it is loaded."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contracts.params import EvaluateParams
from contracts.results import FloatArray, Labels
from models.card_worth import severity_text
from models.pyfunc import Released
from models.risk_model import RiskModel, score
from models.severity import Incidents, fit_severity, gamma_deviance, judge_severity
from tests.synthetic_risk import City, walk, walk_worth

PARAMS = EvaluateParams(replicates=100)


def law(town: City) -> FloatArray:
    """Mean severity of an incident in each row: it doubles with every 60 ppb, where the gas is known."""
    gas = town.features.column("voc_ppb_mean_6h").astype(float)
    return np.asarray(2.0 * 2 ** ((np.where(np.isnan(gas), 100, gas) - 100) / 60))


@cache
def labelled(*, lawful: bool) -> Labels:
    """The walk's labels with severities drawn around a mean that the row knows, or around one mean."""
    town = walk().city
    mean = law(town) if lawful else np.full(len(town.labels.rows), 2.0)
    random = np.random.default_rng(1)
    drawn = mean * random.gamma(4.0 * np.maximum(town.labels.count, 1)) / 4.0
    return replace(town.labels, severity=np.where(town.labels.occurred, drawn, 0.0))


def model(*, lawful: bool) -> RiskModel:
    labels, part = labelled(lawful=lawful), walk().parts.train
    known = Incidents.of(labels, part)
    return replace(
        walk().fitted.model,
        mean_severity=float(np.average(known.severity, weights=known.count)),
        severity=fit_severity(walk().city.features, labels, part=part),
    )


def test_severity_that_can_be_known_is_learned_and_its_sum_is_right() -> None:
    own, labels, part = model(lawful=True), labelled(lawful=True), walk().parts.test
    found = judge_severity(own, walk().city.features, labels, part=part, params=PARAMS)
    assert found is not None
    assert found.own
    assert found.difference.high < 0
    known = Incidents.of(labels, part)
    truth = law(walk().city)[labels.rows[known.at]]
    best = np.average(gamma_deviance(known.severity, truth), weights=known.count)
    assert (found.one_mean.value - found.deviance.value) / (found.one_mean.value - best) > 0.6
    train = Incidents.of(labels, walk().parts.train)
    stated = own.incident_severity(walk().city.features.take(labels.rows[train.at]))
    assert stated @ train.count == pytest.approx(train.severity @ train.count, rel=0.01)


def test_severity_that_is_chance_alone_stays_one_mean() -> None:
    chance = model(lawful=False)
    assert chance.severity == ()
    found = judge_severity(chance, walk().city.features, labelled(lawful=False), part=walk().parts.test, params=PARAMS)
    assert found is not None
    assert found.difference.value == 0
    assert "the mean of training is stated" in severity_text(replace(walk_worth(), severity=found))


def test_too_few_incidents_or_weeks_fit_nothing() -> None:
    labels, train = labelled(lawful=True), walk().parts.train
    hits = train[labels.count[train] > 0]
    assert fit_severity(walk().city.features, labels, part=hits[:199]) == ()
    as_of = walk().city.features.spine.as_of[labels.rows[train]]
    month = train[as_of < as_of.min() + np.timedelta64(20, "D")]
    many = replace(labels, count=np.maximum(labels.count, 1), severity=np.maximum(labels.severity, 1.0))
    assert fit_severity(walk().city.features, many, part=month) == ()


def test_the_scale_of_severity_does_not_matter() -> None:
    """Victims, or won: the same booster."""
    labels, train = labelled(lawful=True), walk().parts.train
    in_won = replace(labels, severity=labels.severity * 2**20)
    assert fit_severity(walk().city.features, in_won, part=train) == model(lawful=True).severity


def test_a_saved_severity_is_the_same_with_nothing_of_ours(tmp_path: Path) -> None:
    own = model(lawful=True)
    folder = own.save(tmp_path / "m")
    assert RiskModel.load(folder) == own
    here = walk().city.features.take(walk().parts.test[:300])
    table = score(own, here, name="x", version="1", explained_rows=0)
    got = Released.from_folder(folder).score(pd.DataFrame(here.values, columns=list(here.names)))
    assert got["expected_severity"].tolist() == table["expected_severity"].tolist()
    ratio = table["expected_severity"] / table["expected_count"]
    assert ratio.max() > 1.5 * ratio.min()


def test_a_model_from_before_severities_still_loads(tmp_path: Path) -> None:
    before = walk().fitted.model
    folder = before.save(tmp_path / "m")
    document = json.loads((folder / "model.json").read_text())
    assert document.pop("severity") == []
    content = json.dumps(document).encode()
    (folder / "model.json").write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["model.json"] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert RiskModel.load(folder) == before
    assert Released.from_folder(folder).severity == ()


def test_no_incident_is_words_not_numbers() -> None:
    labels = replace(labelled(lawful=True), count=np.zeros_like(walk().city.labels.count))
    own = model(lawful=True)
    assert judge_severity(own, walk().city.features, labels, part=walk().parts.test, params=PARAMS) is None
    assert severity_text(replace(walk_worth(), severity=None)) == "No incident to judge it by."
