"""Shared by all tests: where the real data sets are, and which files go to one worker."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadFileScheduling

TOGETHER = {  # files that share what takes long to make: see tests/integration/conftest.py
    "test_monitor.py": "small city",
    "test_notebooks.py": "small city",
    "test_rebuild.py": "short city",
    "test_tune_and_backtest.py": "short city",
}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    """A file's tests go to one worker, and so do the files of one group, whatever `--dist` says. (xdist's own groups
    put nothing together with pytest 9.2: pytest-dev/pytest-xdist#1386.)"""
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return TOGETHER.get(Path(file).name, file)

    return Together(config, log)


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
