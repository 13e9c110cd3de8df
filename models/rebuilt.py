"""Two model folders, file by file: are they the same bytes, and if not, what differs first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from models.pyfunc import MANIFEST

SHOWN = 60  # characters of a differing value


@dataclass(frozen=True)
class FileComparison:
    """difference: what differs first, in words; empty where the bytes are the same."""

    file: str
    difference: str


def compare_models(registered: Path, rebuilt: Path) -> tuple[FileComparison, ...]:
    """Every file of either folder; the manifest last, as it only repeats what the others say."""
    names = {path.name for folder in (registered, rebuilt) for path in folder.iterdir()}
    return tuple(
        FileComparison(name, _difference(registered / name, rebuilt / name))
        for name in sorted(names, key=lambda name: (name == MANIFEST, name))
    )


def _difference(registered: Path, rebuilt: Path) -> str:
    for path, which in ((registered, "registered"), (rebuilt, "rebuilt")):
        if not path.is_file():
            return f"the {which} model has no such file"
    before, after = registered.read_bytes(), rebuilt.read_bytes()
    if before == after:
        return ""
    if registered.suffix == ".json":
        found = next(_json_differences(json.loads(before), json.loads(after), ""), "the same values, written otherwise")
        return found
    lines = zip_longest(before.splitlines(), after.splitlines(), fillvalue=b"")
    number, was, now = next((i, was, now) for i, (was, now) in enumerate(lines, 1) if was != now)
    return f"line {number}: registered {_short(was.decode())}, rebuilt {_short(now.decode())}"


def _json_differences(was: Any, now: Any, place: str) -> Iterator[str]:
    if isinstance(was, dict) and isinstance(now, dict):
        for key in sorted({*was, *now}):
            yield from _json_differences(was.get(key), now.get(key), f"{place}.{key}" if place else key)
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for position, (one, other) in enumerate(zip(was, now, strict=True)):
            yield from _json_differences(one, other, f"{place}[{position}]")
    elif was != now:
        yield f"{place}: registered {_short(json.dumps(was))}, rebuilt {_short(json.dumps(now))}"


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
