"""Records as lines of JSON: appended once each, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from flows.documents import write_text

Record = Mapping[str, Any]


def read_records(path: Path) -> list[dict[str, Any]]:
    """Every record, oldest first; none where there is no file."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def append_records(path: Path, records: Iterable[Record]) -> list[Record]:
    """Append those whose `key` is not there yet; these."""
    lines = path.read_text(encoding="utf-8") if path.is_file() else ""
    there = {json.loads(line)["key"] for line in lines.splitlines() if line}
    fresh = [record for record in records if record["key"] not in there]
    if fresh:
        added = "".join(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n" for record in fresh)
        write_text(path, lines + added)
    return fresh
