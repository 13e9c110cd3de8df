"""The monitoring reference of a model that was just trained, kept with its run."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from flows.documents import read_json
from flows.material import Material
from flows.outputs import Outputs
from flows.settings import Settings
from flows.tracking import tracking_of


def keep_reference(settings: Settings, outputs: Outputs, given: Material, *, hazard: str, run_id: str) -> None:
    """What all ripe rows of the training set were like, and the model's forecasts of them: every part, since the newest
    days of the season are in the test part."""
    from models.registry import log_reference
    from models.risk_model import RiskModel
    from monitoring.reference import make_reference, thinned

    model = RiskModel.load(outputs.model(hazard))
    rows = np.sort(given.labels.rows)
    features = given.features.take(rows[thinned(given.features.spine.as_of[rows])])
    monitor = given.params.monitor
    reference = make_reference(
        features,
        model.predict(features)[0],
        hazard=hazard,
        importance=read_json(outputs.fitted(hazard), made_by="train")["importance"],
        sample_rows=monitor.sample_rows,
        seed=monitor.seed,
    )
    with tempfile.TemporaryDirectory(prefix="foresafe-reference-") as scratch:
        log_reference(tracking_of(settings), run_id=run_id, folder=reference.save(Path(scratch) / "reference"))
