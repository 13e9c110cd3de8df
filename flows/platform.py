"""The platform on one machine: its servers up, down, and what they and the pilots are doing."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from flows.console import say, step, table
from flows.instants import in_seoul
from flows.server import running, stop, together
from flows.services import mlflow_service, prefect_service
from flows.settings import Settings


def stay_up(settings: Settings) -> None:
    """Start both servers, say where they are, and hold them until Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with ExitStack() as stack:
            with step("servers ready"):
                addresses = stack.enter_context(together(prefect_service(settings), mlflow_service(settings)))
            for name, address in addresses.items():
                say(f"{name:8} {address}")
            say("Every command in this project uses them. Ctrl-C stops both.")
            signal.pause()
    except KeyboardInterrupt:
        say("stopped")


def take_down(settings: Settings) -> None:
    """Stop each server of this project, whoever uses it."""
    for service in (prefect_service(settings), mlflow_service(settings)):
        was = running(service)
        stop(service, even_if_used=True)
        say(f"{service.name}: {'stopped' if was else 'was not running'}")


def show_status(settings: Settings) -> None:
    """The servers' addresses, and when each stage of each pilot last left something."""
    services = (prefect_service(settings), mlflow_service(settings))
    table("servers", [{"server": s.name, "address": running(s) or "not running"} for s in services])
    pilots = sorted(path.parent.name for path in settings.pilots.glob("*/pilot.yaml"))
    table("pilots", [_pilot_row(settings.state, pilot) for pilot in pilots])


def _pilot_row(state: Path, pilot: str) -> dict[str, str]:
    marks = {
        "ingest": state / "last" / pilot / "ingest.json",
        "train": state / "last" / pilot / "train.json",
        "score": state / "scores" / pilot / "scores.json",
        "report": state / "report" / pilot / "index.html",
    }
    return {"pilot": pilot, **{stage: _when(path) for stage, path in marks.items()}}


def _when(path: Path) -> str:
    return in_seoul(datetime.fromtimestamp(path.stat().st_mtime, UTC)) if path.is_file() else "never"
