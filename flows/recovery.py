"""What a retraining after a change recovered, where the true risk is known: both models on rows that neither saw."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from contracts.results import InstantArray, IntArray, instant_of
from flows.asked import Asked
from flows.attainable import attainable, true_risk
from flows.material import Material, load_material
from flows.places import outputs_of
from flows.settings import Settings
from flows.tracking import tracking_of

if TYPE_CHECKING:
    from models.risk_model import RiskModel

Row = dict[str, Any]


def recovery(settings: Settings, name: str, hazard: str, *, asked: Asked, version: str) -> list[Row]:
    """One row a stretch of time: days, incidents, mean log losses, and shares of the skill that could be had.

    Before the change: what the champion that was asked about had not seen, up to `asked.since`; what came of it may
    have been trained on that, and is not judged there. After it: the rows that the gate looked at. In a share
    climatology is 0 and the true risk 1; one below 0 is worse than climatology. None: not judged.

    Args:
        version: the one that came of `asked`, whether the gate let it pass or not.

    Raises:
        NotFound: the truth, a version or the features are not there. BadSource: a model does not load.
    """
    from models.registry import find_version, load_version, registered_name

    tracking, model_name = tracking_of(settings), registered_name(name, hazard)
    old, new = (
        load_version(tracking, find_version(tracking, model_name, number)) for number in (asked.version, version)
    )
    given = load_material(settings, name, hazard, asked=asked)
    truth = pl.read_parquet(outputs_of(settings, name).truth / "risk.parquet", columns=["asset_id", "as_of", hazard])
    as_of = given.features.spine.as_of[given.labels.rows]
    unseen = as_of >= instant_of(datetime.fromisoformat(old.provenance["fitted_until"]))
    before = np.flatnonzero(unseen & (as_of < instant_of(asked.since)))
    return [
        _stretch("before the change", before, given, truth, {"old": old}),
        _stretch("after it, rows that neither saw", given.parts.test, given, truth, {"old": old, "new": new}),
    ]


def _stretch(
    words: str, positions: IntArray, given: Material, truth: pl.DataFrame, models: dict[str, RiskModel]
) -> Row:
    """positions: into the labels."""
    from models.baselines import climatology

    rows, occurred = given.labels.rows[positions], given.labels.occurred[positions]
    features = given.features.take(rows)
    base_rate = float(given.labels.occurred[given.parts.train].mean())
    usual = climatology(given.features, given.labels.hazard, rows, base_rate=base_rate)
    known = true_risk(truth, features.spine, hazard=given.labels.hazard, horizon_hours=given.labels.horizon_hours)
    when = features.spine.as_of
    found = {
        which: attainable(occurred, model=model.predict(features)[0], climatology=usual, truth=known)
        for which, model in models.items()
    }
    return {
        "when": words,
        "days": _days(when),
        "incidents": int(occurred.sum()),
        "climatology": found["old"]["climatology_log_loss"],
        **{f"{which} model": found[which]["model_log_loss"] if which in found else None for which in ("old", "new")},
        "true risk": found["old"]["truth_log_loss"],
        **{f"{which} share": found[which]["share"] if which in found else None for which in ("old", "new")},
    }


def _days(when: InstantArray) -> int:
    return round(float((when.max() - when.min()) / np.timedelta64(1, "D")))
