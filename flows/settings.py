"""Where everything is: the only place that reads the environment.

| variable | default | meaning |
| --- | --- | --- |
| FORESAFE_STATE | `var` | the platform's own state: stores, models, servers' databases |
| FORESAFE_DATA | `../shared/data` | data shared by partners, `{shared}/` in a contract |
| MLFLOW_TRACKING_URI | SQLite file in the state folder | tracking server or database |
| PREFECT_API_URL | none: a local server is started | a running Prefect server |
| FORESAFE_PREFECT_DATABASE | SQLite file in the state folder | the local Prefect server's, `postgresql+asyncpg://...` |
| FORESAFE_ARTIFACTS | folder in the state folder | where MLflow's files go, such as `s3://bucket/mlflow` |
| FORESAFE_NOTIFY_URL | none | a webhook that hears of failed runs, and when a person is called |

Relative folders are taken from the project folder, which is found upwards from the working folder.
"""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import NotFound

_MARKS = ("params.yaml", "pilots")
# LightGBM's threads sleep while they wait, else two jobs on one machine take far longer than one after the other.
COMPUTE_VARIABLES = {"OMP_WAIT_POLICY": "passive"}
# Servers get a clean slate: another profile, home or address of the user's must not leak into them.
_NOT_INHERITED = ("PREFECT_", "MLFLOW_", "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True)
class Settings:
    """Frozen folders and addresses. `mlflow_uri` and `prefect_url` are what the clients are given."""

    home: Path
    state: Path
    shared: Path
    mlflow_uri: str
    prefect_url: str | None
    prefect_database: str = ""
    artifact_root: str = ""
    notify_url: str = ""

    @property
    def artifacts(self) -> str:
        """Where MLflow's files go, as a URL, unless a tracking server decides."""
        return self.artifact_root or (self.state / "mlflow" / "artifacts").as_uri()

    @property
    def pilots(self) -> Path:
        return self.home / "pilots"

    @property
    def roots(self) -> Mapping[str, Path]:
        """What `{shared}` and `{state}` stand for in a contract's locations."""
        return {"shared": self.shared, "state": self.state}


def load_settings(start: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Settings for the project that `start` (by default the working folder) lies in.

    Raises:
        NotFound: no folder from `start` upwards has params.yaml and pilots/.
    """
    given = os.environ if environment is None else environment
    home = find_home(Path.cwd() if start is None else start)
    state = home / (given.get("FORESAFE_STATE") or "var")
    database = f"sqlite:///{(state / 'mlflow' / 'mlflow.db').as_posix()}"
    return Settings(
        home=home,
        state=state,
        shared=Path(os.path.normpath(home / (given.get("FORESAFE_DATA") or "../shared/data"))),
        mlflow_uri=given.get("MLFLOW_TRACKING_URI") or database,
        prefect_url=given.get("PREFECT_API_URL") or None,
        prefect_database=given.get("FORESAFE_PREFECT_DATABASE", ""),
        artifact_root=given.get("FORESAFE_ARTIFACTS", ""),
        notify_url=given.get("FORESAFE_NOTIFY_URL", ""),
    )


def find_home(start: Path) -> Path:
    """The nearest folder upwards that holds params.yaml and pilots/."""
    for folder in (start.resolve(), *start.resolve().parents):
        if all((folder / mark).exists() for mark in _MARKS):
            return folder
    raise NotFound(
        "no Foresafe project here",
        where=str(start),
        allowed="a folder with params.yaml and pilots/, or one below it",
        fix="change into the project's folder",
    )


def project_folder() -> Path:
    """The folder that FORESAFE_HOME names, or else the project that the working folder is in."""
    return Path(os.environ.get("FORESAFE_HOME") or find_home(Path.cwd()))


def child_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """This process's environment for a server of ours, without other Prefect or MLflow settings, and with `extra`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
    return {**kept, **extra}


def adopt(variables: Mapping[str, str]) -> None:
    """Put settings of a library that reads them at import (Prefect, MLflow, DVC) into this process's environment."""
    os.environ.update(variables)


def operator() -> str:
    """Who runs the command: `user@machine`, for the record of decisions."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container whose user has no name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
