"""params.yaml as frozen types, one section a stage. A function gets its section, never the whole.

`params.yaml` at the top holds the defaults; `pilots/NAME/params.yaml`, where it exists, overrides single keys of it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, Field, ValidationError, model_validator

from contracts.errors import BadPilot
from contracts.pilot import Frozen, explain, read_yaml


class SimulateParams(Frozen):
    """The simulated city: how long, how large, and which random numbers."""

    first_day: str = "2025-01-01"
    days: int = Field(default=1095, gt=6)
    seed: int = 20280401


class IngestParams(Frozen):
    """What is kept of taking data in, beside the data."""

    docs_kept: int = Field(default=24, ge=1)  # validations of each feed in Great Expectations' Data Docs


class SpineParams(Frozen):
    """Which hours are forecast in training: every `every_hours` from `history_days` after the first reading on."""

    every_hours: int = Field(default=1, gt=0)
    history_days: float = Field(default=28, ge=0)


class SplitParams(Frozen):
    """Time is cut, never shuffled: train | gap | calibrate | gap | test, the test part last and untouched.

    `folds` rolling origins inside the training part choose parameters. The gap is never less than the horizon.
    out_of_fold: 0 holds the calibration part out of training; more, it is trained on too, and calibrated on forecasts
    of boosters that did not see the row, one set of them for each of so many folds.
    """

    calibrate_days: float = Field(default=60, gt=0)
    test_days: float = Field(default=90, gt=0)
    folds: int = Field(default=3, ge=1)
    fold_days: float = Field(default=30, gt=0)
    gap_hours: int = Field(default=0, ge=0)
    out_of_fold: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _more_than_one_fold(self) -> SplitParams:
        if self.out_of_fold == 1:
            raise ValueError("out_of_fold 1 would leave a row nothing to be forecast by: 0, or at least 2")
        return self


class AfterChangeParams(Frozen):
    """The cut in time of what monitoring asked for, instead of that of `split`: the days since the change are shared.

    test_share: of these days, for the test part, within the two limits. The days before it are for the fit: a
    recalibration is fitted on them alone, a retraining on them and all before, and is calibrated out of fold (`folds`)
    on the last `split.calibrate_days` of that. In a retraining a row since the change counts `weight` times, or else
    the many before it would outvote it. The bootstrap draws blocks of `block_days`, as so short a test part has too few
    of the usual ones. sure_of: as `PromoteParams.sure_of`.
    """

    test_share: float = Field(default=0.5, gt=0, lt=1)
    least_test_days: float = Field(default=4, gt=0)
    most_test_days: float = Field(default=28, gt=0)
    folds: int = Field(default=3, ge=2)
    weight: float = Field(default=10, ge=1)
    block_days: float = Field(default=1, gt=0)
    sure_of: Literal["all", "champion"] = "champion"

    @model_validator(mode="after")
    def _limits(self) -> AfterChangeParams:
        if self.least_test_days > self.most_test_days:
            raise ValueError(f"least_test_days {self.least_test_days:g} is above most_test_days")
        return self


class TrainParams(Frozen):
    """LightGBM, deterministic. Names are LightGBM's own.

    per_hazard: hazard -> the keys that are otherwise for it, such as `{flood: {num_leaves: 7}}`.
    changed_at: an ISO instant with its offset; rows from then on count `weight_since` times. Set for a training that
    monitoring asked for.
    """

    learning_rate: float = Field(default=0.05, gt=0, le=1)
    num_leaves: int = Field(default=31, ge=2)
    min_data_in_leaf: int = Field(default=200, ge=1)
    num_iterations: int = Field(default=300, ge=1)
    early_stopping_rounds: int = Field(default=50, ge=0)
    feature_fraction: float = Field(default=0.7, gt=0, le=1)
    bagging_fraction: float = Field(default=0.8, gt=0, le=1)
    lambda_l2: float = Field(default=10.0, ge=0)
    max_bin: int = Field(default=127, ge=3)
    num_threads: int = Field(default=2, ge=1)
    seeds: tuple[int, ...] = (1, 2, 3)
    profile_kinds: int = Field(default=0, ge=0, le=8)  # of activity in a profile to start from; 0: no profile
    profile_sizes: tuple[str, ...] = ()  # features that say how large a place is in a kind: people by industry
    negative_share: float = Field(default=1.0, gt=0, le=1)  # of rows without incident, weighted back by 1 / share
    min_incidents: int = Field(default=30, ge=2)  # fewer in the training part: nothing is trained
    hazards: tuple[str, ...] = ()  # empty: every hazard of the pilot
    per_hazard: dict[str, dict[str, Any]] = Field(default_factory=dict)
    changed_at: AwareDatetime | None = None
    weight_since: float = Field(default=1.0, ge=1)

    @model_validator(mode="after")
    def _overrides_are_sound(self) -> TrainParams:
        for hazard, keys in self.per_hazard.items():
            if about_hazards := sorted({"hazards", "per_hazard"} & keys.keys()):
                raise ValueError(f"per_hazard.{hazard}.{about_hazards[0]}: only parameters of LightGBM can differ")
            try:
                self.of(hazard)
            except ValidationError as fault:
                raise ValueError(f"per_hazard.{hazard}.{explain(fault, dict(TrainParams.model_fields))}") from fault
        return self

    def of(self, hazard: str) -> TrainParams:
        """One hazard's parameters, its own keys on top of the others."""
        shared = {key: value for key, value in self.model_dump().items() if key != "per_hazard"}
        return TrainParams.model_validate({**shared, **self.per_hazard.get(hazard, {})})


