"""Shared by all tests: where the real data sets are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def shared_folder() -> Path:
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("FORESAFE_DATA", default))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real data sets; a test that needs one is skipped where they are absent."""
    folder = shared_folder()
    if not folder.is_dir():
        pytest.skip(f"real data sets are not at {folder}; set FORESAFE_DATA to run this test")
    return folder
