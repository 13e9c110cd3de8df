"""One line a flow and pilot: when it last began, ended and how; and never two of the same at a time.

Kept by the flows and by `--direct` alike, beside Prefect's own record, so that `foresafe status` can answer while no
server runs, and so that a person's training and a scheduled one do not write into the same folder.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from contracts.errors import ForesafeError
from flows.documents import write_json
from flows.each import Outcome
from flows.instants import in_seoul, now
from flows.keeper import take
from flows.outputs import Outputs

RUNNING, DONE, PARTLY, REFUSED, FAILED, KILLED = "running", "done", "partly", "refused", "failed", "killed"


@dataclass(frozen=True)
class Entry:
    """state: one of the words above. words: what was refused or went wrong. run: Prefect's id; empty for --direct."""

    began_at: datetime
    ended_at: datetime | None = None
    state: str = RUNNING
    words: str = ""
    run: str = ""
    pid: int = 0

    @property
    def seconds(self) -> float | None:
        return None if self.ended_at is None else (self.ended_at - self.began_at).total_seconds()


class Noted:
    """What the run itself says of how it went; all is well unless it says so."""

    def __init__(self) -> None:
        self.refused: list[str] = []
        self.all = False

    def outcomes(self, outcomes: Sequence[Outcome]) -> None:
        """Some of them may have been refused while the others went on."""
        self.refused = [outcome.name for outcome in outcomes if outcome.refused]
        self.all = len(self.refused) == len(outcomes)


@contextmanager
def journaled(outputs: Outputs, flow: str, *, run: str = "") -> Iterator[Noted]:
    """Hold the flow's place for this block, and note how the block ends.

    Raises:
        ForesafeError: the same flow of the same pilot runs already.
    """
    path = outputs.last(f"{flow}.run")
    lock = take(path.with_suffix(".lock"), fcntl.LOCK_EX | fcntl.LOCK_NB)
    if lock is None:
        entry = read_entry(outputs, flow)
        since = f" since {in_seoul(entry.began_at)}, process {entry.pid}" if entry else ""
        raise ForesafeError(
            f"{flow} of {outputs.pilot} runs already{since}",
            where=str(path.parent),
            fix="wait for it or stop it",
        )
    with lock:
        entry, noted = Entry(began_at=now(), run=run, pid=os.getpid()), Noted()
        _write(path, entry)
        try:
            yield noted
        except BaseException as fault:
            state = REFUSED if isinstance(fault, ForesafeError) else FAILED
            _write(path, replace(entry, ended_at=now(), state=state, words=str(fault) or type(fault).__name__))
            raise
        state = DONE if not noted.refused else REFUSED if noted.all else PARTLY
        _write(path, replace(entry, ended_at=now(), state=state, words=", ".join(noted.refused)))


def read_entry(outputs: Outputs, flow: str) -> Entry | None:
    """The last run of a flow, or None where it never ran. One that nobody holds the place of any more was killed."""
    path = outputs.last(f"{flow}.run")
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    times = {key: kept[key] and datetime.fromisoformat(kept[key]) for key in ("began_at", "ended_at")}
    entry = Entry(**{**kept, **times})
    return replace(entry, state=KILLED) if entry.state == RUNNING and not _held(path) else entry


def _held(path: Path) -> bool:
    free = take(path.with_suffix(".lock"), fcntl.LOCK_EX | fcntl.LOCK_NB)
    if free is not None:
        free.close()
    return free is None


def _write(path: Path, entry: Entry) -> None:
    write_json(path, asdict(entry))
