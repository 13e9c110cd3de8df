"""Processes of their own in which a model must load and score. Imports neither MLflow nor LightGBM."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from contracts.errors import BadSource

FRESH_CHECK = Path(__file__).with_name("fresh_check.py")
FRESH_TIMEOUT_SECONDS = 180


class FreshProcess:
    """Started at once, so that it imports what it needs while its caller fetches the model. A context manager."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-I", str(FRESH_CHECK), *arguments]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd="/")

    def __enter__(self) -> FreshProcess:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def judge(self, name: str, *, given: tuple[Path, Path] | None = None) -> None:
        """Wait for its verdict. `given`: the packed model's folder and the golden file, where it waits for them.

        Raises:
            BadSource: the model does not load, or scores otherwise than when the golden file was written.
        """
        line = None if given is None else json.dumps([str(path) for path in given]) + "\n"
        try:
            out, err = self._process.communicate(line, timeout=FRESH_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired as fault:
            raise _unfit(name, f"it did not load within {FRESH_TIMEOUT_SECONDS} s") from fault
        if self._process.returncode != 0:
            code = f"exit code {self._process.returncode}"
            raise _unfit(name, out.strip() or (err.strip().splitlines() or [code])[-1])


def _unfit(name: str, what: str) -> BadSource:
    return BadSource(
        f"the model fails in a fresh process: {what}",
        where=name,
        allowed="the same scores for every golden row",
        fix="no alias was moved; the champion stays",
    )
