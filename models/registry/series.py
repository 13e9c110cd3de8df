"""Numbers over time in MLflow: one long run for each subject, whose steps are days since 1970."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime

from mlflow.entities import Metric

from models.registry.client import Tracking, connect
from models.registry.runs import experiment_of

SUBJECT = "foresafe.series"
_BATCH = 1_000  # metrics, MLflow's own limit a request
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def log_series(tracking: Tracking, *, experiment: str, subject: str, numbers: Mapping[str, float], at: datetime) -> str:
    """Add one point to each metric of the subject's run, and make the run where there is none; its id.

    A number that is not finite is no point. The same point again is stored once by MLflow's database.
    """
    client = connect(tracking)
    place = experiment_of(client, tracking, experiment)
    found = client.search_runs([place], f"tags.`{SUBJECT}` = '{subject}'", max_results=1)
    run_id = str(found[0].info.run_id) if found else ""
    if not run_id:
        run_id = str(client.create_run(place, run_name=subject, tags={SUBJECT: subject}).info.run_id)
        client.set_terminated(run_id)
    when, step = int(at.timestamp() * 1000), (at - _EPOCH).days
    points = [Metric(key, value, when, step) for key, value in numbers.items() if math.isfinite(value)]
    for start in range(0, len(points), _BATCH):
        client.log_batch(run_id, metrics=points[start : start + _BATCH])
    return run_id
