"""`foresafe up` runs real servers until Ctrl-C; `foresafe down` ends them from elsewhere; nothing stays behind."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from flows.server import answers
from tests.integration.checkout import Checkout, environment, small_checkout

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
READY_SECONDS = 240


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return small_checkout(tmp_path_factory.mktemp("platform") / "foresafe")


def started(home: Path) -> tuple[subprocess.Popen[str], list[str]]:
    """The running command, and the addresses that it printed."""
    command = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "up"],
        cwd=home,
        env=environment({"PYTHONUNBUFFERED": "1"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    watch = threading.Timer(READY_SECONDS, command.kill)
    watch.start()
    said = ""
    assert command.stdout is not None
    for line in command.stdout:
        said += line
        if "Ctrl-C" in line:
            break
    watch.cancel()
    return command, re.findall(r"http://127\.0\.0\.1:\d+", said)


def test_ctrl_c_stops_both_servers(checkout: Checkout) -> None:
    command, addresses = started(checkout.home)
    with command:
        assert [answers(f"{addresses[0]}/api/health"), answers(f"{addresses[1]}/health")] == [True, True]
        assert addresses[0] in checkout.foresafe("status").stdout
        command.send_signal(signal.SIGINT)
        assert command.wait(60) == 0
    assert not any(answers(address) for address in addresses)


def test_down_ends_the_platform_and_its_command(checkout: Checkout) -> None:
    command, addresses = started(checkout.home)
    with command:
        said = checkout.foresafe("down").stdout
        assert "Prefect: stopped" in said
        assert "MLflow: stopped" in said
        assert not any(answers(address) for address in addresses)
        assert command.wait(60) == 0
