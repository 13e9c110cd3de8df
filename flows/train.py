"""Prefect: features once, then each hazard trained, judged, tracked, and released if it wins. Scheduled weekly."""

from __future__ import annotations

from typing import Any

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed
from prefect.task_runners import ThreadPoolTaskRunner
from threadpoolctl import threadpool_limits

from flows import stages
from flows.asked import Asked, asked_for, is_answered, note_answered
from flows.each import record_outcomes
from flows.instants import in_seoul, now
from flows.journal import journaled
from flows.links import with_runs
from flows.notices import tell_operator
from flows.pages import artifact_key, markdown, train_rows
from flows.places import hazard_names, outputs_of
from flows.recorded import closing_state, ended, may_pass, outcome_of
from flows.settings import load_settings

STEP_TIMEOUT_SECONDS = 3600
HAZARDS_AT_ONCE = 2  # each reads its own rows of the features: 1.5 GiB for three years of Ulsan


@task(task_run_name="what was asked for")
def look_up(pilot: str) -> dict[str, Asked]:
    return asked_for(load_settings(), pilot)


@task(task_run_name="features", timeout_seconds=STEP_TIMEOUT_SECONDS, persist_result=True, result_serializer="json")
def build_features(pilot: str) -> dict[str, Any]:
    return stages.features(load_settings(), pilot)


@task(
    task_run_name="train {hazard}",
    retries=1,
    retry_delay_seconds=60,
    retry_jitter_factor=0.5,
    retry_condition_fn=may_pass,
    timeout_seconds=STEP_TIMEOUT_SECONDS,
    persist_result=True,
    result_serializer="json",
)
def train_hazard(pilot: str, hazard: str, asked: Asked | None = None) -> dict[str, Any]:
    return stages.learn_and_release(load_settings(), pilot, hazard, clock=now, asked=asked)


@flow(
    name="train",
    flow_run_name="train {pilot}",
    task_runner=ThreadPoolTaskRunner(max_workers=HAZARDS_AT_ONCE),
    timeout_seconds=4 * STEP_TIMEOUT_SECONDS,
    persist_result=True,
    on_failure=[tell_operator],
    on_crashed=[tell_operator],
)
def train(pilot: str, why: str = "", decision: str = "") -> State[Any]:
    """A hazard without enough incidents is refused and the others go on; a challenger that loses is no failure.

    why: what asked for it, for the record; empty for the schedule or a person. decision: the key of monitoring's
    decision that asked; it is answered once, however often it asks. Together with it everything else that monitoring
    asked for is done, a retraining or a recalibration, and nothing more; where it is not on record here, all hazards
    are trained as on schedule.
    """
    outputs = outputs_of(load_settings(), pilot)
    if decision and is_answered(outputs, decision):
        return Completed(message=f"trained for {decision} before")
    asked = look_up(pilot) if decision else {}
    # The limit is the whole process's: hazards that set and lifted it beside one another would compute under either.
    with journaled(outputs, "train", run=str(flow_run.id)) as noted, threadpool_limits(1, "blas"):
        made = build_features(pilot)
        under_way = {
            hazard: train_hazard.submit(pilot, hazard, asked.get(hazard))
            for hazard in asked or hazard_names(load_settings(), pilot)
        }
        outcomes = [outcome_of(hazard, ended(future)) for hazard, future in under_way.items()]
        record_outcomes(outputs.last("train"), outcomes)
        noted.outcomes(outcomes)
        answered = {decision, *(found.key for found in asked.values())} - {""}
        note_answered(outputs, sorted(answered), at=now(), why=why)
    runs = {outcome.name: (outcome.result or {}).get("run_id", "") for outcome in outcomes}
    rows = with_runs(load_settings(), train_rows(outcomes), runs, by="hazard")
    facts = [in_seoul(now()), f"{made['rows']:,} rows of {made['features']} features, until {made['observed_until']}"]
    facts += [f"asked for: {why}"] if why else []
    create_table_artifact(table=rows, key=artifact_key("models", pilot))
    create_markdown_artifact(markdown(f"Train {pilot}", facts, rows), key=artifact_key("train", pilot))
    return closing_state(outcomes, rows)
