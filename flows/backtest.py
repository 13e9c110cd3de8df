"""Prefect: a pilot's history replayed month by month. Scheduled monthly, on what the last training built."""

from __future__ import annotations

from functools import partial
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from contracts.replay import Replayed
from flows.instants import in_seoul, now
from flows.journal import journaled
from flows.links import page_link
from flows.notices import tell_operator
from flows.pages import artifact_key, backtest_rows, markdown
from flows.places import chosen_hazards, outputs_of
from flows.recorded import closing_state, outcome_of
from flows.settings import load_settings
from flows.stages.backtest import Plan, Replay, gather, keep, plan_of
from flows.stages.backtest import backtest as replay_stage

HAZARD_TIMEOUT_SECONDS = 6 * 3600


@task(task_run_name="replay {hazard}", timeout_seconds=HAZARD_TIMEOUT_SECONDS, cache_policy=NO_CACHE)
def replay_hazard(pilot: str, hazard: str, plan: Plan) -> Replayed:
    return replay_stage(load_settings(), pilot, hazard, plan, progress=partial(_log, hazard))


@task(task_run_name="page", cache_policy=NO_CACHE)
def keep_page(pilot: str, replay: Replay) -> str:
    return page_link(load_settings(), keep(load_settings(), pilot, replay))


@flow(
    name="backtest",
    flow_run_name="backtest {pilot}",
    persist_result=True,
    on_failure=[tell_operator],
    on_crashed=[tell_operator],
)
def backtest(
    pilot: str,
    hazards: list[str] | None = None,
    since: str = "",
    until: str = "",
    every_months: int = 1,
    seeds: int = 1,
) -> State[Any]:
    """As `foresafe backtest`; a hazard that is refused does not stop the others."""
    settings = load_settings()
    with journaled(outputs_of(settings, pilot), "backtest", run=str(flow_run.id)) as noted:
        names = chosen_hazards(settings, pilot, hazards or [])
        plan = plan_of(settings, pilot, since=since, until=until, every_months=every_months, seeds=seeds)
        outcomes = [outcome_of(name, replay_hazard(pilot, name, plan, return_state=True)) for name in names]
        replay = gather(plan, outcomes, at=now())
        page = keep_page(pilot, replay)
        noted.outcomes(outcomes)
    rows = backtest_rows(replay.replayed)
    facts = [in_seoul(now()), f"{len(plan.borders) - 1} months, a training every {every_months}", page]
    create_table_artifact(table=rows, key=artifact_key("skill", pilot))
    create_markdown_artifact(markdown(f"Backtest {pilot}", facts, rows), key=artifact_key("backtest", pilot))
    return closing_state(outcomes, rows)


def _log(hazard: str, step: Any) -> None:
    get_run_logger().info("%s %s: %s; in charge: %s", hazard, step.term.name, step.decision.kind, step.champion)
