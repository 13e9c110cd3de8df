"""Publishing a version, in an order that leaves an alias that loads wherever it is killed.

Upload, compare hashes, load in a fresh process, score golden rows, create the version, and only then move the alias
and read it back. Killed and run again, it goes on where it was: one run makes one version, and the files of a version
are never written again.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.models import Model, ModelSignature
from mlflow.pyfunc import save_model
from mlflow.types import ColSpec, Schema

import models.pyfunc
from contracts.errors import BadSource
from contracts.results import Features
from models.pyfunc import MANIFEST
from models.registry.client import Tracking, connect
from models.registry.fresh import FreshProcess
from models.registry.moves import move_alias
from models.registry.record import ensure_registered
from models.registry.versions import ENTRY, GOLDEN, PACKED, Version, all_versions, as_version, digest_of
from models.risk_model import RiskModel

CODE = Path(models.pyfunc.__file__)
REQUIREMENTS = ["mlflow-skinny==3.17.2", "lightgbm==4.7.0", "numpy", "pandas"]


def publish(
    tracking: Tracking,
    model: RiskModel,
    *,
    name: str,
    run_id: str,
    golden: Features,
    card: str,
    entry: Mapping[str, Any],
    at: datetime,
    by: str = "",
) -> Version:
    """Make the model a registered version and the challenger. Nothing is registered unless the golden rows agree.

    Args:
        golden: a few rows (10 to 100) whose scores must come out the same in a fresh process.
        card: Markdown; the version's description.
        entry: what the model was made from beside its provenance, enough to make it again; JSON values.
        at: now, for the record. by: who publishes.

    Raises:
        BadSource: what was uploaded is not what came back, does not load, or scores otherwise.
    """
    client = connect(tracking)
    ensure_registered(tracking, name)
    version = version_of_run(tracking, name, run_id)
    if version is None:
        tags = _upload(client, model, run_id=run_id, golden=golden, entry=entry, name=name)
    _check_in_fresh_process(tracking, run_id, name=name)
    if version is None:
        tags |= {"trained_at": _trained_at(client, run_id), "spec_hash": model.spec_hash, "hazard": model.hazard}
        version = as_version(
            client.create_model_version(name, f"runs:/{run_id}/{PACKED}", run_id, tags=tags, description=card)
        )
    move_alias(tracking, version, alias="challenger", at=at, reason="published", kind="publish", by=by)
    return version


def version_of_run(tracking: Tracking, name: str, run_id: str) -> Version | None:
    """The version that was made of a training run, if one was."""
    found = [version for version in all_versions(tracking, name) if version.run_id == run_id]
    return as_version(found[0]) if found else None


def _upload(
    client: mlflow.MlflowClient,
    model: RiskModel,
    *,
    run_id: str,
    golden: Features,
    entry: Mapping[str, Any],
    name: str,
) -> dict[str, str]:
    """Packed model, golden rows and entry to the run's files; back again, compared; their hashes, as tags."""
    with tempfile.TemporaryDirectory(prefix="foresafe-publish-") as scratch:
        there = Path(scratch)
        packed = _packed(model, golden, there)
        files = (_golden_file(model, golden, there / GOLDEN), _json_file(entry, there / ENTRY))
        client.log_artifacts(run_id, str(packed), PACKED)
        for file in files:
            client.log_artifact(run_id, str(file))
        for sent in (packed, *files):
            back = _made(there / f"back-{sent.name}")
            got = client.download_artifacts(run_id, PACKED if sent == packed else sent.name, str(back))
            if digest_of(Path(got)) != digest_of(sent):
                raise BadSource("what was uploaded is not what came back", where=name, cause="a broken artifact store")
        return {
            "manifest_sha256": digest_of(packed / "artifacts" / "model" / MANIFEST),
            "packed_sha256": digest_of(packed),
            "golden_sha256": digest_of(files[0]),
            "entry_sha256": digest_of(files[1]),
        }


def _check_in_fresh_process(tracking: Tracking, run_id: str, *, name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="foresafe-fresh-") as scratch:
        golden = connect(tracking).download_artifacts(run_id, GOLDEN, scratch)
        with FreshProcess(tracking.uri, f"runs:/{run_id}/{PACKED}", golden) as fresh:
            fresh.judge(name)


def _trained_at(client: mlflow.MlflowClient, run_id: str) -> str:
    """When the run of the training was opened, by MLflow's own clock."""
    return datetime.fromtimestamp(client.get_run(run_id).info.start_time / 1000, UTC).isoformat()


def _packed(model: RiskModel, golden: Features, scratch: Path) -> Path:
    """The MLflow model folder: our data, the code that travels with it, signature and input example."""
    inputs = Schema([ColSpec("double", name) for name in model.names])
    numbers = ("probability", "low", "high", "expected_count", "expected_severity")
    outputs = Schema([*(ColSpec("double", name) for name in numbers), ColSpec("string", "band")])
    save_model(
        str(scratch / "packed"),
        python_model=str(CODE),
        artifacts={"model": str(model.save(scratch / "model"))},
        signature=ModelSignature(inputs, outputs),
        input_example=_frame(golden).head(3),
        pip_requirements=REQUIREMENTS,
    )
    _without_paths_of_here(scratch / "packed")
    return scratch / "packed"


def _without_paths_of_here(packed: Path) -> None:
    """MLflow notes the absolute paths its files came from; whoever loads the model has no use for them."""
    described = Model.load(str(packed / "MLmodel"))
    flavor = described.flavors["python_function"]
    flavor["model_code_path"] = CODE.name
    flavor["artifacts"]["model"]["uri"] = flavor["artifacts"]["model"]["path"]
    described.save(str(packed / "MLmodel"))


def _frame(features: Features) -> pd.DataFrame:
    """Doubles, because a signature of floats would refuse the doubles that pandas users have."""
    return pd.DataFrame(features.values.astype("float64"), columns=list(features.names))


def _golden_file(model: RiskModel, golden: Features, path: Path) -> Path:
    probability, low, high = model.predict(golden)
    expected = {"probability": probability.tolist(), "low": low.tolist(), "high": high.tolist()}
    document = {
        "columns": list(golden.names),
        "rows": _frame(golden).astype(object).where(_frame(golden).notna(), None).to_numpy().tolist(),
        "expected": {**expected, "band": model.bands.names(probability).tolist()},
    }
    path.write_text(json.dumps(document, ensure_ascii=False, allow_nan=False), encoding="utf-8")
    return path


def _json_file(document: Mapping[str, Any], path: Path) -> Path:
    path.write_text(json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1), encoding="utf-8")
    return path


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
