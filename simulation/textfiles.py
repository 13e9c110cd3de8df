"""Monthly text files with the broken rows that real ones have, each remembered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import polars as pl

from simulation.faults import Fault

ROWS_PER_BROKEN = 20_000  # one broken row of each kind in so many rows, at least one a file
ROWS_PER_DUPLICATE = 4_000

Break = Literal["text_in_number", "impossible_date", "missing_id", "control_byte", "out_of_range"]
BREAKS: tuple[Break, ...] = ("text_in_number", "impossible_date", "missing_id", "control_byte", "out_of_range")


@dataclass(frozen=True)
class Shape:
    """Which columns a break may hit: `identity` is empty where the file has no such column."""

    time: str
    number: str
    identity: str = ""
    out_of_range: str = "99999999"
    impossible_date: str = "2025-02-30 25:61"


class Form(Protocol):
    """How a row is written as one line."""

    def replace(self, line: str, column: str, value: str) -> str:
        """The line with this column's value replaced by text."""
        ...

    def value(self, line: str, column: str) -> str:
        """This column's value as text."""
        ...


@dataclass(frozen=True)
class CsvForm:
    """Comma-separated without quotes."""

    columns: tuple[str, ...]

    def replace(self, line: str, column: str, value: str) -> str:
        fields = line.split(",")
        fields[self.columns.index(column)] = value
        return ",".join(fields)

    def value(self, line: str, column: str) -> str:
        return line.split(",")[self.columns.index(column)]


@dataclass(frozen=True)
class JsonForm:
    """One JSON object a line."""

    def replace(self, line: str, column: str, value: str) -> str:
        sent = float(value) if value.isdecimal() else value
        return json.dumps({**json.loads(line), column: sent}, ensure_ascii=False, separators=(",", ":"))

    def value(self, line: str, column: str) -> str:
        return str(json.loads(line)[column])


def csv_lines(frame: pl.DataFrame) -> tuple[str, list[str]]:
    """Header and data lines."""
    header, *lines = frame.write_csv().splitlines()
    return header, lines


def json_lines(frame: pl.DataFrame) -> list[str]:
    return frame.write_ndjson().splitlines()


def spoil(
    lines: Sequence[str],
    form: Form,
    shape: Shape,
    *,
    partner: str,
    feed: str,
    file: str,
    generator: np.random.Generator,
) -> tuple[list[str], list[Fault]]:
    """The lines with some broken in place and some repeated at the end. Row numbers of other lines do not move."""
    out = list(lines)
    faults: list[Fault] = []
    breaks = [kind for kind in BREAKS if kind != "missing_id" or shape.identity]
    each = max(1, len(lines) // ROWS_PER_BROKEN)
    doubled = max(1, len(lines) // ROWS_PER_DUPLICATE)
    wanted = min(each * len(breaks) + doubled, len(lines) // 4)
    chosen = generator.permutation(len(lines))[:wanted]
    for turn, row in enumerate(chosen[: each * len(breaks)]):
        kind = breaks[turn % len(breaks)]
        out[row] = _broken(lines[row], kind, form, shape)
        faults.append(Fault(partner, feed, kind, out[row], file=file, row=int(row) + 1))
    for row in chosen[each * len(breaks) :]:
        out.append(lines[row])
        faults.append(Fault(partner, feed, "duplicate_row", f"row {row + 1} again", file=file, row=len(out)))
    return out, faults


def _broken(line: str, kind: Break, form: Form, shape: Shape) -> str:
    number = form.value(line, shape.number)
    column, value = {
        "text_in_number": (shape.number, "점검중"),
        "impossible_date": (shape.time, shape.impossible_date),
        "missing_id": (shape.identity, ""),
        "control_byte": (shape.number, f"{number[:1]}\x00{number[1:]}"),
        "out_of_range": (shape.number, shape.out_of_range),
    }[kind]
    return form.replace(line, column, value)
