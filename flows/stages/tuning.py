"""One hazard's search for better training parameters: load, search, keep, log."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

import yaml

from flows.documents import write_text
from flows.material import Material, load_material
from flows.outputs import Outputs
from flows.places import outputs_of
from flows.settings import Settings
from flows.tracking import tracking_of

if TYPE_CHECKING:
    from models.tuning import Place, Tried, Tuned


def tune(
    settings: Settings,
    name: str,
    hazard: str,
    *,
    seconds: float,
    clock: Callable[[], float],
    progress: Callable[[Tried], None],
) -> Tuned:
    """Search for so many seconds, going on where the last search over the same data and parameters ended.

    Raises:
        NotFound: the features stage has not run. NotEnoughData: too short a history for the folds, too few incidents.
        ForesafeError: too short a time.
    """
    from models.split import temporal_folds
    from models.tuning import Budget, Task
    from models.tuning import tune as search

    began, outputs, given = clock(), outputs_of(settings, name), load_material(settings, name, hazard)
    spine, labels, params = given.features.spine, given.labels, given.params
    folds = temporal_folds(spine.as_of[labels.rows], params.split, labels.horizon_hours)
    task = Task(given.features, labels, folds, base=params.train, evaluate=params.evaluate)
    place = _place(outputs, given)
    tuned = search(task, place, budget=Budget(clock, began + seconds), progress=progress)
    write_text(outputs.tuning / f"{hazard}.yaml", as_yaml(tuned))
    _log(settings, name, outputs, given, tuned)
    return tuned


def _place(outputs: Outputs, given: Material) -> Place:
    """The study's name says of which features and data it is; the digest covers all else that a score depends on."""
    from models.tuning import Place

    hazard, versions = given.labels.hazard, given.provenance["store_versions"]
    what = {
        "store": versions,
        "until": given.provenance["observed_until"],
        "spec": given.features.spec_hash,
        "labels": [len(given.labels), int(given.labels.occurred.sum()), given.labels.horizon_hours],
        "split": given.params.split.model_dump(mode="json"),
        "train": given.params.train.model_dump(mode="json", exclude={"hazards"}),
    }
    digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:12]
    data = "-".join(f"{table[0]}{number}" for table, number in sorted(versions.items()) if table != "quarantine")
    outputs.tuning.mkdir(parents=True, exist_ok=True)
    database = outputs.tuning.with_name(f"{outputs.pilot}.db")
    study = f"{hazard}-{given.features.spec_hash[:8]}-{data}-{digest}"
    return Place(study, f"sqlite:///{database}", outputs.tuning / "losses")


def as_yaml(tuned: Tuned) -> str:
    """The best parameters as a part of `pilots/NAME/params.yaml`, with what is known of them."""
    words = [f"# {line}" for line in (*findings(tuned), "Into pilots/NAME/params.yaml, then `foresafe train NAME`:")]
    keys = {"train": {"per_hazard": {tuned.hazard: tuned.best.params}}}
    return "\n".join(words) + "\n" + yaml.safe_dump(keys, sort_keys=False)


def findings(tuned: Tuned) -> list[str]:
    """What came of the search, in words."""
    now, best, change = tuned.in_force, tuned.best, tuned.difference
    ends = [tried.end for tried in tuned.tried]
    head = f"{tuned.hazard}: {len(ends)} trials, {ends.count('pruned')} pruned, {ends.count('stopped')} stopped by time"
    lines = [
        head,
        f"in force: log loss {now.log_loss:.6f} (mean of {len(now.fold_log_loss)} folds), {now.seconds:.0f} s",
    ]
    if change is None:
        return [*lines, "no other parameters were better: keep those in force"]
    lines.append(f"best, trial {best.number}: log loss {best.log_loss:.6f}, {best.seconds:.0f} s")
    lines.append(f"best minus in force: {change.value:+.6f}, 95 % from {change.low:+.6f} to {change.high:+.6f}")
    verdict = "surely better on these folds" if tuned.surely_better else "not surely better: keep those in force"
    return [*lines, verdict]


def _log(settings: Settings, name: str, outputs: Outputs, given: Material, tuned: Tuned) -> None:
    """One run for the search as it stands, and below it one for each trial that is in no run yet."""
    from models.registry import log_training_run

    tracking, mark = tracking_of(settings), outputs.tuning / "losses" / f"{tuned.study}.logged"
    logged = int(mark.read_text()) if mark.is_file() else -1
    metrics = {"log_loss.in_force": tuned.in_force.log_loss, "log_loss.best": tuned.best.log_loss}
    if tuned.difference:
        metrics |= {f"difference.{key}": value for key, value in asdict(tuned.difference).items()}
    parent = log_training_run(
        tracking,
        experiment=f"{name}-tuning",
        run_name=f"{name}-{tuned.hazard}",
        params={key: json.dumps(value) for key, value in tuned.best.params.items()},
        metrics=metrics,
        provenance={"hazard": tuned.hazard, "study": tuned.study, **given.provenance},
        texts={"best.yaml": as_yaml(tuned)},
    )
    for tried in (found for found in tuned.tried if found.number > logged):
        scores = {f"log_loss.fold_{i}": loss for i, loss in enumerate(tried.fold_log_loss, 1)}
        mean = {"log_loss": tried.log_loss} if tried.fold_log_loss else {}
        log_training_run(
            tracking,
            experiment=f"{name}-tuning",
            run_name=f"trial {tried.number}",
            params={key: json.dumps(value) for key, value in tried.params.items()},
            metrics={**scores, **mean, "seconds": tried.seconds},
            provenance={"end": tried.end, "in_force": str(tried.in_force)},
            parent=parent,
        )
        write_text(mark, str(tried.number))
