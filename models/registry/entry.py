"""What a version keeps for making it again: the pilot and the parameters it was made with, whole and hashed."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.errors import BadSource
from contracts.params import Params
from contracts.pilot import Pilot
from models.registry.client import Tracking, connect
from models.registry.versions import ENTRY, Version, digest_of, fetch


@dataclass(frozen=True)
class Entry:
    """The validated documents with every default spelt out, so that a later default changes nothing."""

    pilot: Pilot
    params: Params

    def as_json(self) -> dict[str, Any]:
        return {"pilot": self.pilot.model_dump(mode="json"), "params": self.params.model_dump(mode="json")}


def read_entry(tracking: Tracking, version: Version) -> Entry:
    """The entry of a version. Raises BadSource where it is missing or not the one that was registered."""
    tags = connect(tracking).get_model_version(version.name, version.version).tags
    with tempfile.TemporaryDirectory(prefix="foresafe-entry-") as scratch:
        path = fetch(tracking, version, ENTRY, Path(scratch))
        if digest_of(path) != tags.get("entry_sha256"):
            raise BadSource(
                f"{ENTRY} is not the file that was registered",
                where=version.label,
                cause="it changed after the release, or a platform without rebuild made this version",
            )
        document = json.loads(path.read_text(encoding="utf-8"))
    return Entry(Pilot.model_validate(document["pilot"]), Params.model_validate(document["params"]))
