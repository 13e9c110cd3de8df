"""Prefect: the check of a pilot's released models. Asks for a retraining by an event; an automation answers it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.events import emit_event

from flows import stages
from flows.instants import in_seoul, now
from flows.pages import artifact_key, decision_rows, markdown
from flows.settings import load_settings

MONITOR_TIMEOUT_SECONDS = 1800
REQUESTED = "foresafe.retrain.requested"


@task(task_run_name="monitor", timeout_seconds=MONITOR_TIMEOUT_SECONDS, persist_result=True, result_serializer="json")
def check_all(pilot: str, at: datetime | None, page: bool) -> list[dict[str, Any]]:
    return stages.monitor(load_settings(), pilot, now=now(), at=at, page=page)


@task(task_run_name="request {subject}")
def request_retraining(pilot: str, hazard: str, subject: str, decision: dict[str, Any]) -> None:
    """The same decision is the same event, whenever it is sent: a check that was killed before it could ask, asks when
    it is run again."""
    resource = {"prefect.resource.id": f"foresafe.model.{subject}", "foresafe.pilot": pilot, "foresafe.hazard": hazard}
    payload = {key: decision[key] for key in ("kind", "reasons", "decided_at", "key")}
    emit_event(event=REQUESTED, resource=resource, payload=payload, id=uuid5(NAMESPACE_URL, decision["key"]))


@flow(name="monitor", flow_run_name="monitor {pilot}", timeout_seconds=2 * MONITOR_TIMEOUT_SECONDS, persist_result=True)
def monitor(pilot: str, at: datetime | None = None, page: bool = False) -> list[dict[str, Any]]:
    """A window and a decision for each hazard."""
    summaries = check_all(pilot, at, page)
    for made in summaries:
        if made["kind"] in ("retrain", "recalibrate"):
            request_retraining(pilot, made["hazard"], made["subject"], made)
    rows = decision_rows(summaries)
    create_table_artifact(table=rows, key=artifact_key("decisions", pilot))
    create_markdown_artifact(markdown(f"Monitor {pilot}", [in_seoul(now())], rows), key=artifact_key("monitor", pilot))
    return summaries
