"""Where MLflow is, and a client of it. Nothing global is set."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import mlflow


@dataclass(frozen=True)
class Tracking:
    """Where MLflow is. `artifacts`: root for files of new experiments; empty where a server decides."""

    uri: str
    artifacts: str = ""


def connect(tracking: Tracking) -> mlflow.MlflowClient:
    """A client; a SQLite file is put into write-ahead mode, which lets readers and a writer work at once."""
    client = mlflow.MlflowClient(tracking_uri=tracking.uri, registry_uri=tracking.uri)
    if tracking.uri.startswith("sqlite:///"):
        connection = sqlite3.connect(tracking.uri.removeprefix("sqlite:///"))
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()
    return client
