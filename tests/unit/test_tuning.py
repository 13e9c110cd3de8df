"""A search stays inside its time, goes on where it ended, and does not recommend what may be luck."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import optuna
import pytest
import yaml

from contracts.errors import ForesafeError, NotEnoughData
from contracts.params import EvaluateParams, SplitParams, TrainParams
from flows.stages.tuning import as_yaml, findings
from models.space import SEARCHED, nearest_in_space
from models.split import split_parts, temporal_folds
from models.tuning import Budget, Place, Task, Tried, Tuned, tune
from tests.synthetic_risk import HAZARD, city

SPLIT = SplitParams(calibrate_days=15, test_days=15, folds=2, fold_days=15)
BASE = TrainParams(num_iterations=12, early_stopping_rounds=0, min_data_in_leaf=50, num_threads=1, seeds=(4, 5))


@cache
def task(base: TrainParams = BASE) -> Task:
    town = city(assets=8, days=80, base=-3.5)
    folds = temporal_folds(town.features.spine.as_of[town.labels.rows], SPLIT, 1)
    return Task(town.features, town.labels, folds, base, EvaluateParams(replicates=40))


def place(folder: Path) -> Place:
    return Place("a-study", f"sqlite:///{folder / 'tuning.db'}", folder / "losses")


class Ticks:
    """A clock on which one look takes one second: a fold is then as long as the looks during it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def run(folder: Path, ticks: float, given: Task | None = None) -> tuple[Tuned, list[Tried]]:
    seen: list[Tried] = []
    return tune(given or task(), place(folder), budget=Budget(Ticks(), ticks), progress=seen.append), seen


def test_the_parameters_in_force_come_first_and_the_best_is_the_lowest(tmp_path: Path) -> None:
    tuned, seen = run(tmp_path, 60)
    assert seen[0].in_force
    assert seen[0].params == {key: getattr(BASE, key) for key in SEARCHED}
    assert not any(tried.in_force for tried in seen[1:])
    complete = [tried.log_loss for tried in seen if tried.end == "complete"]
    assert tuned.best.log_loss == min(complete)
    assert tuned.difference is not None
    assert tuned.difference.value == pytest.approx(tuned.best.log_loss - tuned.in_force.log_loss, rel=1e-9)


def test_the_rows_of_calibration_and_test_are_never_looked_at(tmp_path: Path) -> None:
    given = task()
    as_of = given.features.spine.as_of[given.labels.rows]
    parts = split_parts(as_of, SPLIT, horizon_hours=1)
    later = np.concatenate([parts.calibrate, parts.test])
    values = given.features.values.copy()
    values[given.labels.rows[later]] = np.inf
    occurred = given.labels.occurred.copy()
    occurred[later] = True
    spoilt = replace(
        given, features=replace(given.features, values=values), labels=replace(given.labels, occurred=occurred)
    )
    for folder in ("honest", "spoilt"):
        (tmp_path / folder).mkdir()
    honest, _ = run(tmp_path / "honest", 40)
    other, _ = run(tmp_path / "spoilt", 40, spoilt)
    assert [tried.fold_log_loss for tried in honest.tried] == [tried.fold_log_loss for tried in other.tried]


def test_a_search_goes_on_and_does_not_repeat_itself(tmp_path: Path) -> None:
    first, _ = run(tmp_path, 50)
    second, seen = run(tmp_path, 50)
    assert second.tried[: len(first.tried)] == first.tried
    assert not any(tried.in_force for tried in seen), "it was judged before"
    points = [tuple(tried.params.values()) for tried in second.tried]
    assert len(set(points)) == len(points)


def test_a_trial_that_a_dead_process_left_counts_for_nothing(tmp_path: Path) -> None:
    where = place(tmp_path)
    study = optuna.create_study(study_name=where.name, storage=where.storage)
    study.enqueue_trial(nearest_in_space(BASE), user_attrs={"in_force": True})
    study.ask()
    tuned, seen = run(tmp_path, 30)
    assert seen[0].in_force
    assert tuned.in_force.number == 1


def test_no_fold_begins_that_would_end_too_late(tmp_path: Path) -> None:
    tuned, seen = run(tmp_path, 60)
    assert sum(tried.seconds for tried in tuned.tried) <= 60
    assert [tried.end for tried in seen[:-1]].count("stopped") == 0
    assert all(len(tried.fold_log_loss) < 2 for tried in seen if tried.end == "stopped")


def test_a_trial_too_heavy_to_begin_makes_room_for_a_lighter_one(tmp_path: Path) -> None:
    """With a share of .1 in force, a trial on all rows is taken to cost ten times as much."""
    tuned, seen = run(tmp_path, 30, replace(task(), base=BASE.model_copy(update={"negative_share": 0.1})))
    not_begun = [place for place, tried in enumerate(seen) if not tried.fold_log_loss]
    assert not_begun
    assert any(tried.fold_log_loss for tried in seen[not_begun[0] :])
    assert all(tried.fold_log_loss for tried in tuned.tried)


def test_too_short_a_time_says_so(tmp_path: Path) -> None:
    with pytest.raises(ForesafeError, match=r"before 2 folds were judged.*do: give more --minutes"):
        run(tmp_path, 3)
    tuned, seen = run(tmp_path, 30)
    assert seen[0].in_force, "the next search begins with them again"
    assert tuned.in_force.end == "complete"


def test_too_few_incidents_are_refused_and_the_study_can_go_on(tmp_path: Path) -> None:
    rare = replace(task(), base=BASE.model_copy(update={"min_incidents": 10**6}))
    with pytest.raises(NotEnoughData, match=r"allowed: at least 1000000"):
        run(tmp_path, 30, rare)
    assert run(tmp_path, 30)[0].in_force.end == "complete"


def test_what_may_be_luck_is_not_recommended(tmp_path: Path) -> None:
    good = task()
    bad = replace(good, base=BASE.model_copy(update={"num_iterations": 1, "learning_rate": 0.02}))
    poor, _ = run(tmp_path, 90, bad)
    assert poor.surely_better
    assert findings(poor)[-1].startswith("surely better")
    assert poor.difference is not None
    unsure = replace(poor, difference=replace(poor.difference, high=0.001))
    assert findings(unsure)[-1] == "not surely better: keep those in force"
    same = replace(poor, best=poor.in_force, difference=None)
    assert findings(same)[-1] == "no other parameters were better: keep those in force"


def test_the_file_is_ready_for_params_yaml(tmp_path: Path) -> None:
    tuned, _ = run(tmp_path, 40)
    params = TrainParams.model_validate(yaml.safe_load(as_yaml(tuned))["train"])
    for key, value in tuned.best.params.items():
        assert getattr(params.of(HAZARD), key) == value
