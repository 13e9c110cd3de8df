"""Publishing a version, in an order that leaves an alias that loads wherever it is killed.

Upload, compare hashes, load in a fresh process, score golden rows, create the version, and only then move the alias
and read it back.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.pyfunc import save_model
from mlflow.types import ColSpec, Schema

import models.pyfunc
from contracts.errors import BadSource
from contracts.results import Features
from models.pyfunc import MANIFEST
from models.registry.client import Tracking, connect
from models.registry.versions import Version, move_alias
from models.risk_model import RiskModel

CODE = Path(models.pyfunc.__file__)
FRESH_CHECK = Path(__file__).with_name("fresh_check.py")
REQUIREMENTS = ["mlflow-skinny==3.17.2", "lightgbm==4.7.0", "numpy", "pandas"]
FRESH_TIMEOUT_SECONDS = 180


def publish(
    tracking: Tracking, model: RiskModel, *, name: str, run_id: str, golden: Features, card: str, at: datetime
) -> Version:
    """Make the model a registered version and the challenger. Nothing is registered unless the golden rows agree.

    Args:
        golden: a few rows (10 to 100) whose scores must come out the same in a fresh process.
        card: Markdown; the version's description.
        at: now, for the record.

    Raises:
        BadSource: what was uploaded is not what came back, does not load, or scores otherwise.
    """
    client = connect(tracking)
    with tempfile.TemporaryDirectory(prefix="foresafe-publish-") as scratch:
        there = Path(scratch)
        folder = _packed(model, golden, there)
        client.log_artifacts(run_id, str(folder), "model")
        back = Path(client.download_artifacts(run_id, "model", str(_made(there / "back"))))
        if _tree_digest(back) != _tree_digest(folder):
            raise BadSource("the uploaded model is not what came back", where=name, cause="a broken artifact store")
        golden_file = _golden_file(model, golden, there / "golden.json")
        client.log_artifact(run_id, str(golden_file))
        _check_in_fresh_process(tracking, model_uri=f"runs:/{run_id}/model", golden=golden_file, name=name)
        digest = hashlib.sha256((folder / "artifacts" / "model" / MANIFEST).read_bytes()).hexdigest()
    _ensure_registered(client, name)
    tags = {"manifest_sha256": digest, "spec_hash": model.spec_hash, "hazard": model.hazard}
    made = client.create_model_version(name, f"runs:/{run_id}/model", run_id, tags=tags, description=card)
    version = Version(name, str(made.version), run_id, digest)
    move_alias(tracking, version, alias="challenger", at=at, reason="published")
    return version


def _ensure_registered(client: mlflow.MlflowClient, name: str) -> None:
    try:
        client.create_registered_model(name)
    except MlflowException as fault:
        if fault.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _packed(model: RiskModel, golden: Features, scratch: Path) -> Path:
    """The MLflow model folder: our data, the code that travels with it, signature and input example."""
    inputs = Schema([ColSpec("double", name) for name in model.names])
    numbers = [ColSpec("double", name) for name in ("probability", "low", "high")]
    save_model(
        str(scratch / "packed"),
        python_model=str(CODE),
        artifacts={"model": str(model.save(scratch / "model"))},
        signature=ModelSignature(inputs, Schema([*numbers, ColSpec("string", "band")])),
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


def _check_in_fresh_process(tracking: Tracking, *, model_uri: str, golden: Path, name: str) -> None:
    command = [sys.executable, "-I", str(FRESH_CHECK), tracking.uri, model_uri, str(golden)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=FRESH_TIMEOUT_SECONDS, check=False, cwd=golden.parent
        )
    except subprocess.TimeoutExpired as fault:
        raise _unfit(name, f"it did not load within {FRESH_TIMEOUT_SECONDS} s") from fault
    if done.returncode != 0:
        said = done.stdout.strip() or (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise _unfit(name, said)


def _unfit(name: str, what: str) -> BadSource:
    return BadSource(
        f"the model fails in a fresh process: {what}",
        where=name,
        allowed="the same scores for every golden row",
        fix="nothing was registered; the champion stays",
    )


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _tree_digest(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