class CalibrateParams(Frozen):
    """How raw scores become probabilities, fitted on the calibration part only."""

    method: Literal["logistic", "isotonic", "none"] = "logistic"
    interval: float = Field(default=0.90, gt=0, lt=1)


class EvaluateParams(Frozen):
    """Block bootstrap over whole blocks of days, so that dependence within a block is kept."""

    block_days: float = Field(default=7, gt=0)
    replicates: int = Field(default=200, ge=20)
    reliability_bins: int = Field(default=10, ge=2)
    seed: int = 7


class PromoteParams(Frozen):
    """What a challenger must show before it becomes champion.

    max_district_loss: how much higher a district's log loss may be than the champion's, as a share of it.
    max_partner_share: how much of the gain one partner's data may carry or hide; 1 is the whole gain.
    sure_of: whom it must surely beat. Where the champion alone, it must not be surely worse than a baseline by log
    loss or Brier score; without a champion that asks for all.
    """

    max_ece: float = Field(default=0.02, gt=0)
    min_brier_skill: float = 0.0
    min_test_incidents: int = Field(default=20, ge=1)
    max_district_loss: float = Field(default=0.05, ge=0)
    max_partner_share: float = Field(default=1.0, gt=0)
    sure_of: Literal["all", "champion"] = "all"


class ComputeParams(Frozen):
    """Where the heavy calls run, and in what portions. No feature depends on it (docs/cluster.md).

    scheduler: a Dask scheduler's address. hours_a_slice: features are built in stretches of so many hours.
    """

    backend: Literal["local", "dask"] = "local"
    scheduler: str = ""
    hours_a_slice: int = Field(default=8760, ge=1)

    @model_validator(mode="after")
    def _has_a_scheduler(self) -> ComputeParams:
        if self.backend == "dask" and not re.fullmatch(r"(tcp|tls|wss?)://\S+:\d{1,5}", self.scheduler):
            raise ValueError(f"scheduler {self.scheduler!r}; backend dask needs one such as tcp://10.0.0.5:8786")
        return self


