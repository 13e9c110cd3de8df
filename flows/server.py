"""Local servers as child processes: Prefect's with its SQLite, and MLflow's pages. No orphans, no pid guessing.

Prefect's own ephemeral server loses run records silently (126 of 204 task runs kept), so a real one is started,
and shared by every command that runs meanwhile: see keeper.py for how the last one out stops it.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from contracts.errors import ForesafeError, NotFound
from flows.keeper import STOP_SECONDS, take
from flows.services import Service, prefect_service
from flows.settings import Settings, child_environment

START_SECONDS = 180.0  # 4 s on an idle machine, 11 s cold, far more on a busy one
_TRIES = 3  # a port that was free may be taken by the time the server binds it


@dataclass(frozen=True)
class Record:
    """What the state folder remembers of a running server."""

    pid: int
    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Use:
    """One user's hold on a service: the server runs at least as long as this is open.

    Opening it starts the server where none runs, and does not wait; `address` does.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._hold: IO[str] | None = None

    def __enter__(self) -> Use:
        self._hold = take(self._service.folder / "users.lock", fcntl.LOCK_SH)
        try:
            _start_if_none(self._service)
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Leave; the last one to leave stops the server and waits until it is gone."""
        self._leave()
        stop(self._service)

    def address(self, timeout_seconds: float = START_SECONDS) -> str:
        """`http://127.0.0.1:PORT` of the healthy server.

        Raises:
            ForesafeError: it did not become healthy in time.
        """
        until = time.monotonic() + timeout_seconds
        tries = 1
        while time.monotonic() < until:
            address = running(self._service)
            if address is not None:
                return address
            if not _alive(self._service):
                if tries == _TRIES:
                    break
                tries += 1
                _start_if_none(self._service)
            time.sleep(0.1)
        raise _not_started(self._service, timeout_seconds)

    def gone(self) -> bool:
        """Whether nothing is left of the server, not even one that does not answer."""
        return not _alive(self._service)

    def again(self) -> str:
        """Stop what is left of the server, start it anew on the port where others look for it; as `address`.

        A server whose keeper was killed goes on listening for a moment, or as long as it takes to shut down.
        """
        record = read_record(self._service)
        stop(self._service, even_if_used=True)
        self._service = replace(self._service, port=record.port if record else self._service.port)
        _until(lambda: not self._service.port or _free(self._service.port))
        _start_if_none(self._service)
        return self.address()

    def _leave(self) -> None:
        if self._hold is not None:
            self._hold.close()


def _start_if_none(service: Service) -> None:
    lock = take(service.folder / "start.lock", fcntl.LOCK_EX)
    try:
        if not _alive(service):
            _launch(service)
    finally:
        if lock is not None:
            lock.close()


def _launch(service: Service) -> None:
    """Start a keeper on a free port; it holds its lock when this returns."""
    port = _free_port() if service.port is None else _require_free(service)
    script = str(Path(__file__).with_name("keeper.py"))
    command = [part.format(port=port) for part in service.command]
    with (service.folder / "server.log").open("wb") as log:
        subprocess.run(
            [sys.executable, "-I", script, str(service.folder), str(port), *command],
            env=child_environment(service.environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the command, which then leaves in order
            check=True,
        )


def stop(service: Service, *, even_if_used: bool = False) -> bool:
    """Stop the server if nobody else uses it (or regardless), wait until it is gone; whether it is gone."""
    unused = take(service.folder / "users.lock", fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        if unused is None and not even_if_used:
            return False
        record = read_record(service)
        if record and _alive(service):
            os.kill(record.pid, signal.SIGTERM)
            _until(lambda: not _alive(service))
        (service.folder / "server.json").unlink(missing_ok=True)
        return not _alive(service)
    finally:
        if unused is not None:
            unused.close()


def running(service: Service) -> str | None:
    """The address of the service's server if one runs and is healthy; never starts one."""
    record = read_record(service)
    healthy = record and _alive(service) and answers(record.address + service.health)
    return record.address if record and healthy else None


def answers(url: str) -> bool:
    """Whether an HTTP GET gets a 2xx within two seconds."""
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return bool(200 <= reply.status < 300)
    except (OSError, ValueError):
        return False


@contextmanager
def conductor(settings: Settings) -> Iterator[str]:
    """The API address of a Prefect server: the one that PREFECT_API_URL names, or a local one while this is open."""
    if settings.prefect_url is not None:
        yield require(settings.prefect_url)
        return
    with Use(prefect_service(settings)) as use:
        yield use.address() + "/api"


def require(url: str) -> str:
    """`url`, when a Prefect server answers there."""
    if not answers(url.rstrip("/") + "/health"):
        raise NotFound(
            "no Prefect server answers",
            where=f"PREFECT_API_URL={url}",
            cause="the server is down, or the address is wrong",
            fix="start it, or unset PREFECT_API_URL to have a local one started",
        )
    return url


@contextmanager
def together(*services: Service) -> Iterator[dict[str, str]]:
    """Several servers started side by side; name -> address."""
    with ExitStack() as stack:
        uses = {service.name: stack.enter_context(Use(service)) for service in services}
        yield {name: use.address() for name, use in uses.items()}


def read_record(service: Service) -> Record | None:
    """What the folder remembers, or None; a torn file counts as none."""
    try:
        return Record(**json.loads((service.folder / "server.json").read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _alive(service: Service) -> bool:
    """Whether a keeper runs for this folder: its lock is taken. A recorded pid alone proves nothing."""
    free = take(service.folder / "keeper.lock", fcntl.LOCK_EX | fcntl.LOCK_NB)
    if free is not None:
        free.close()
    return free is None


def _until(ended: Callable[[], bool]) -> None:
    """Wait for something that ends, at most as long as a keeper takes to end a server that does not want to."""
    until = time.monotonic() + 2 * STOP_SECONDS + 1
    while not ended() and time.monotonic() < until:
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _require_free(service: Service) -> int:
    """The port that the service must have.

    Raises:
        ForesafeError: somebody else listens there.
    """
    port = service.port or 0
    if not _free(port):
        raise ForesafeError(
            f"port {port} is taken",
            where=f"the {service.name} server",
            cause="another program listens there, perhaps another platform",
            fix="choose others with `foresafe up --port FIRST`, or none for any that are free",
        )
    return port


def _free(port: int) -> bool:
    """Whether nobody listens there; what is left of closed connections does not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _not_started(service: Service, seconds: float) -> ForesafeError:
    log = service.folder / "server.log"
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.is_file() else []
    return ForesafeError(
        f"the {service.name} server was not healthy within {seconds:.0f} s",
        where=str(log),
        cause=lines[-1].strip() if lines else "the machine is too busy",
        fix="read that log; `foresafe down` clears a half-dead server",
    )
