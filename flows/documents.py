"""JSON and text files: whole or not at all. Apart from artefacts.py, whose tables cost half a second to import."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from contracts.errors import NotFound


def write_json(path: Path, content: object) -> None:
    """UTF-8, indented, keys as given; whole or not at all."""
    write_text(path, json.dumps(content, ensure_ascii=False, indent=1, default=_instant) + "\n")


def write_text(path: Path, text: str) -> None:
    """UTF-8; whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def read_json(path: Path, *, made_by: str) -> Any:
    """The file's content.

    Raises:
        NotFound: no such file; names the stage that makes it.
    """
    if not path.is_file():
        raise NotFound(f"no {path.name}", where=str(path.parent), fix=f"run the {made_by} stage first")
    return json.loads(path.read_text(encoding="utf-8"))


def _instant(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON")
