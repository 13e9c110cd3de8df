"""Cities and an empty registry that several files share: a file that changes one changes a copy."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from mlflow import MlflowClient

from flows.keeper import take
from models.registry import Tracking
from tests.integration.small_city import PARAMS, SHORT, make_small_city

QUICK_MONITOR = "monitor: {min_reference_days: 10, season_days: 60, min_ripe_incidents: 10}\n"
OWN_PARAMETERS = "seeds: [1]\n  per_hazard: {chemical_release: {num_leaves: 9, min_incidents: 8}}"


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder of all workers' own, filled by the first that needs it, for which the others wait."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    made = folder.with_suffix(".made")
    lock = take(folder.with_suffix(".lock"), fcntl.LOCK_EX)
    assert lock is not None
    with lock:
        if not made.exists():
            make(folder)
            made.touch()
    return folder


@pytest.fixture(scope="session")
def small_city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """250 days, and a window of monitoring that needs little."""
    return made_once(tmp_path_factory, "small-city", partial(make_small_city, params=PARAMS + QUICK_MONITOR))


@pytest.fixture(scope="session")
def short_city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """130 days, and a hazard with parameters of its own."""
    own = SHORT.replace("seeds: [1]", OWN_PARAMETERS)
    return made_once(tmp_path_factory, "short-city", partial(make_small_city, params=own))


@pytest.fixture(scope="session")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow takes more than a second of migrations to make one."""
    path = tmp_path_factory.mktemp("registry") / "mlflow.db"
    MlflowClient(tracking_uri=f"sqlite:///{path}", registry_uri=f"sqlite:///{path}").search_registered_models()
    return path


@pytest.fixture
def tracking(tmp_path: Path, empty_registry: Path) -> Tracking:
    """A registry of the test's own."""
    shutil.copy(empty_registry, tmp_path)
    return Tracking(uri=f"sqlite:///{tmp_path / 'mlflow.db'}", artifacts=(tmp_path / "artifacts").as_uri())
