"""Task states as outcomes: what Prefect knows about a task, in the words that both conductors use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import PrefectFuture
from prefect.states import Completed, Failed

from contracts.errors import BadSource, ForesafeError, Unreachable
from flows.each import Outcome

PARTLY = "Partly"  # the name of a run that failed for some and went on for the others


def outcome_of(name: str, state: State[Any]) -> Outcome:
    """The result, the refusal, or for a fault of ours its type and message; the run's log has the rest."""
    if state.is_completed():
        return Outcome(name, result=state.result())
    fault = state.result(raise_on_failure=False)
    if isinstance(fault, ForesafeError):
        return Outcome(name, refused=str(fault))
    return Outcome(name, refused=f"unexpected {type(fault).__name__}: {fault or state.message}; see the run's log")


def ended(future: PrefectFuture[Any]) -> State[Any]:
    """The state of a submitted task once it has ended, whatever became of it."""
    future.wait()
    return future.state


def may_pass(_task: object, _run: TaskRun, state: State[Any]) -> bool:
    """Whether to try again: a network or disk fault may pass, a refused contract or a missing file does not."""
    fault = state.result(raise_on_failure=False)
    if isinstance(fault, Unreachable):
        return True
    if isinstance(fault, BadSource):
        fault = fault.__cause__
    return isinstance(fault, OSError) and not isinstance(fault, FileNotFoundError)


def closing_state(outcomes: Sequence[Outcome], rows: list[dict[str, Any]]) -> State[Any]:
    """Completed, or failed under a name of its own where some were refused: red for the operator, nothing lost."""
    refused = [outcome.name for outcome in outcomes if outcome.refused]
    if refused:
        return Failed(name=PARTLY, message=f"refused: {', '.join(refused)}; the others went on")
    return Completed(message=f"{len(outcomes)} done", data=rows)
