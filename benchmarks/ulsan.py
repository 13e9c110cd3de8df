"""How much of what could be known each model of the simulated city knows: log-loss skill, climatology 0, true risk 1.

    python -m benchmarks.ulsan

Simulation, ingest, features, training and calibration are the platform's stages with the pilot's own parameters
(`pilots/ulsan`), in a folder that is gone afterwards. The true risk is the simulation's; no stage but this reads it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from contracts.errors import ForesafeError
from contracts.params import EvaluateParams
from contracts.results import BoolArray, Estimate, FloatArray, InstantArray
from flows import Material, Settings, feed_names, judge_rows, load_material, load_settings, outputs_of, pilot_of, stages
from flows.attainable import true_risk

PILOT = "ulsan"
INGESTED = datetime(2028, 4, 1, tzinfo=UTC)  # after the last simulated hour; the contracts say when rows were known


@dataclass(frozen=True)
class Reached:
    """One hazard on the test part. share: 0 as climatology, 1 as the true risk; the losses are mean log losses."""

    hazard: str
    incidents: int
    climatology: float
    model: float
    truth: float
    share: Estimate


def share_of_attainable(
    occurred: BoolArray,
    as_of: InstantArray,
    *,
    model: FloatArray,
    climatology: FloatArray,
    truth: FloatArray,
    params: EvaluateParams,
) -> Estimate:
    """(climatology - model) / (climatology - truth), all log losses, over draws of whole blocks of days.

    Each draw takes the same rows for all three, so that easy and hard days cancel.
    """
    from models.blocks import draw_blocks, estimate
    from models.evaluation import row_losses

    blocks = draw_blocks(as_of, params)
    lost = {
        name: blocks.total(row_losses(values, occurred)["log_loss"])
        for name, values in (("model", model), ("climatology", climatology), ("truth", truth))
    }
    return estimate((lost["climatology"] - lost["model"]) / (lost["climatology"] - lost["truth"]))


def prepare(settings: Settings) -> None:
    """Simulate, ingest, and build features."""
    say("simulate")
    stages.simulate(settings, PILOT, progress=lambda _: None)
    for feed in feed_names(settings, PILOT):
        say(f"ingest {feed}")
        stages.ingest_feed(settings, PILOT, feed, now=INGESTED)
    say("features")
    stages.features(settings, PILOT)


def reach(settings: Settings, hazard: str) -> Reached:
    """Train one hazard and compare it with the truth on the test part.

    Raises:
        NotEnoughData: too few incidents to train or judge on.
    """
    from models import RiskModel
    from models.evaluation import row_losses

    say(f"train {hazard}")
    stages.train(settings, PILOT, hazard)
    given = load_material(settings, PILOT, hazard)
    trial = judge_rows(RiskModel.load(outputs_of(settings, PILOT).model(hazard)), given)
    known, truth = known_truth(settings, given)
    occurred = trial.judged.occurred[known]
    values = {"model": trial.probability, "climatology": trial.baselines["climatology"], "truth": truth}
    values = {name: forecast[known] for name, forecast in values.items()}
    share = share_of_attainable(occurred, trial.judged.as_of[known], **values, params=given.params.evaluate)
    losses = {name: float(row_losses(forecast, occurred)["log_loss"].mean()) for name, forecast in values.items()}
    return Reached(hazard, int(occurred.sum()), **losses, share=share)


def known_truth(settings: Settings, given: Material) -> tuple[BoolArray, FloatArray]:
    """(m,) of the test rows: whether the simulation states their risk, and the risk, inside (0, 1)."""
    labels = given.labels
    stated = pl.read_parquet(
        outputs_of(settings, PILOT).truth / "risk.parquet", columns=["asset_id", "as_of", labels.hazard]
    )
    spine = given.features.spine.take(labels.rows[given.parts.test])
    risk = true_risk(stated, spine, hazard=labels.hazard, horizon_hours=labels.horizon_hours)
    return np.isfinite(risk), np.clip(risk, 1e-9, 1 - 1e-9)


def table(found: Mapping[str, Reached | ForesafeError]) -> str:
    """One line a hazard; a hazard that could not be trained says why."""
    lines = [f"{'hazard':<18}{'incidents':>10}{'log loss of':^36}{'share of the':>14}"]
    lines.append(f"{'':<18}{'':>10}{'climatology':>13}{'model':>11}{'true risk':>12}{'attainable':>14}  95 % interval")
    for hazard, got in found.items():
        if isinstance(got, ForesafeError):
            lines.append(f"{hazard:<18}not trained: {got}")
            continue
        share = got.share
        lines.append(
            f"{hazard:<18}{got.incidents:>10,}{got.climatology:>13.5f}{got.model:>11.5f}{got.truth:>12.5f}"
            f"{share.value:>14.3f}  [{share.low:.3f}, {share.high:.3f}]"
        )
    return "\n".join(lines)


def summary(found: Mapping[str, Reached | ForesafeError]) -> str:
    """One JSON object; a hazard that could not be trained counts as climatology, 0, in the median."""
    shares = {hazard: round(got.share.value, 4) if isinstance(got, Reached) else 0.0 for hazard, got in found.items()}
    return json.dumps({"shares": shares, "median_share": round(float(np.median(list(shares.values()))), 4)})


def attempt(settings: Settings, hazard: str) -> Reached | ForesafeError:
    try:
        return reach(settings, hazard)
    except ForesafeError as refusal:
        return refusal


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = replace(load_settings(), state=Path(folder))
        try:
            prepare(settings)
        except ForesafeError as error:
            raise SystemExit(str(error)) from error
        found = {hazard: attempt(settings, hazard) for hazard in pilot_of(settings, PILOT).hazards}
    print("Share of the attainable log-loss skill on the test part: climatology 0, the simulation's true risk 1.")
    print(table(found))
    print(summary(found))


if __name__ == "__main__":
    main()
