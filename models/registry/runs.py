"""Training runs: parameters from the frozen config itself, metrics, provenance, files. No autologging."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from models.registry.client import Tracking, connect

PARAM_BATCH = 100  # MLflow's own limit a request


def log_training_run(
    tracking: Tracking,
    *,
    experiment: str,
    run_name: str,
    params: Mapping[str, str],
    metrics: Mapping[str, float],
    provenance: Mapping[str, Any],
    files: Sequence[Path] = (),
    texts: Mapping[str, str] | None = None,
    parent: str = "",
) -> str:
    """One finished run; returns its id.

    Args:
        params: `Params.flat()`. metrics: `flat_metrics(evaluation)`.
        provenance: data instant, store versions, git revision, feature-spec hash: become tags.
        files: plots and other files, kept under `plots/`. texts: file name -> content (card.md, decision.json).
        parent: id of the run that this one is shown below.
    """
    client = connect(tracking)
    tags = {MLFLOW_PARENT_RUN_ID: parent} if parent else {}
    run = client.create_run(experiment_of(client, tracking, experiment), run_name=run_name, tags=tags)
    run_id: str = run.info.run_id
    status = "FAILED"
    try:
        logged = [Param(key, value) for key, value in params.items()]
        for start in range(0, len(logged), PARAM_BATCH):
            client.log_batch(run_id, params=logged[start : start + PARAM_BATCH])
        client.log_batch(run_id, metrics=[Metric(key, value, 0, 0) for key, value in metrics.items()])
        for key, value in provenance.items():
            client.set_tag(run_id, key, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for path in files:
            client.log_artifact(run_id, str(path), "plots")
        for file, text in (texts or {}).items():
            client.log_text(run_id, text, file)
        status = "FINISHED"
    finally:
        client.set_terminated(run_id, status)
    return run_id


def experiment_of(client: mlflow.MlflowClient, tracking: Tracking, name: str) -> str:
    """The id of the experiment of this name; made where there is none."""
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    where = f"{tracking.artifacts.rstrip('/')}/{name}" if tracking.artifacts else None
    try:
        return str(client.create_experiment(name, artifact_location=where))
    except MlflowException as fault:
        made_meanwhile = client.get_experiment_by_name(name)
        if fault.error_code != "RESOURCE_ALREADY_EXISTS" or made_meanwhile is None:
            raise
        return str(made_meanwhile.experiment_id)
