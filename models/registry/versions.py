"""Registered versions, the aliases that point at them, and who was champion when."""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from contracts.errors import BadSource, NotFound, nearest
from contracts.results import Decision
from models.pyfunc import MANIFEST
from models.registry.client import Tracking, connect
from models.risk_model import RiskModel

Alias = Literal["challenger", "champion"]
MOVED = "moved"  # version tags `moved.ALIAS.INSTANT` say when an alias came here, and why
LONGEST_REASON = 4_000  # characters; tags are limited


@dataclass(frozen=True)
class Version:
    """One registered version. `manifest_sha256` pins every file of it."""

    name: str
    version: str
    run_id: str
    manifest_sha256: str


@dataclass(frozen=True)
class AliasMove:
    """When an alias came to a version, and by which decision."""

    name: str
    version: str
    alias: str
    moved_at: datetime
    reason: str


def registered_name(pilot: str, hazard: str) -> str:
    """`ulsan-flood`."""
    return f"{pilot}-{hazard}"


def release(tracking: Tracking, version: Version, decision: Decision) -> bool:
    """Keep the decision with the version, and make it the champion if the decision is to promote. True if it now is."""
    client = connect(tracking)
    client.log_text(version.run_id, json.dumps(decision.as_json(), ensure_ascii=False, indent=1), "decision.json")
    client.set_model_version_tag(version.name, version.version, "decision", decision.kind)
    if decision.kind != "promote":
        return False
    move_alias(tracking, version, alias="champion", at=decision.decided_at, reason="; ".join(decision.reasons))
    return True


def move_alias(tracking: Tracking, version: Version, *, alias: Alias, at: datetime, reason: str) -> None:
    """Record the move, make it, read it back. A recorded move that did not happen is the last one and shows as such.

    Raises:
        BadSource: another process moved the alias in between.
    """
    client = connect(tracking)
    client.set_model_version_tag(version.name, version.version, _move_tag(alias, at), reason[:LONGEST_REASON])
    client.set_registered_model_alias(version.name, alias, version.version)
    now = str(client.get_model_version_by_alias(version.name, alias).version)
    if now != version.version:
        raise BadSource(
            f"alias {alias} points at version {now}, not {version.version}",
            where=version.name,
            cause="two releases at the same time",
            fix="look at the history and release again",
        )


def champion_version(tracking: Tracking, name: str, *, alias: Alias = "champion") -> Version | None:
    """The version that the alias points at, or None where there is no such model or alias yet."""
    try:
        found = connect(tracking).get_model_version_by_alias(name, alias)
    except MlflowException as fault:
        if fault.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise
    return _version(found)


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
    where = f"{version.name} version {version.version}"
    with tempfile.TemporaryDirectory(prefix="foresafe-load-") as scratch:
        try:
            got = connect(tracking).download_artifacts(version.run_id, "model/artifacts/model", scratch)
        except (MlflowException, OSError) as fault:
            raise BadSource(f"its files cannot be fetched: {fault}", where=where) from fault
        manifest = Path(got) / MANIFEST
        if not manifest.is_file() or hashlib.sha256(manifest.read_bytes()).hexdigest() != version.manifest_sha256:
            raise BadSource(
                "the manifest is not the one that was registered",
                where=where,
                cause="files changed after the release",
                fix="roll back to an earlier version, or train and release again",
            )
        return RiskModel.load(Path(got))


def history(tracking: Tracking, name: str) -> tuple[AliasMove, ...]:
    """Every move of every alias of a model, oldest first: who was champion when.

    Raises:
        NotFound: no such registered model.
    """
    client = connect(tracking)
    versions = client.search_model_versions(f"name = '{name}'")
    if not versions:
        names = [model.name for model in client.search_registered_models()]
        raise NotFound(f"no model {name!r}", where="registry", allowed=nearest(name, names))
    moves = [
        AliasMove(name, str(found.version), alias, datetime.fromisoformat(instant), reason)
        for found in versions
        for key, reason in found.tags.items()
        if key.startswith(f"{MOVED}.")
        for alias, instant in [key.removeprefix(f"{MOVED}.").split(".", 1)]
    ]
    return tuple(sorted(moves, key=lambda move: (move.moved_at, int(move.version), move.alias)))


def _version(found: ModelVersion) -> Version:
    return Version(found.name, str(found.version), found.run_id or "", found.tags.get("manifest_sha256", ""))


def _move_tag(alias: Alias, at: datetime) -> str:
    """Ends in Z, because a tag's name may not contain a plus sign."""
    return f"{MOVED}.{alias}.{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
