"""Keeps one server alive exactly as long as somebody uses it. Run as a script, standard library only:

    python keeper.py FOLDER PORT COMMAND...

It goes to the background by itself, and returns as soon as it holds its lock and FOLDER/server.json says who it is.
Everyone who uses the server holds a shared lock on FOLDER/users.lock; the kernel frees it however they end, kill -9
included. When nobody holds it any more, or on SIGTERM, the keeper stops the server's whole process group and ends; on
Linux also what the server started in sessions of its own, as Prefect's worker does with every run.
The keeper itself holds FOLDER/keeper.lock: whoever can take that one knows that no server of this folder is left.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

POLL_SECONDS = 0.5
STOP_SECONDS = 10.0
CLAIM_SECONDS = 2.0
ALREADY_KEPT = 3


def take(path: Path, kind: int) -> IO[str] | None:
    """The open, locked file, or None when somebody else's lock is in the way and `kind` has LOCK_NB."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a")
    try:
        fcntl.flock(file, kind)
    except BlockingIOError:
        file.close()
        return None
    return file


def _die_with_parent() -> None:
    """Linux: the kernel stops the server should the keeper be killed. Elsewhere it goes without."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def _adopt_orphans() -> None:
    """Linux: whoever loses its parent below the keeper becomes the keeper's child, so that it can be found."""
    if sys.platform == "linux":
        pr_set_child_subreaper = 36
        ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1)


def _stop(server: subprocess.Popen[bytes]) -> None:
    """End the process group and all descendants: politely, then after STOP_SECONDS for good."""
    for ending in (signal.SIGTERM, signal.SIGKILL):
        for pid in _descendants():
            _signal(os.kill, pid, ending)
        _signal(os.killpg, server.pid, ending)
        until = time.monotonic() + STOP_SECONDS
        while time.monotonic() < until:
            server.poll()  # reap the leader, or its group would never be empty
            if not _signal(os.killpg, server.pid, 0) and not _descendants():
                return
            time.sleep(0.05)


def _signal(how: Callable[[int, int], None], pid: int, number: int) -> bool:
    try:
        how(pid, number)
    except ProcessLookupError:
        return False
    return True


def _descendants() -> list[int]:
    """Every living process below this one, children of children too; none where there is no /proc."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text(errors="replace").rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            parents[int(stat.parent.name)] = int(parent)
    found = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found and pid not in found}:
        found |= more
    return sorted(found - {os.getpid()})


def _claim(path: Path) -> IO[str] | None:
    """The keeper's own lock. Somebody who merely looks whether it is taken holds it for an instant: ask again."""
    until = time.monotonic() + CLAIM_SECONDS
    while time.monotonic() < until:
        kept = take(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if kept is not None:
            return kept
        time.sleep(0.01)
    return None


def start(folder: Path, port: int, command: list[str]) -> int:
    """Claim the folder, then keep the server in a process of its own that nobody has to wait for."""
    kept = _claim(folder / "keeper.lock")
    if kept is None:
        return ALREADY_KEPT
    keeper = os.fork()  # the lock goes along
    if keeper:
        draft = folder / "server.json.new"
        draft.write_text(json.dumps({"pid": keeper, "port": port}), encoding="utf-8")
        draft.replace(folder / "server.json")
        return 0
    keep(folder, command)
    return 0


def keep(folder: Path, command: list[str]) -> None:
    """Run `command` until it ends, nobody uses it any more, or a signal asks for the end."""
    asked: list[int] = []
    for ending in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(ending, lambda number, _frame: asked.append(number))
    _adopt_orphans()
    server = subprocess.Popen(command, process_group=0, preexec_fn=_die_with_parent)
    try:
        while server.poll() is None and not asked:
            unused = take(folder / "users.lock", fcntl.LOCK_EX | fcntl.LOCK_NB)
            if unused is not None:
                break  # and hold it until this process ends, so that a newcomer waits until the server is gone
            time.sleep(POLL_SECONDS)
    finally:
        _stop(server)


if __name__ == "__main__":
    sys.exit(start(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
