"""Servers start, are shared, and are gone afterwards, however the command that used them ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.errors import ForesafeError, NotFound
from flows.server import Use, answers, conductor, read_record, running, stop, together
from flows.services import Service, mlflow_service, prefect_service
from flows.settings import Settings


def settings_in(folder: Path, prefect_url: str | None = None) -> Settings:
    database = f"sqlite:///{folder / 'mlflow' / 'mlflow.db'}"
    (folder / "mlflow").mkdir(parents=True, exist_ok=True)
    return Settings(home=folder, state=folder, shared=folder, mlflow_uri=database, prefect_url=prefect_url)


def pages(folder: Path, *, port: str = "{port}") -> Service:
    """The standard library's file server: it starts in 0.1 s, so that the mechanics are tested many times."""
    command = (sys.executable, "-m", "http.server", "--bind", "127.0.0.1", port)
    return Service(name="pages", folder=folder, command=command, environment={}, health="/")


def gone(address: str, within_seconds: float = 60) -> bool:
    return until(lambda: not answers(address), within_seconds)


def until(happens: Callable[[], bool], within_seconds: float = 60) -> bool:
    end = time.monotonic() + within_seconds
    while time.monotonic() < end:
        if happens():
            return True
        time.sleep(0.1)
    return False


def test_the_last_one_out_stops_the_server(tmp_path: Path) -> None:
    service = pages(tmp_path)
    with Use(service) as first:
        address = first.address()
        with Use(service) as second:
            assert second.address() == address, "a running server is shared"
        assert answers(address), "it outlives one of its users"
        assert running(service) == address
    assert gone(address, 1)
    assert running(service) is None


def test_an_exception_stops_the_server(tmp_path: Path) -> None:
    addresses = []

    def interrupted() -> None:
        with Use(pages(tmp_path)) as use:
            addresses.append(use.address())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert gone(addresses[0], 1)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_orphans_when_the_command_is_killed(tmp_path: Path, ending: signal.Signals) -> None:
    script = (
        "import sys, time; from pathlib import Path; from flows.server import Use; from flows.services import Service;"
        "s = Service('pages', Path(sys.argv[1]), (sys.executable, '-m', 'http.server', '--bind', '127.0.0.1',"
        " '{port}'), {}, '/');\nwith Use(s) as use: print(use.address(), flush=True); time.sleep(60)"
    )
    command = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    with command:
        assert command.stdout is not None
        address = command.stdout.readline().strip()
        assert answers(address)
        command.send_signal(ending)
        command.wait(60)
    assert gone(address)


@pytest.mark.skipif(sys.platform != "linux", reason="a killed keeper takes its server along on Linux only")
def test_a_killed_keeper_leaves_a_stale_record_that_is_ignored(tmp_path: Path) -> None:
    service = pages(tmp_path)
    with Use(service) as use:
        old = use.address()
        record = read_record(service)
        assert record is not None
        os.kill(record.pid, signal.SIGKILL)
        assert gone(old)
        with Use(service) as again:
            assert answers(again.address()), "a stale record does not stand in the way"


def test_a_torn_record_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "server.json").write_text('{"pid": 1')
    with Use(pages(tmp_path)) as use:
        assert answers(use.address())


def test_down_stops_a_server_in_use(tmp_path: Path) -> None:
    service = pages(tmp_path)
    with Use(service) as use:
        address = use.address()
        assert stop(service, even_if_used=True)
        assert gone(address, 1)


def test_a_server_that_cannot_start_is_one_readable_error(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        service = pages(tmp_path, port=str(taken.getsockname()[1]))
        with (
            pytest.raises(ForesafeError, match=r"pages server was not healthy.*Address already in use"),
            Use(service) as use,
        ):
            use.address()


def test_a_named_server_that_does_not_answer_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(NotFound, match="no Prefect server answers"),
        conductor(settings_in(tmp_path, "http://127.0.0.1:9/api")),
    ):
        pass


@pytest.mark.slow
def test_prefect_and_mlflow_really_start_together_and_stop(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with together(prefect_service(settings), mlflow_service(settings)) as addresses:
        assert answers(addresses["Prefect"] + "/api/health")
        assert answers(addresses["MLflow"] + "/health")
        with conductor(settings) as api:
            assert api == addresses["Prefect"] + "/api", "a command uses the platform that is up"
        named = settings_in(tmp_path, api)
        with conductor(named) as same:
            assert same == api
    assert gone(addresses["Prefect"] + "/api/health", 1)
    assert gone(addresses["MLflow"] + "/health", 1)


def test_a_taken_port_is_named_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        service = replace(pages(tmp_path), port=port)
        with pytest.raises(ForesafeError, match=rf"the pages server: port {port} is taken.*--port"), Use(service):
            pass
    with Use(service) as use:
        assert use.address() == f"http://127.0.0.1:{port}", "free again, it is taken"


@pytest.mark.skipif(sys.platform != "linux", reason="adopting orphans is Linux's")
def test_what_a_server_starts_in_a_session_of_its_own_ends_with_it(tmp_path: Path) -> None:
    """As Prefect's worker does with every run."""
    script = (
        "import subprocess, sys; from pathlib import Path;"
        "p = subprocess.Popen(['sleep', '60'], start_new_session=True);"
        "Path(sys.argv[1]).write_text(str(p.pid));"
        "import http.server as h; h.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[2])),"
        " h.SimpleHTTPRequestHandler).serve_forever()"
    )
    command = (sys.executable, "-c", script, str(tmp_path / "pid"), "{port}")
    with Use(replace(pages(tmp_path), command=command)) as use:
        use.address()
        child = Path(f"/proc/{(tmp_path / 'pid').read_text()}/stat")
        assert child.is_file()
    assert not child.is_file() or ") Z " in child.read_text(), "ended, if perhaps not yet buried"


def test_a_server_that_died_comes_back_on_its_port(tmp_path: Path) -> None:
    service = pages(tmp_path)
    with Use(service) as use:
        address = use.address()
        record = read_record(service)
        assert record is not None
        os.kill(record.pid, signal.SIGKILL)
        assert gone(address)
        assert use.gone()
        assert use.again() == address


@pytest.mark.skipif(sys.platform != "linux", reason="a killed keeper takes its server along on Linux only")
def test_a_server_that_is_slow_to_die_is_waited_for(tmp_path: Path) -> None:
    """Its keeper is gone, but it shuts down in its own time and still listens: Prefect's takes seconds."""
    script = (
        "import http.server as h, signal, sys, time;"
        "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(1.5), sys.exit()));"
        "h.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), h.SimpleHTTPRequestHandler).serve_forever()"
    )
    service = replace(pages(tmp_path), command=(sys.executable, "-c", script, "{port}"))
    with Use(service) as use:
        address = use.address()
        record = read_record(service)
        assert record is not None
        os.kill(record.pid, signal.SIGKILL)
        assert until(use.gone)
        assert use.again() == address
