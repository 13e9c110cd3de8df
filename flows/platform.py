"""The platform on one machine: its servers and its worker up, kept up, and down."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace

from contracts.errors import ForesafeError
from flows.console import say, step
from flows.keeper import take
from flows.server import Use, require, running, stop
from flows.services import Service, mlflow_service, pages_service, prefect_service, worker_service
from flows.settings import Settings

LOOK_SECONDS = 5.0
_MISSED_LOOKS = 6  # a server that does not answer for half a minute is started anew
_LEAVE_SECONDS = 90.0


def servers(settings: Settings) -> tuple[Service, ...]:
    """The servers that are ours to start: one that the settings name elsewhere is not."""
    ours = [] if settings.prefect_url else [prefect_service(settings)]
    if not settings.mlflow_uri.startswith(("http://", "https://")):
        ours.append(mlflow_service(settings))
    return (*ours, pages_service(settings))


def services(settings: Settings) -> tuple[Service, ...]:
    """Everything that `foresafe up` starts, the worker last; to look at or to stop, not to start."""
    return (*servers(settings), worker_service(settings, api=settings.prefect_url or ""))


def stay_up(settings: Settings, *, first_port: int | None) -> None:
    """Start everything, say where it is, start anew what dies, and end all of it on Ctrl-C or SIGTERM.

    Args:
        first_port: of the servers' and the worker's ports, which follow one another; None for any that are free.

    Raises:
        ForesafeError: it is up already, a port is taken, or a server does not become healthy.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    mark = settings.state / "up.json"
    lock = take(mark.with_suffix(".lock"), fcntl.LOCK_EX | fcntl.LOCK_NB)
    if lock is None:
        raise ForesafeError(
            "the platform is up already",
            where=str(settings.state),
            fix="see `foresafe status`, or `foresafe down` first",
        )
    with lock:
        mark.write_text(json.dumps({"pid": os.getpid()}), encoding="utf-8")
        try:
            with ExitStack() as stack:
                _watch(_start(settings, first_port, stack))
        except KeyboardInterrupt:
            say("stopped")
        finally:
            mark.unlink(missing_ok=True)


def _start(settings: Settings, first_port: int | None, stack: ExitStack) -> list[tuple[Service, Use]]:
    """All of them, healthy: the servers side by side, then the worker, which ends first."""
    started = []
    with step("servers ready"):
        for number, service in enumerate(servers(settings)):
            placed = replace(service, port=first_port and first_port + number)
            started.append((placed, stack.enter_context(Use(placed))))
        addresses = {service.name: use.address() for service, use in started}
    api = require(settings.prefect_url) if settings.prefect_url else addresses["Prefect"] + "/api"
    with step("deployments scheduled"):
        worker = replace(worker_service(settings, api=api), port=first_port and first_port + len(started))
        started.append((worker, stack.enter_context(Use(worker))))
        addresses["Worker"] = started[-1][1].address()
    for name, address in addresses.items():
        say(f"{name:8} {address}")
    for name, address in (("Prefect", settings.prefect_url), ("MLflow", settings.mlflow_uri)):
        if name not in addresses:
            say(f"{name:8} {address} (not ours to stop)")
    say("Every command in this project uses them. Ctrl-C stops them, and so does `foresafe down`.")
    return started


def _watch(started: list[tuple[Service, Use]]) -> None:
    """Until a signal: look at each, and start anew one that is gone or does not answer any more."""
    missed = Counter[str]()
    while True:
        time.sleep(LOOK_SECONDS)
        for service, use in started:
            if running(service):
                missed[service.name] = 0
                continue
            missed[service.name] += 1
            if use.gone() or missed[service.name] >= _MISSED_LOOKS:
                _revive(service, use)
            if service.name == "Prefect":
                break  # the worker cannot do without it


def _revive(service: Service, use: Use) -> None:
    say(f"! {service.name} is gone or does not answer; starting it again")
    try:
        say(f"{service.name:8} {use.again()}")
    except ForesafeError as fault:
        say(f"! {fault}")  # and again at the next look: what is missing may come back


def take_down(settings: Settings) -> None:
    """End the command that keeps the platform up, then each server of this project, whoever uses it."""
    ours = tuple(reversed(services(settings)))  # the worker while its server can still be told
    were = {service.name: bool(running(service)) for service in ours}
    _end_command(settings)
    for service in ours:
        stop(service, even_if_used=True)
        say(f"{service.name}: {'stopped' if were[service.name] else 'was not running'}")


def _end_command(settings: Settings) -> None:
    """Ask `foresafe up`, if it runs, to end, and wait. Its lock tells that it runs; a file left behind does not."""
    mark = settings.state / "up.json"
    until = time.monotonic() + _LEAVE_SECONDS
    asked = False
    while time.monotonic() < until:
        free = take(mark.with_suffix(".lock"), fcntl.LOCK_EX | fcntl.LOCK_NB)
        if free is not None:
            free.close()
            return
        if not asked and mark.is_file():
            asked = True
            os.kill(int(json.loads(mark.read_text(encoding="utf-8"))["pid"]), signal.SIGTERM)
        time.sleep(0.1)
