"""The monitoring reference of a model that was just trained, kept with its run."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from contracts.params import MonitorParams
from contracts.results import Features, Labels
from flows.documents import read_json
from flows.material import Material
from flows.outputs import Outputs
from flows.settings import Settings
from flows.tracking import tracking_of

if TYPE_CHECKING:
    from models.risk_model import RiskModel
    from monitoring.reference import Reference


def keep_reference(settings: Settings, outputs: Outputs, given: Material, *, hazard: str, run_id: str) -> None:
    """Of all ripe rows of the training set."""
    from models.registry import log_reference
    from models.risk_model import RiskModel

    model = RiskModel.load(outputs.model(hazard))
    importance = read_json(outputs.fitted(hazard), made_by="train")["importance"]
    reference = reference_of(model, given.features, given.labels, importance=importance, params=given.params.monitor)
    with tempfile.TemporaryDirectory(prefix="foresafe-reference-") as scratch:
        log_reference(tracking_of(settings), run_id=run_id, folder=reference.save(Path(scratch) / "reference"))


def reference_of(
    model: RiskModel, features: Features, labels: Labels, *, importance: Mapping[str, float], params: MonitorParams
) -> Reference:
    """What all ripe rows were like, and the model's forecasts of them: every part, since the newest days of the season
    are in the test part."""
    from monitoring.reference import make_reference, thinned

    rows = np.sort(labels.rows)
    kept = features.take(rows[thinned(features.spine.as_of[rows])])
    return make_reference(
        kept,
        model.predict(kept)[0],
        hazard=labels.hazard,
        importance=importance,
        sample_rows=params.sample_rows,
        seed=params.seed,
    )
