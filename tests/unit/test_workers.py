"""Which test files come first: a name that is none would be last, and not seen."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import LONG

TESTS = Path(__file__).resolve().parents[1]


def test_every_long_file_is_there_once() -> None:
    names = [path.name for path in TESTS.rglob("test_*.py")]
    assert [name for name in LONG if names.count(name) != 1] == []
