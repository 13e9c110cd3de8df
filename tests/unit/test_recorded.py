"""Which faults of a task are worth another try."""

from __future__ import annotations

import asyncio

import pytest
from prefect.client.schemas.objects import TaskRun
from prefect.states import exception_to_failed_state

from contracts.errors import BadContract, BadSource, Unreachable
from flows.recorded import may_pass


def of_a_disk() -> BadSource:
    """A refusal as `raise ... from` leaves it."""
    fault = BadSource("its files cannot be fetched")
    fault.__cause__ = ConnectionResetError("reset by peer")
    return fault


@pytest.mark.parametrize(
    ("fault", "again"),
    [
        (Unreachable("the server answers 503"), True),
        (BadSource("the server answers 403"), False),
        (of_a_disk(), True),
        (OSError("no space left"), True),
        (FileNotFoundError("gone"), False),
        (BadContract("no such unit"), False),
        (ValueError("ours"), False),
    ],
    ids=lambda given: type(given).__name__ if isinstance(given, Exception) else str(given),
)
def test_only_what_may_pass_is_tried_again(fault: Exception, again: bool) -> None:
    state = asyncio.run(exception_to_failed_state(fault))
    assert may_pass(None, TaskRun(task_key="t", dynamic_key="0", flow_run_id=None), state) is again
