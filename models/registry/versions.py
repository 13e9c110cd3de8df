"""Registered versions: found, and loaded with every file checked. Importing this does not import LightGBM."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException

from contracts.errors import BadSource, NotFound, nearest
from models.registry.client import Tracking, connect

if TYPE_CHECKING:
    from models.risk_model import RiskModel

Alias = Literal["challenger", "champion"]
ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # MLflow's words for no such model, version or alias
PACKED, GOLDEN, ENTRY = "model", "golden.json", "entry.json"  # of a run's artifacts
MODEL_FOLDER = f"{PACKED}/artifacts/model"  # our own files, within what MLflow packs


@dataclass(frozen=True)
class Version:
    """One registered version. `manifest_sha256` pins every file of it."""

    name: str
    version: str
    run_id: str
    manifest_sha256: str

    @property
    def label(self) -> str:
        return f"{self.name} version {self.version}"


def registered_name(pilot: str, hazard: str) -> str:
    """`ulsan-flood`."""
    return f"{pilot}-{hazard}"


def champion_version(tracking: Tracking, name: str, *, alias: Alias = "champion") -> Version | None:
    """The version that the alias points at, or None where there is no such model or alias yet."""
    try:
        return as_version(connect(tracking).get_model_version_by_alias(name, alias))
    except MlflowException as fault:
        if fault.error_code in ABSENT:
            return None
        raise


def find_model(tracking: Tracking, name: str) -> RegisteredModel:
    """Raises NotFound with the models that there are."""
    client = connect(tracking)
    try:
        return client.get_registered_model(name)
    except MlflowException as fault:
        if fault.error_code not in ABSENT:
            raise
        names = [model.name for model in client.search_registered_models()]
        raise NotFound(f"no model {name!r}", where="registry", allowed=nearest(name, names)) from fault


def all_versions(tracking: Tracking, name: str) -> list[ModelVersion]:
    """Every version of a model, oldest first; raises NotFound as `find_model`."""
    find_model(tracking, name)
    found = connect(tracking).search_model_versions(f"name = '{name}'")
    return sorted(found, key=lambda version: int(version.version))


def find_version(tracking: Tracking, name: str, version: str) -> Version:
    """One version by its number. Raises NotFound with the numbers that there are."""
    known = {str(found.version): found for found in all_versions(tracking, name)}
    if version not in known:
        there = ", ".join(known) or "none"
        raise NotFound(f"no version {version!r} of {name}", where="registry", allowed=there)
    return as_version(known[version])


def load_champion(tracking: Tracking, name: str, *, alias: Alias = "champion") -> tuple[RiskModel, Version]:
    """The released model, every file of it checked against the hash that was registered.

    Raises:
        NotFound: no such model or alias. BadSource: its files are missing or changed.
    """
    version = champion_version(tracking, name, alias=alias)
    if version is None:
        names = [model.name for model in connect(tracking).search_registered_models()]
        raise NotFound(f"no {alias} of {name!r}", where="registry", allowed=nearest(name, names), fix="train first")
    return load_version(tracking, version), version


def load_version(tracking: Tracking, version: Version) -> RiskModel:
    """As `load_champion`, for one given version."""
    from models.risk_model import RiskModel

    with tempfile.TemporaryDirectory(prefix="foresafe-load-") as scratch:
        return RiskModel.load(fetch_model(tracking, version, Path(scratch)))


def fetch_model(tracking: Tracking, version: Version, into: Path) -> Path:
    """The folder of the model's own files, below `into`, its manifest checked against the hash that was registered.

    Raises:
        BadSource: the files are missing, or the manifest is another.
    """
    got = fetch(tracking, version, MODEL_FOLDER, into)
    manifest = got / "manifest.json"
    if not manifest.is_file() or hashlib.sha256(manifest.read_bytes()).hexdigest() != version.manifest_sha256:
        raise BadSource(
            "the manifest is not the one that was registered",
            where=version.label,
            cause="files changed after the release",
            fix="roll back to an earlier version, or train and release again",
        )
    return got


def fetch(tracking: Tracking, version: Version, path: str, into: Path) -> Path:
    """A file or folder of the version's run, copied below `into`. Raises BadSource where it cannot be had."""
    try:
        return Path(connect(tracking).download_artifacts(version.run_id, path, str(into)))
    except (MlflowException, OSError) as fault:
        raise BadSource(f"its files cannot be fetched: {fault}", where=version.label) from fault


def as_version(found: ModelVersion) -> Version:
    return Version(found.name, str(found.version), found.run_id or "", found.tags.get("manifest_sha256", ""))


def digest_of(path: Path) -> str:
    """SHA-256 of a file, or of a folder's file names and contents."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    files = (found for found in sorted(path.rglob("*")) if found.is_file())
    listed = "".join(f"{digest_of(found)}  {found.relative_to(path).as_posix()}\n" for found in files)
    return hashlib.sha256(listed.encode("utf-8")).hexdigest()
