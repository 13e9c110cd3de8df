"""Run a Prefect flow from the command line: on the server that is there, or on one started for the occasion."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from flows.server import Use, require
from flows.services import prefect_service, prefect_variables
from flows.settings import Settings, adopt

if TYPE_CHECKING:
    from prefect import Flow

# Runs are recorded on the server in full; the terminal shows what `Told` picks.
HAND_IN_SECONDS = 20.0
_QUIET = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL"}


@contextmanager
def conducted(settings: Settings, *, tell: Callable[[str], None] = lambda _: None) -> Iterator[str]:
    """A Prefect server for this block, and Prefect's client set to it; its API address.

    Prefect reads its settings at import: where it is not imported yet, that happens while the server starts.
    """
    with ExitStack() as stack:
        use = None if settings.prefect_url else stack.enter_context(Use(prefect_service(settings)))
        adopt({**prefect_variables(settings), **_QUIET})
        import prefect.settings as client

        url = require(settings.prefect_url or "") if use is None else use.address() + "/api"
        changes = {client.PREFECT_API_URL: url, client.PREFECT_RESULTS_DEFAULT_SERIALIZER: "json"}
        stack.enter_context(client.temporary_settings(changes))
        stack.enter_context(_telling(tell))
        stack.callback(_hand_in)
        yield url


def _hand_in() -> None:
    """Send the last events and log lines while the server is there; at exit they would be tried for 80 s and lost."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    for worker in (EventsWorker, APILogWorker):
        worker.drain_all(timeout=HAND_IN_SECONDS, at_exit=False)


@contextmanager
def _telling(tell: Callable[[str], None]) -> Iterator[None]:
    handler = Told(tell)
    logger = logging.getLogger("prefect.task_runs")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class Told(logging.Handler):
    """Hands on when a task ends or is tried again: `ingest process: Completed()`."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        run = getattr(record, "task_run_name", "")
        message = record.getMessage()
        if run and ("Finished in state Completed" in message or "Retry" in message):
            self._tell(run if "Completed" in message else f"{run}: tried again")


def run_flow(flow: Flow[..., Any], *arguments: Any) -> Any:
    """Run it here; its result. A run that failed for some and went on for others has none, and raises nothing.

    Raises:
        what stopped the flow.
    """
    from flows.recorded import PARTLY

    state = flow(*arguments, return_state=True)
    return None if state.name == PARTLY else state.result()
