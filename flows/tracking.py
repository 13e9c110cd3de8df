"""Where MLflow is. Apart from the stages, whose rooms cost seconds that a rollback does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.settings import Settings

if TYPE_CHECKING:
    from models.registry import Tracking


def tracking_of(settings: Settings) -> Tracking:
    """MLflow as the settings say; beside its own database its files go there too, a server keeps its own."""
    from models.registry import Tracking

    local = settings.mlflow_uri.startswith("sqlite:///")
    (settings.state / "mlflow").mkdir(parents=True, exist_ok=True)
    return Tracking(settings.mlflow_uri, artifacts=(settings.state / "mlflow" / "artifacts").as_uri() if local else "")
