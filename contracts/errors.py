"""Everything that Foresafe refuses, as exceptions.

ForesafeError
├── BadPilot          pilot.yaml or params.yaml is unsound
├── BadContract       a feed's data contract is unsound, or contradicts its pilot
├── BadSource         a feed's files are missing, empty or unreadable
│   └── Unreachable   whoever has them does not answer: it may pass
├── BadTable          a table does not have the columns, types or limits of its spec
├── NotEnoughData     too few rows, incidents, classes or ripe labels for what was asked
└── NotFound          no such pilot, model, version, batch, run or alias

Each carries what a person needs in order to act: what was wrong, where, what is allowed, the likely cause,
and what to do. The command line prints `str(error)` and exits with code 2.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class ForesafeError(Exception):
    """A refusal that a person can act on.

    Args:
        what: the fault itself, with the value that was got.
        where: file, row, column, feed or key.
        allowed: what would have been accepted.
        cause: the likely cause.
        fix: what to do now.
    """

    def __init__(self, what: str, *, where: str = "", allowed: str = "", cause: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.allowed, self.cause, self.fix = what, where, allowed, cause, fix

    def __str__(self) -> str:
        parts = [
            f"{self.where}: {self.what}" if self.where else self.what,
            f"allowed: {self.allowed}" if self.allowed else "",
            f"likely cause: {self.cause}" if self.cause else "",
            f"do: {self.fix}" if self.fix else "",
        ]
        return "; ".join(part for part in parts if part)

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.what, self.where, self.allowed, self.cause, self.fix))


def _rebuild(kind: type[ForesafeError], what: str, where: str, allowed: str, cause: str, fix: str) -> ForesafeError:
    return kind(what, where=where, allowed=allowed, cause=cause, fix=fix)


class BadPilot(ForesafeError):
    """pilot.yaml or params.yaml is unsound."""


class BadContract(ForesafeError):
    """A feed's data contract is unsound, or contradicts its pilot."""


class BadSource(ForesafeError):
    """A feed's files are missing, empty or unreadable as a whole."""


class Unreachable(BadSource):
    """Whoever has a feed's files does not answer, or not to the end: trying again may help."""


class BadTable(ForesafeError):
    """A table does not have the columns, types or limits of its spec."""


class NotEnoughData(ForesafeError):
    """Too few rows, incidents, classes or ripe labels for what was asked."""


class NotFound(ForesafeError):
    """No such pilot, model, version, batch, run or alias."""


def nearest(name: str, known: Iterable[str]) -> str:
    """`did you mean 'wind_speed'? known: a, b, c` for an error about an unknown name."""
    options = sorted(known)
    close = get_close_matches(name, options, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}known: {', '.join(options) or 'none'}"
