"""Addresses of what a run left, for its artifacts: a run in MLflow's pages, a page below the state folder.

They name the servers that answer now. `foresafe up --port` gives those the same addresses every time, so that a link in
an old artifact still works; otherwise it worked until the platform went down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flows.server import running
from flows.services import mlflow_service, pages_service
from flows.settings import Settings

Row = dict[str, Any]


def with_runs(settings: Settings, rows: Sequence[Row], runs: Mapping[str, str], *, by: str) -> list[Row]:
    """The rows with a link to each one's MLflow run. runs: what column `by` holds -> a run's id, empty where none."""
    base = _mlflow(settings)
    return [{**row, "mlflow": _link("run", base and f"{base}/#/runs/", runs.get(row[by], ""))} for row in rows]


def page_link(settings: Settings, page: Path) -> str:
    """`[report.html](http://...)` as the pages server shows it; the path alone where none runs."""
    if not page.is_file():
        return "no page yet"
    below = quote(page.relative_to(settings.state).as_posix())
    address = running(pages_service(settings))
    return _link(page.name, f"{address}/", below) if address else below


def _mlflow(settings: Settings) -> str:
    if settings.mlflow_uri.startswith(("http://", "https://")):
        return settings.mlflow_uri.rstrip("/")
    return running(mlflow_service(settings)) or ""


def _link(words: str, base: str, place: str) -> str:
    """Markdown; the place alone where nobody serves it."""
    return f"[{words}]({base}{place})" if base and place else place
