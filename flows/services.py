"""The servers that Foresafe can start for itself: what each runs, with which settings, and how its health is asked."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flows.settings import COMPUTE_VARIABLES, Settings


@dataclass(frozen=True)
class Service:
    """One kind of server. `command` may hold `{port}`; `health` and `api` are paths of its address.

    port: where it must listen; None for any free port.
    """

    name: str
    folder: Path
    command: tuple[str, ...]
    environment: Mapping[str, str]
    health: str
    api: str = ""
    port: int | None = None


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
        environment={**prefect_variables(settings), "PREFECT_LOGGING_SERVER_LEVEL": "WARNING", **_database(settings)},
        health="/api/health",
        api="/api",
    )


def _database(settings: Settings) -> dict[str, str]:
    """Where Prefect's server keeps its runs, if not in SQLite in the state folder."""
    url = settings.prefect_database
    return {"PREFECT_SERVER_DATABASE_CONNECTION_URL": url} if url else {}


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
    flags += ("--artifacts-destination", settings.artifacts)
    return Service(
        name="MLflow",
        folder=settings.state / "mlflow",
        command=(sys.executable, "-m", "mlflow", "server", *flags),
        environment={"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
        health="/health",
    )


def pages_service(settings: Settings) -> Service:
    """The reports, Data Docs and monitoring pages, for a browser on this machine."""
    return Service(
        name="Pages",
        folder=settings.state / "pages",
        command=(sys.executable, "-m", "flows.site", str(settings.state), "{port}"),
        environment={},
        health="/health",
    )


def worker_service(settings: Settings, *, api: str) -> Service:
    """What runs the deployments of prefect.yaml, each run in a process of its own. `api`: Prefect's address + /api.

    Its log is JSON, a line an event, with `flow_run_id` and `task_run_id` where there is one.
    """
    return Service(
        name="Worker",
        folder=settings.state / "worker",
        command=(sys.executable, "-m", "flows.worker", "{port}", *([] if settings.prefect_url else ["alone"])),
        environment={
            **prefect_variables(settings),
            **mlflow_variables(),
            **COMPUTE_VARIABLES,
            "PREFECT_API_URL": api,
            "PREFECT_WORKER_QUERY_SECONDS": "5",
            "PREFECT_LOGGING_HANDLERS_CONSOLE_FORMATTER": "json",
            "MLFLOW_TRACKING_URI": settings.mlflow_uri,
            "FORESAFE_HOME": str(settings.home),
            "FORESAFE_STATE": str(settings.state),
            "FORESAFE_DATA": str(settings.shared),
        },
        health="/health",
    )
