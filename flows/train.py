"""Prefect: features once, then each hazard trained, judged, tracked, and released if it wins. Scheduled weekly."""

from __future__ import annotations

from typing import Any

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State

from flows import stages
from flows.each import record_outcomes
from flows.instants import in_seoul, now
from flows.pages import artifact_key, markdown, train_rows
from flows.places import hazard_names, outputs_of
from flows.recorded import closing_state, outcome_of
from flows.settings import load_settings

STEP_TIMEOUT_SECONDS = 3600


@task(task_run_name="features", timeout_seconds=STEP_TIMEOUT_SECONDS, persist_result=True, result_serializer="json")
def build_features(pilot: str) -> dict[str, Any]:
    return stages.features(load_settings(), pilot)


@task(
    task_run_name="train {hazard}", timeout_seconds=STEP_TIMEOUT_SECONDS, persist_result=True, result_serializer="json"
)
def train_hazard(pilot: str, hazard: str) -> dict[str, Any]:
    return stages.learn_and_release(load_settings(), pilot, hazard, clock=now)


@flow(name="train", flow_run_name="train {pilot}", timeout_seconds=4 * STEP_TIMEOUT_SECONDS, persist_result=True)
def train(pilot: str) -> State[Any]:
    """A hazard without enough incidents is refused and the others go on; a challenger that loses is no failure."""
    settings = load_settings()
    made = build_features(pilot)
    outcomes = [
        outcome_of(hazard, train_hazard(pilot, hazard, return_state=True)) for hazard in hazard_names(settings, pilot)
    ]
    record_outcomes(outputs_of(settings, pilot).last("train"), outcomes)
    rows = train_rows(outcomes)
    facts = [in_seoul(now()), f"{made['rows']:,} rows of {made['features']} features, until {made['observed_until']}"]
    create_table_artifact(table=rows, key=artifact_key("models", pilot))
    create_markdown_artifact(markdown(f"Train {pilot}", facts, rows), key=artifact_key("train", pilot))
    return closing_state(outcomes, rows)
