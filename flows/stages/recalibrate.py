"""A challenger that is today's champion at another level, on disk where `train` leaves its own."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contracts.errors import NotFound
from flows.asked import Asked
from flows.documents import write_json
from flows.material import Material, load_material
from flows.places import outputs_of
from flows.settings import Settings
from flows.tracking import tracking_of

if TYPE_CHECKING:
    from models.registry import Version
    from models.risk_model import RiskModel

Summary = dict[str, Any]


def recalibrate(settings: Settings, name: str, hazard: str, *, asked: Asked | None) -> Summary:
    """Fit a line through the champion's log odds on the rows since the change but the newest: those are the gate's.

    Raises:
        NotFound: no champion. BadSource: it does not load. NotEnoughData: too few rows or incidents since the change.
    """
    from models.registry import champion_version, load_version, registered_name

    tracking, outputs = tracking_of(settings), outputs_of(settings, name)
    version = champion_version(tracking, registered_name(name, hazard))
    if version is None:
        raise NotFound(f"no champion of {registered_name(name, hazard)}", where="recalibrate", fix="train first")
    given = load_material(settings, name, hazard, asked=asked)
    model = recalibrated(load_version(tracking, version), version, given)
    model.save(outputs.model(hazard))
    write_json(outputs.fitted(hazard), _shown_by_training(settings, version))
    return {"hazard": hazard, "of_version": version.version, **model.provenance["line"]}


def recalibrated(champion: RiskModel, version: Version, given: Material) -> RiskModel:
    """The champion on a line that fits the calibration part; its provenance names the version that it came from."""
    from models.recalibration import recalibrate as run

    of = {"version": version.version, "manifest_sha256": version.manifest_sha256}
    return run(
        champion,
        given.features,
        given.labels,
        rows=given.parts.calibrate,
        provenance={**given.provenance, "recalibrated_from": of},
    )


def _shown_by_training(settings: Settings, version: Version) -> Any:
    """Trees, unused features and importance of the version's own training: the boosters are the same."""
    from models.registry.versions import fetch

    with tempfile.TemporaryDirectory(prefix="foresafe-fitted-") as scratch:
        path = fetch(tracking_of(settings), version, "fitted.json", Path(scratch))
        return json.loads(path.read_text(encoding="utf-8"))
