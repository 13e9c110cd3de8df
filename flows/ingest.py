"""Prefect: pull and check every feed of a pilot. Scheduled hourly; safe to run again at any time."""

from __future__ import annotations

from typing import Any

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run

from flows import stages
from flows.each import record_outcomes
from flows.instants import in_seoul, now
from flows.journal import journaled
from flows.notices import tell_operator
from flows.pages import artifact_key, ingest_rows, markdown
from flows.places import feed_names, outputs_of
from flows.recorded import closing_state, may_pass, outcome_of
from flows.settings import load_settings

FEED_TIMEOUT_SECONDS = 1800


@task(
    task_run_name="ingest {feed}",
    retries=3,
    retry_delay_seconds=[5, 30, 120],
    retry_jitter_factor=0.5,
    retry_condition_fn=may_pass,
    timeout_seconds=FEED_TIMEOUT_SECONDS,
    persist_result=True,
    result_serializer="json",
)
def ingest_feed(pilot: str, feed: str) -> list[dict[str, Any]]:
    return stages.ingest_feed(load_settings(), pilot, feed, now=now())


@flow(
    name="ingest",
    flow_run_name="ingest {pilot}",
    timeout_seconds=2 * FEED_TIMEOUT_SECONDS,
    persist_result=True,
    on_failure=[tell_operator],
    on_crashed=[tell_operator],
)
def ingest(pilot: str) -> State[Any]:
    """Each feed on its own: the run shows as failed when one was refused, after all the others went on."""
    outputs = outputs_of(load_settings(), pilot)
    with journaled(outputs, "ingest", run=str(flow_run.id)) as noted:
        feeds = feed_names(load_settings(), pilot)
        outcomes = [outcome_of(feed, ingest_feed(pilot, feed, return_state=True)) for feed in feeds]
        record_outcomes(outputs.last("ingest"), outcomes)
        noted.outcomes(outcomes)
    rows = ingest_rows(outcomes)
    create_table_artifact(table=rows, key=artifact_key("feeds", pilot))
    create_markdown_artifact(markdown(f"Ingest {pilot}", [in_seoul(now())], rows), key=artifact_key("ingest", pilot))
    return closing_state(outcomes, rows)
