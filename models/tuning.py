"""A search for better training parameters: Optuna over temporal folds of the training part, within a time budget.

What a trial costs is one model a fold, with the first seed alone. A trial is given up between two folds: when its
mean so far is worse than the median trial's there (Optuna's median pruner), or when the next fold would end after the
budget. Everything is kept in the study's database and beside it, so that a search that ended, or was killed, goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from contracts.errors import ForesafeError
from contracts.params import EvaluateParams, TrainParams
from contracts.results import Estimate, Features, FloatArray, Labels
from models.blocks import draw_blocks, estimate
from models.evaluation import row_losses
from models.folds import judge_folds
from models.space import nearest_in_space, searched, suggest
from models.split import Fold

SEED = 20280401
RANDOM_TRIALS = 6  # before the sampler trusts what it has seen: budgets are of minutes, so trials are few
UNPRUNED_TRIALS = 4
IN_FORCE = "in_force"  # marks the trial of the parameters that hold today

End = Literal["complete", "pruned", "stopped"]


@dataclass(frozen=True)
class Budget:
    """clock: seconds, never going back; handed in, as only the flows have clocks. ends: when it says this."""

    clock: Callable[[], float]
    ends: float

    def allows(self, seconds: float) -> bool:
        return self.clock() + seconds <= self.ends


@dataclass(frozen=True)
class Place:
    """Where one search is kept. name: of the study; says of which data and parameters. losses: a folder of its own."""

    name: str
    storage: str
    losses: Path


@dataclass(frozen=True)
class Tried:
    """One trial. params: what it set. fold_log_loss, fold_seconds: of the folds it came to."""

    number: int
    in_force: bool
    end: End
    params: dict[str, Any]
    fold_log_loss: tuple[float, ...]
    fold_seconds: tuple[float, ...]

    @property
    def log_loss(self) -> float:
        return float(np.mean(self.fold_log_loss)) if self.fold_log_loss else float("nan")

    @property
    def seconds(self) -> float:
        return float(sum(self.fold_seconds))


@dataclass(frozen=True)
class Tuned:
    """What a search found. difference: log loss of the best minus that of the parameters in force; None where they are
    the best. The best of many is chosen by these very rows, so it flatters: the gate judges again on others."""

    hazard: str
    study: str
    tried: tuple[Tried, ...]
    in_force: Tried
    best: Tried
    difference: Estimate | None

    @property
    def surely_better(self) -> bool:
        return self.difference is not None and self.difference.high < 0


@dataclass(frozen=True)
class Task:
    """What is searched for. base: the parameters in force, of this hazard."""

    features: Features
    labels: Labels
    folds: Sequence[Fold]
    base: TrainParams
    evaluate: EvaluateParams

    def losses(self, fold: Fold, params: TrainParams) -> FloatArray:
        """(m,) log loss of each test row of the fold, by a model of the first seed alone."""
        config = params.model_copy(update={"seeds": params.seeds[:1]})
        found = judge_folds([fold], lambda: (self.features, self.labels), config=config)[0]
        return row_losses(found.probability, self.labels.occurred[fold.test])["log_loss"]


def tune(task: Task, place: Place, *, budget: Budget, progress: Callable[[Tried], None]) -> Tuned:
    """Try parameters until the budget is used up, those in force first.

    Raises:
        ForesafeError: the budget ended before the parameters in force were judged. NotEnoughData, BadTable: as `train`.
    """
    study = _open(place)
    place.losses.mkdir(parents=True, exist_ok=True)
    if _in_force(study) is None and not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        study.enqueue_trial(nearest_in_space(task.base), user_attrs={IN_FORCE: True})
    while budget.allows(_first_fold_seconds(study)):
        tried = _try(study, study.ask(), task, place, budget)
        progress(tried)
        if tried.end == "stopped" and tried.fold_log_loss:  # one too heavy to begin leaves time for a lighter one
            break
    return _found(study, task, place)


def _open(place: Place) -> optuna.Study:
    """The study, new or as it was left. A trial that was under way when its process died counts for nothing."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name=place.name,
        storage=place.storage,
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED_TRIALS),
    )
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
    # the seed moves on with the trials: the same one again would suggest the same points again
    study.sampler = optuna.samplers.TPESampler(seed=SEED + len(study.trials), n_startup_trials=RANDOM_TRIALS)
    return study


