"""What an outage leaves on Prefect's server, settled before work goes on: late runs, and runs that nobody runs.

A flow works on everything that is new, so that of several late runs of a deployment one is enough: the newest.
A run whose process is gone (kill -9, power) would stay "running" for ever and hold its deployment's only place.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flows.instants import now
from flows.notices import GONE

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun, StateType

PAGE = 200


def settle(client: SyncPrefectClient, pool: str) -> None:
    """Of each deployment's late runs keep the newest; call those crashed whose process is gone.

    Only for whoever alone works for this server, on this machine, before its worker starts.
    """
    from prefect.client.schemas.objects import StateType
    from prefect.states import Cancelled, Crashed

    at = now()
    for run in overtaken(_runs(client, pool, [StateType.SCHEDULED]), at=at):
        client.set_flow_run_state(run.id, Cancelled(message="late; a later run does its work too"), force=True)
    for run in _runs(client, pool, [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]):
        if abandoned(run):
            client.set_flow_run_state(run.id, Crashed(message=GONE), force=True)


def overtaken(runs: Iterable[FlowRun], *, at: datetime) -> Iterator[FlowRun]:
    """The late runs of a schedule that a later late run of the same deployment makes needless."""
    late = [run for run in runs if run.auto_scheduled and run.expected_start_time and run.expected_start_time <= at]
    newest = {run.deployment_id: run.id for run in sorted(late, key=_due)}
    return (run for run in late if run.id != newest[run.deployment_id])


def _due(run: FlowRun) -> datetime:
    return run.expected_start_time or datetime.max.replace(tzinfo=UTC)


def abandoned(run: FlowRun) -> bool:
    """Whether the run's process is gone, or never came to be."""
    pid = (run.infrastructure_pid or "").rpartition(":")[2]
    return not pid or not _alive(int(pid))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _runs(client: SyncPrefectClient, pool: str, kinds: list[StateType]) -> Iterator[FlowRun]:
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterState,
        FlowRunFilterStateType,
        WorkPoolFilter,
        WorkPoolFilterName,
    )

    wanted = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=kinds)))
    here = WorkPoolFilter(name=WorkPoolFilterName(any_=[pool]))
    found: list[FlowRun] = []
    while page := client.read_flow_runs(flow_run_filter=wanted, work_pool_filter=here, limit=PAGE, offset=len(found)):
        found += page
    return iter(found)
