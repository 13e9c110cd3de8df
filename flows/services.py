"""The servers that Foresafe can start for itself: what each runs, with which settings, and how its health is asked."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flows.settings import Settings


@dataclass(frozen=True)
class Service:
    """One kind of server. `command` may hold `{port}`; `health` and `api` are paths of its address."""

    name: str
    folder: Path
    command: tuple[str, ...]
    environment: Mapping[str, str]
    health: str
    api: str = ""


def prefect_variables(settings: Settings) -> dict[str, str]:
    """Prefect's settings for both sides: home in the state folder, JSON results and no analytics."""
    home = settings.state / "prefect"
    return {
        "PREFECT_HOME": str(home),
        "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


def prefect_service(settings: Settings) -> Service:
    """The Prefect server, its database and its pages."""
    return Service(
        name="Prefect",
        folder=settings.state / "prefect",
        command=(sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", "{port}"),
        environment={**prefect_variables(settings), "PREFECT_LOGGING_SERVER_LEVEL": "WARNING"},
        health="/api/health",
        api="/api",
    )


def mlflow_variables() -> dict[str, str]:
    """MLflow's client: no telemetry, and no progress bars or chatter between our own lines."""
    return {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_LOGGING_LEVEL": "ERROR",
    }


def mlflow_service(settings: Settings) -> Service:
    """MLflow's pages over the same database that the models room writes to. Two processes, no job runners."""
    flags = ("--backend-store-uri", settings.mlflow_uri, "--host", "127.0.0.1", "--port", "{port}", "--workers", "1")
    return Service(
        name="MLflow",
        folder=settings.state / "mlflow",
        command=(sys.executable, "-m", "mlflow", "server", *flags),
        environment={"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
        health="/health",
    )