class MonitorParams(Frozen):
    """What counts as a change, and what is done about it."""

    window_days: int = Field(default=7, ge=2)  # of features and forecasts that are held against the reference
    season_days: int = Field(default=30, ge=1)  # reference days so near in the calendar are of the same season
    min_reference_days: int = Field(default=28, ge=4)  # fewer of the same season: drift is not judged
    min_rows: int = Field(default=200, ge=2)  # known values of a feature in the window; fewer: not judged
    min_shift: float = Field(default=0.3, gt=0)  # of a feature's mean, in standard deviations of its rows
    min_psi: float = Field(default=0.25, gt=0)  # of its distribution
    alpha: float = Field(default=0.01, gt=0, lt=1)  # false discovery rate over the features
    drift_share: float = Field(default=0.2, gt=0, le=1)  # of the model's importance in features that moved
    history_days: int = Field(default=42, ge=14)  # of a sensor's own past
    recent_days: int = Field(default=2, ge=1)  # in which a sensor's fault or move must show, on every day
    shift_margin: float = Field(default=0.5, gt=0)  # beyond its past range, as a share of that range
    silence_chance: float = Field(default=1e-4, gt=0, lt=1)  # of a gap as long as a feed of incidents is silent now
    performance_days: int = Field(default=28, ge=2)  # of ripe labels
    min_ripe_incidents: int = Field(default=50, ge=2)  # rows with an incident; fewer: performance is not judged
    max_outside: float = Field(default=0.05, gt=0, le=1)  # of the inputs outside the training range: no estimate
    loss_z: float = Field(default=4.0, gt=0)  # realised above expected loss, in standard errors over days
    persist: int = Field(default=3, ge=1)  # windows of the last `of_last`, the latest one of them
    of_last: int = Field(default=5, ge=1)
    cooldown_days: float = Field(default=14, ge=0)  # between two retrainings of one model
    retrainings_a_month: int = Field(default=2, ge=0)
    call_again_days: float = Field(default=30, gt=0)  # before a person is called for the same thing again
    sample_rows: int = Field(default=20_000, ge=100)  # of the reference and of a window, for the Evidently page
    seed: int = 11

    @model_validator(mode="after")
    def _persistence(self) -> MonitorParams:
        if self.persist > self.of_last:
            raise ValueError(f"persist {self.persist} of the last {self.of_last} windows can never be")
        return self


class Params(Frozen):
    """All stages' parameters."""

    simulate: SimulateParams = SimulateParams()
    ingest: IngestParams = IngestParams()
    spine: SpineParams = SpineParams()
    split: SplitParams = SplitParams()
    after_change: AfterChangeParams = AfterChangeParams()
    train: TrainParams = TrainParams()
    calibrate: CalibrateParams = CalibrateParams()
    evaluate: EvaluateParams = EvaluateParams()
    promote: PromoteParams = PromoteParams()
    compute: ComputeParams = ComputeParams()
    monitor: MonitorParams = MonitorParams()
    # who moves the alias when the gate would promote: the gate itself, or an operator with `foresafe approve`
    release: Literal["automatic", "manual"] = "automatic"

    def flat(self) -> dict[str, str]:
        """`section.key` -> JSON text: what a run logs, straight from the frozen config."""
        dumped = self.model_dump(mode="json", exclude={"release"})
        sections = {f"{section}.{key}": value for section, keys in dumped.items() for key, value in keys.items()}
        return {name: json.dumps(value) for name, value in {**sections, "release": self.release}.items()}


def load_params(root: Path, pilot: str) -> Params:
    """The parameters for one pilot: `root/params.yaml` with `root/pilots/PILOT/params.yaml` on top.

    Raises:
        NotFound: no params.yaml at the root. BadPilot: an unknown key or a value out of its limits.
    """
    path = root / "params.yaml"
    merged = read_yaml(path)
    own = root / "pilots" / pilot / "params.yaml"
    if own.is_file():
        path = own
        merged = _overlay(merged, read_yaml(own))
    try:
        return Params.model_validate(merged)
    except ValidationError as fault:
        section = fault.errors()[0]["loc"][0]
        fields = Params.model_fields
        known = getattr(fields[section].annotation, "model_fields", fields) if section in fields else fields
        raise BadPilot(explain(fault, dict(known)), where=str(path)) from fault


def _overlay(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in top.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = _overlay(out[key], value) if both else value
    return out
