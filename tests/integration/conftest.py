"""Cities and an empty registry that several files share, made once: a file that changes one changes a copy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

from models.registry import Tracking
from tests.integration.small_city import PARAMS, SHORT, make_small_city

QUICK_MONITOR = "monitor: {min_reference_days: 10, season_days: 60, min_ripe_incidents: 10}\n"
OWN_PARAMETERS = "seeds: [1]\n  per_hazard: {chemical_release: {num_leaves: 9, min_incidents: 8}}"


@pytest.fixture(scope="session")
def small_city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """250 days, and a window of monitoring that needs little."""
    return make_small_city(tmp_path_factory.mktemp("city"), params=PARAMS + QUICK_MONITOR)


@pytest.fixture(scope="session")
def short_city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """130 days, and a hazard with parameters of its own."""
    return make_small_city(tmp_path_factory.mktemp("city"), params=SHORT.replace("seeds: [1]", OWN_PARAMETERS))


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
