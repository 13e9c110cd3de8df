"""A champion's monitoring reference, among the artifacts of the run that trained it."""

from __future__ import annotations

from pathlib import Path

from mlflow.exceptions import MlflowException

from contracts.errors import NotFound
from models.registry.client import Tracking, connect
from models.registry.versions import Version

PLACE = "reference"


def log_reference(tracking: Tracking, *, run_id: str, folder: Path) -> None:
    """Keep the files of `folder` with the training run."""
    connect(tracking).log_artifacts(run_id, str(folder), PLACE)


def fetch_reference(tracking: Tracking, version: Version, into: Path) -> Path:
    """The folder with the version's reference, below `into`.

    Raises:
        NotFound: its run has none, or its files are gone.
    """
    try:
        return Path(connect(tracking).download_artifacts(version.run_id, PLACE, str(into)))
    except (MlflowException, OSError) as fault:
        raise NotFound(
            "the reference is gone",
            where=f"{version.name} version {version.version}",
            cause="trained before references were kept, or its artifacts were deleted",
            fix="train and release again",
        ) from fault
