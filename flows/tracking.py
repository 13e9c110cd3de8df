"""Where MLflow is. Apart from the stages, whose rooms cost seconds that a rollback does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.settings import Settings

if TYPE_CHECKING:
    from models.registry import Tracking


def tracking_of(settings: Settings) -> Tracking:
    """MLflow as the settings say; with a database, its files go where the settings say, and a server keeps its own."""
    from models.registry import Tracking

    served = settings.mlflow_uri.startswith(("http://", "https://"))
    (settings.state / "mlflow").mkdir(parents=True, exist_ok=True)
    return Tracking(settings.mlflow_uri, artifacts="" if served else settings.artifacts)