def _try(study: optuna.Study, trial: optuna.Trial, task: Task, place: Place, budget: Budget) -> Tried:
    in_force = bool(trial.user_attrs.get(IN_FORCE))
    suggested = suggest(trial, task.base)
    params = task.base if in_force else suggested
    trial.set_user_attr("params", searched(params, task.base))
    try:
        end, losses = _judge(trial, params, task, budget, seconds=_first_fold_seconds(study) * _heavier(params, task))
    except ForesafeError:
        study.tell(trial, state=TrialState.FAIL)
        raise
    if end == "complete":
        score = _mean(losses)
        if in_force or score < _best_value(study):
            np.save(_kept(place, trial.number), np.concatenate(losses), allow_pickle=False)
        study.tell(trial, score)
    else:
        study.tell(trial, state=TrialState.PRUNED if end == "pruned" else TrialState.FAIL)
    return _tried(study.trials[trial.number])


def _judge(
    trial: optuna.Trial, params: TrainParams, task: Task, budget: Budget, *, seconds: float
) -> tuple[End, list[FloatArray]]:
    """Fold by fold, the cost of the next one taken to be that of the last."""
    losses: list[FloatArray] = []
    took: list[float] = []
    for step, fold in enumerate(task.folds):
        if not budget.allows(took[-1] if took else seconds):
            return "stopped", losses
        began = budget.clock()
        losses.append(task.losses(fold, params))
        took.append(budget.clock() - began)
        trial.set_user_attr("fold_log_loss", [float(found.mean()) for found in losses])
        trial.set_user_attr("fold_seconds", took)
        trial.report(_mean(losses), step)
        last = step == len(task.folds) - 1
        if not last and not trial.user_attrs.get(IN_FORCE) and trial.should_prune():
            return "pruned", losses
    return "complete", losses


def _mean(losses: Sequence[FloatArray]) -> float:
    """Over the folds, of each fold's mean."""
    return float(np.mean([found.mean() for found in losses]))


def _found(study: optuna.Study, task: Task, place: Place) -> Tuned:
    in_force = _in_force(study)
    if in_force is None:
        raise ForesafeError(
            f"the time ended before {len(task.folds)} folds were judged with the parameters in force",
            where=f"tune {task.labels.hazard}",
            fix="give more --minutes, or name fewer hazards",
        )
    best = study.best_trial
    tried = tuple(_tried(trial) for trial in study.trials if "fold_log_loss" in trial.user_attrs)
    difference = None
    if best.number != in_force.number:
        mine, theirs = (np.load(_kept(place, trial.number), allow_pickle=False) for trial in (best, in_force))
        difference = _difference(task, mine - theirs)
    return Tuned(task.labels.hazard, place.name, tried, _tried(in_force), _tried(best), difference)


def _difference(task: Task, excess: FloatArray) -> Estimate:
    """The mean over folds of the folds' means, with its interval by whole blocks of days."""
    weight = np.concatenate([np.full(len(fold.test), 1.0 / len(fold.test)) for fold in task.folds])
    rows = task.labels.rows[np.concatenate([fold.test for fold in task.folds])]
    blocks = draw_blocks(task.features.spine.as_of[rows], task.evaluate)
    return estimate(blocks.total(weight * excess) / blocks.total(weight))


def _in_force(study: optuna.Study) -> FrozenTrial | None:
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return next((trial for trial in done if trial.user_attrs.get(IN_FORCE)), None)


def _best_value(study: optuna.Study) -> float:
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return min((trial.value for trial in done if trial.value is not None), default=float("inf"))


def _first_fold_seconds(study: optuna.Study) -> float:
    known = _in_force(study)
    return float(known.user_attrs["fold_seconds"][0]) if known else 0.0


def _heavier(params: TrainParams, task: Task) -> float:
    """How many times as many rows as with the parameters in force, for a hazard so rare that only quiet rows count."""
    return max(1.0, params.negative_share / task.base.negative_share)


def _kept(place: Place, number: int) -> Path:
    return place.losses / f"{place.name}-{number}.npy"


def _tried(trial: FrozenTrial) -> Tried:
    ends: dict[TrialState, End] = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned"}
    kept = trial.user_attrs
    return Tried(
        number=trial.number,
        in_force=bool(kept.get(IN_FORCE)),
        end=ends.get(trial.state, "stopped"),
        params=kept["params"],
        fold_log_loss=tuple(kept.get("fold_log_loss", ())),
        fold_seconds=tuple(kept.get("fold_seconds", ())),
    )
