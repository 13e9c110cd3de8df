"""What the learning stages of one hazard load: features, ripe labels, the cut in time, parameters, provenance."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contracts.params import Params
from contracts.pilot import Pilot
from contracts.results import Features, FloatArray, InstantArray, Labels, instant_of
from contracts.worth import Worth
from flows.artefacts import TrainingSet, load_training_set
from flows.asked import Asked
from flows.places import outputs_of, params_of, pilot_of
from flows.settings import Settings

if TYPE_CHECKING:  # importing the models room costs seconds, and only those who train need it
    from models.fit import Fitted, Learner, Trial
    from models.risk_model import RiskModel
    from models.split import Parts


@dataclass(frozen=True)
class Material:
    """`parts` are positions into `labels`; `districts`: of each asset of the spine; `provenance`: JSON values only."""

    features: Features
    labels: Labels
    parts: Parts
    params: Params
    alerts_per_day: float
    districts: tuple[str, ...]
    provenance: Mapping[str, Any]


def load_material(settings: Settings, name: str, hazard: str, *, asked: Asked | None = None) -> Material:
    """Everything that `train`, `evaluate` and `release` need of one hazard.

    asked: the decision of monitoring that this answers; its cut in time becomes that of the parameters, which the
    registry keeps.

    Raises:
        NotFound: the features stage has not run. NotEnoughData: too short a time for the parts.
    """
    training = load_training_set(outputs_of(settings, name).features, (hazard,))
    params = params_of(settings, name)
    provenance = {
        "observed_until": training.observed_until.isoformat(),
        "store_versions": dict(training.store),
        "git_revision": git_revision(settings.home),
        "lock_sha256": lock_digest(settings.home),
        "spec_hash": training.features.spec_hash,
        **({"asked": asked.as_json()} if asked else {}),
    }
    if asked:
        labels = training.labels[hazard]
        as_of = training.features.spine.as_of[labels.rows]
        hours = labels.horizon_hours
        params = cut_after_change(params, kind=asked.kind, since=asked.since, as_of=as_of, horizon_hours=hours)
    return material_of(training, hazard, pilot=pilot_of(settings, name), params=params, provenance=provenance)


def cut_after_change(params: Params, *, kind: str, since: datetime, as_of: InstantArray, horizon_hours: int) -> Params:
    """The parameters of a `retrain` or `recalibrate` that a change since then asks for.

    Args:
        as_of: (m,) of the labelled rows, any order.

    Raises:
        NotEnoughData: too few days since the change for a recalibration.
    """
    from models.split import cut_for_recalibration, cut_for_retraining

    after, learning, at = params.after_change, params.train, instant_of(since)
    if kind == "recalibrate":
        split = cut_for_recalibration(as_of, params.split, after, since=at, horizon_hours=horizon_hours)
    else:
        split = cut_for_retraining(as_of, params.split, after, since=at)
        learning = learning.model_copy(update={"changed_at": since, "weight_since": after.weight})
    evaluate = params.evaluate.model_copy(update={"block_days": after.block_days})
    promote = params.promote.model_copy(update={"sure_of": after.sure_of})
    return params.model_copy(update={"split": split, "evaluate": evaluate, "train": learning, "promote": promote})


def material_of(
    training: TrainingSet, hazard: str, *, pilot: Pilot, params: Params, provenance: Mapping[str, Any]
) -> Material:
    """One hazard's part of a training set, cut in time, with its own training parameters.

    Raises NotEnoughData as `load_material`.
    """
    from models.split import split_parts

    labels, spine = training.labels[hazard], training.features.spine
    return Material(
        features=training.features,
        labels=labels,
        parts=split_parts(spine.as_of[labels.rows], params.split, horizon_hours=labels.horizon_hours),
        params=params.model_copy(update={"train": params.train.of(hazard)}),
        alerts_per_day=pilot.hazards[hazard].alerts_per_day,
        districts=training.districts,
        provenance=provenance,
    )


def fit(given: Material, *, learn: Learner) -> Fitted:
    """The hazard's model. Raises as `fit_risk_model`."""
    from models.fit import fit_risk_model

    return fit_risk_model(
        given.features,
        given.labels,
        parts=given.parts,
        train_params=given.params.train,
        calibrate_params=given.params.calibrate,
        alerts_per_day=given.alerts_per_day,
        provenance=given.provenance,
        districts=given.districts,
        learn=learn,
    )


def untouched_by(champion: RiskModel, given: Material) -> Material:
    """With the test rows that the champion was not fitted on either: one that came of a change was fitted on newer rows
    than the usual cut expects. They are days rather than months, so the bootstrap draws shorter blocks. Where none is
    left all stay, and the gate says that they are touched."""
    fitted_until = instant_of(datetime.fromisoformat(champion.provenance["fitted_until"]))
    as_of = given.features.spine.as_of[given.labels.rows[given.parts.test]]
    later = as_of >= fitted_until
    if later.all() or not later.any():
        return given
    params = given.params
    evaluate = params.evaluate.model_copy(update={"block_days": params.after_change.block_days})
    parts = replace(given.parts, test=given.parts.test[later])
    return replace(given, parts=parts, params=params.model_copy(update={"evaluate": evaluate}))


def judge_rows(model: RiskModel, given: Material) -> Trial:
    """The test part scored by the model and every baseline."""
    from models.fit import trial_on_test

    return trial_on_test(model, given.features, given.labels, parts=given.parts, alerts_per_day=given.alerts_per_day)


def judge_worth(model: RiskModel, trial: Trial, given: Material, *, truth: FloatArray | None, timezone: str) -> Worth:
    """What the scored test part is worth to those who act on it; truth: the rows' true risk, where it is known."""
    from models.worth import worth_of_trial

    return worth_of_trial(
        model,
        trial,
        given.features,
        given.labels,
        parts=given.parts,
        districts=given.districts,
        timezone=timezone,
        params=given.params.evaluate,
        truth=truth,
    )


def git_revision(home: Path) -> str:
    """The commit of the code, with `+changes` when the work tree differs; `unknown` outside a git checkout."""
    commands = (["git", "rev-parse", "HEAD"], ["git", "status", "--porcelain", "--untracked-files=no"])
    try:
        said = [
            subprocess.run(command, cwd=home, capture_output=True, text=True, check=True).stdout.strip()
            for command in commands
        ]
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return said[0] + ("+changes" if said[1] else "")


def lock_digest(home: Path) -> str:
    """SHA-256 of requirements.lock, which pins every library; empty where there is none."""
    lock = home / "requirements.lock"
    return hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else ""
