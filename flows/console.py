"""What the terminal shows: progress, short tables, one-line refusals. Readable in a log file as well."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_LOG_WIDTH = 160  # of what is written to a file or a pipe
OUT = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _LOG_WIDTH)
ERR = Console(stderr=True, highlight=False, soft_wrap=True)
CELL_WIDTH = 240


def say(line: str) -> None:
    OUT.print(Text(line))


def refuse(line: str) -> None:
    """One line on stderr, whatever the refusal's own line breaks."""
    ERR.print(Text("refused: " + " ".join(line.split()), style="red"))


def table(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """A short table; columns that are empty throughout are left out. Without a terminal, as wide as it needs."""
    if not rows:
        say(f"{title}: none")
        return
    shown = [key for key in rows[0] if any(row[key] not in ("", None) for row in rows)]
    grid = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for key in shown:
        right = all(isinstance(row[key], int | float) for row in rows)
        grid.add_column(key.replace("_", " "), justify="right" if right else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(Text(cell(row[key])) for key in shown))
    OUT.print(grid, soft_wrap=False)


def cell(value: object) -> str:
    """Numbers at four digits, thousands apart; long text cut."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: ""}[value]
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 9_999.5 else f"{value:,.0f}"
    if isinstance(value, int):
        return f"{value:,}"
    text = " / ".join(str(value).splitlines())
    return text if len(text) <= CELL_WIDTH else text[: CELL_WIDTH - 1] + "…"


@contextmanager
def step(words: str, *, budget_seconds: float | None = None) -> Iterator[None]:
    """Says what is being done, then how long it took; a spinner between on a terminal."""
    began = time.monotonic()
    allowed = "" if budget_seconds is None else f" (at most {budget_seconds:.0f} s)"
    with OUT.status(f"{words}{allowed} …"):
        yield
    took = time.monotonic() - began
    late = budget_seconds is not None and took > budget_seconds
    say(f"{'!' if late else '✓'} {words}: {took:.1f} s{f', over its {budget_seconds:.0f} s' if late else ''}")
