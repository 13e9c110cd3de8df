"""Runs, versions and aliases in MLflow. The only place that imports mlflow, so import it where it is needed."""

from models.registry.client import Tracking
from models.registry.publishing import publish
from models.registry.runs import log_training_run
from models.registry.versions import (
    Alias,
    AliasMove,
    Version,
    champion_version,
    history,
    load_champion,
    load_version,
    move_alias,
    registered_name,
    release,
)

__all__ = [
    "Alias",
    "AliasMove",
    "Tracking",
    "Version",
    "champion_version",
    "history",
    "load_champion",
    "load_version",
    "log_training_run",
    "move_alias",
    "publish",
    "registered_name",
    "release",
]
