"""Shared by all tests: where the real data sets are, and which files come first."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# They take a minute or more. The longest comes first, so that no worker is left alone with it at the end; and of two
# that share a city (tests/integration/conftest.py), one long before the other, which need not wait for it then.
LONG = (
    "test_operating.py",
    "test_conductors.py",
    "test_second_act.py",
    "test_rebuild.py",
    "test_real_pilots_train.py",
    "test_registry_operations.py",
    "test_monitor.py",
    "test_tune_and_backtest.py",
    "test_dask.py",
    "test_backfill.py",
    "test_production.py",
    "test_recalibrated.py",
    "test_notebooks.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.path.name, len(LONG)))


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
