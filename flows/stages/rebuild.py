"""A registered model made again, from its registry entry and the store's versions that it names."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contracts.errors import BadSource, NotFound
from flows.artefacts import load_features, load_training_set
from flows.compute import Here, computing
from flows.material import Material, fit, git_revision, lock_digest, material_of
from flows.places import outputs_of
from flows.settings import Settings
from flows.stages.data import write_training_set
from flows.stages.recalibrate import recalibrated
from flows.tracking import tracking_of

if TYPE_CHECKING:
    from models.rebuilt import FileComparison
    from models.registry import Entry, Version
    from models.risk_model import RiskModel


@dataclass(frozen=True)
class Rebuilt:
    """files: one a file of the model. warnings: what is otherwise here than where the model was made."""

    files: tuple[FileComparison, ...]
    warnings: tuple[str, ...]

    @property
    def equal(self) -> bool:
        return not any(found.difference for found in self.files)


def rebuild(settings: Settings, model_name: str, number: str) -> Rebuilt:
    """Make the version again in a temporary folder and compare every file.

    Raises:
        NotFound: no such model or version, or the store no longer has the versions it was made of.
        BadSource: the entry or the model's files are not those that were registered; features mean something else in
            this code; the store's history is another.
    """
    from models.rebuilt import compare_models
    from models.registry import find_version, load_version
    from models.registry.versions import fetch_model

    tracking = tracking_of(settings)
    version = find_version(tracking, model_name, number)
    then = load_version(tracking, version).provenance
    with tempfile.TemporaryDirectory(prefix="foresafe-rebuild-") as folder:
        scratch = Path(folder)
        made = _made_again(settings, version, scratch)
        before = fetch_model(tracking, version, scratch)
        files = compare_models(before, made.save(scratch / "rebuilt"))
    return Rebuilt(files, tuple(_warnings(settings, then, made.provenance)))


def _made_again(settings: Settings, version: Version, scratch: Path) -> RiskModel:
    """A recalibrated version begins with the one that it came from, made again too. What only the first making could
    know (its revision) is taken over."""
    from models.registry import find_version, load_version, read_entry

    tracking = tracking_of(settings)
    entry, registered = read_entry(tracking, version), load_version(tracking, version)
    base = None
    if of := registered.provenance.get("recalibrated_from"):
        before = find_version(tracking, version.name, of["version"])
        base = _made_again(settings, before, scratch), before
    given = _material_again(settings, entry, registered, scratch, where=version.label)
    if base:
        return recalibrated(*base, given)
    with computing(entry.params.compute, sees=scratch) as compute:
        return fit(given, learn=compute.learner(partial(load_features, scratch / "features"))).model


def _material_again(settings: Settings, entry: Entry, registered: RiskModel, scratch: Path, *, where: str) -> Material:
    """Through files, as the stages do it."""
    from features import spec_hash
    from flows.history import History

    if spec_hash(entry.pilot) != registered.spec_hash:
        raise BadSource(
            f"the features of this code are {spec_hash(entry.pilot)}, the model's {registered.spec_hash}",
            where=where,
            cause="the code of a feature, or its meaning, changed since",
            fix=f"check out revision {registered.provenance['git_revision']} and rebuild there",
        )
    versions = registered.provenance["store_versions"]
    try:
        history = History.of(outputs_of(settings, entry.pilot.name).store, entry.pilot, versions=versions)
        training = write_training_set(history, entry.params, scratch / "features", compute=Here())
    except NotFound as gone:
        raise NotFound(
            f"the store no longer has what the model was made of: {gone.what}",
            where=f"{where}, {gone.where}",
            allowed=gone.allowed,
            cause=gone.cause or "another store, or one that was made anew",
            fix="restore the store's folder from a copy",
        ) from gone
    if training.observed_until.isoformat() != registered.provenance["observed_until"]:
        raise BadSource(
            f"the store at versions {versions} ends at {training.observed_until.isoformat()}, "
            f"the model's data at {registered.provenance['observed_until']}",
            where=where,
            cause="another store, or one that was made anew",
        )
    hazard = registered.hazard
    training = load_training_set(scratch / "features", (hazard,))
    return material_of(training, hazard, pilot=entry.pilot, params=entry.params, provenance=dict(registered.provenance))


def _warnings(settings: Settings, then: Any, made: Any) -> Iterator[str]:
    now = {
        "code revision": (then.get("git_revision"), git_revision(settings.home)),
        "lock of libraries": (then.get("lock_sha256"), lock_digest(settings.home)),
        "LightGBM": (then.get("lightgbm"), made.get("lightgbm")),
    }
    for what, (there, here) in now.items():
        if there != here:
            yield f"{what} here is {here or 'unknown'}, the model was made with {there or 'unknown'}"
    if str(then.get("git_revision", "")).endswith("+changes"):
        yield "the model was made from code with uncommitted changes, which nobody can check out"
