"""Prefect: the forecast of every asset and hazard by the released models. Scheduled hourly, after ingest."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.runtime import flow_run

from flows import stages
from flows.instants import in_seoul, now
from flows.journal import journaled
from flows.notices import tell_operator
from flows.pages import artifact_key, markdown, score_rows
from flows.places import outputs_of
from flows.recorded import may_pass
from flows.settings import load_settings

SCORE_TIMEOUT_SECONDS = 1800


@task(
    task_run_name="score",
    retries=2,
    retry_delay_seconds=[10, 60],
    retry_jitter_factor=0.5,
    retry_condition_fn=may_pass,
    timeout_seconds=SCORE_TIMEOUT_SECONDS,
    persist_result=True,
    result_serializer="json",
)
def score_all(pilot: str, as_of: datetime | None) -> dict[str, Any]:
    return stages.score(load_settings(), pilot, as_of=as_of, now=now())


@flow(
    name="score",
    flow_run_name="score {pilot}",
    timeout_seconds=2 * SCORE_TIMEOUT_SECONDS,
    persist_result=True,
    on_failure=[tell_operator],
    on_crashed=[tell_operator],
)
def score(pilot: str, as_of: datetime | None = None) -> dict[str, Any]:
    """As of now-in-the-data by default: the last instant at which the store heard anything."""
    with journaled(outputs_of(load_settings(), pilot), "score", run=str(flow_run.id)):
        summary = score_all(pilot, as_of)
    rows = score_rows(summary)
    facts = [in_seoul(now()), f"as of {in_seoul(datetime.fromisoformat(summary['as_of']))}", f"{summary['rows']} rows"]
    create_table_artifact(table=rows, key=artifact_key("scores", pilot))
    create_markdown_artifact(markdown(f"Score {pilot}", facts, rows), key=artifact_key("score", pilot))
    return summary
