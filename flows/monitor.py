"""Prefect: the check of a pilot's released models. Asks for a training, or a person, by an event others answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.runtime import flow_run

from flows import stages
from flows.events import PERSON_CALLED, RETRAIN_REQUESTED, tell
from flows.instants import in_seoul, now
from flows.journal import journaled
from flows.links import page_link, with_runs
from flows.notices import tell_operator
from flows.pages import artifact_key, decision_rows, markdown
from flows.places import outputs_of
from flows.settings import load_settings
from flows.stages.watch import PAGE

MONITOR_TIMEOUT_SECONDS = 1800
ANSWERS = {"retrain": RETRAIN_REQUESTED, "recalibrate": RETRAIN_REQUESTED, "call_a_person": PERSON_CALLED}


@task(task_run_name="monitor", timeout_seconds=MONITOR_TIMEOUT_SECONDS, persist_result=True, result_serializer="json")
def check_all(pilot: str, at: datetime | None, page: bool | None) -> list[dict[str, Any]]:
    return stages.monitor(load_settings(), pilot, now=now(), at=at, page=page)


@task(task_run_name="{event} {subject}")
def tell_of(event: str, pilot: str, hazard: str, subject: str, decision: dict[str, Any]) -> None:
    tell(event, pilot=pilot, hazard=hazard, decision=decision)


@flow(
    name="monitor",
    flow_run_name="monitor {pilot}",
    timeout_seconds=2 * MONITOR_TIMEOUT_SECONDS,
    persist_result=True,
    on_failure=[tell_operator],
    on_crashed=[tell_operator],
)
def monitor(pilot: str, at: datetime | None = None, page: bool | None = None) -> list[dict[str, Any]]:
    """A window and a decision for each hazard."""
    settings = load_settings()
    outputs = outputs_of(settings, pilot)
    with journaled(outputs, "monitor", run=str(flow_run.id)):
        summaries = check_all(pilot, at, page)
    for made in summaries:
        if made["kind"] in ANSWERS:
            tell_of(ANSWERS[made["kind"]], pilot, made["hazard"], made["subject"], made)
    runs = {made["subject"]: made["run_id"] for made in summaries}
    rows = with_runs(settings, decision_rows(summaries), runs, by="model")
    facts = [in_seoul(now()), f"the last window that moved: {page_link(settings, outputs.monitor / PAGE)}"]
    create_table_artifact(table=rows, key=artifact_key("decisions", pilot))
    create_markdown_artifact(markdown(f"Monitor {pilot}", facts, rows), key=artifact_key("monitor", pilot))
    return summaries
