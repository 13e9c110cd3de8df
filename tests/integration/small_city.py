"""A small Ulsan, simulated, ingested and trained by the command line: quick parameters, the pilot as it is."""

from __future__ import annotations

import io
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import chdir, closing, redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

from flows.cli import main

ROOT = Path(__file__).resolve().parents[2]
PARAMS = """
simulate: {days: 250}
spine: {every_hours: 2, history_days: 21}
split: {calibrate_days: 45, test_days: 50, folds: 1, fold_days: 30}
train:
  hazards: [chemical_release]
  num_iterations: 60
  learning_rate: 0.12
  num_leaves: 15
  num_threads: 1  # contended threads spin
  seeds: [1]
  negative_share: 0.2
  early_stopping_rounds: 10
evaluate: {replicates: 60}
"""
SHORT = PARAMS.replace("days: 250", "days: 130").replace(
    "calibrate_days: 45, test_days: 50", "calibrate_days: 20, test_days: 25"
)


def environment(**extra: str) -> dict[str, str]:
    """This process's, without settings of a platform that runs elsewhere, and able to import the rooms."""
    others = ("FORESAFE_", "MLFLOW_", "PREFECT_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    return {**kept, "PYTHONPATH": str(ROOT), **extra}


def foresafe(*arguments: str, home: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    """The command line in the project folder `home`, in this process: alone, each command imports for seconds.

    Not for what goes through Prefect, which keeps the settings that it was imported with.
    """
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        patch.dict(os.environ, environment(**extra), clear=True),
        patch.object(sys, "argv", ["foresafe", *arguments]),
        chdir(home),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def foresafe_alone(*arguments: str, home: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "flows.cli", *arguments]
    return subprocess.run(
        command, cwd=home, env=environment(**extra), capture_output=True, text=True, check=False, timeout=540
    )


def make_small_city(home: Path, params: str = PARAMS) -> Path:
    """A project folder with a chemical_release champion in its `var`, whatever the gate thought of so little data."""
    shutil.copytree(ROOT / "pilots" / "ulsan", home / "pilots" / "ulsan")
    (home / "pilots" / "ulsan" / "params.yaml").unlink(missing_ok=True)
    (home / "params.yaml").write_text(params)
    for command in (["simulate"], ["ingest", "ulsan", "--direct"], ["train", "ulsan", "--direct"]):
        done = foresafe(*command, home=home)
        assert done.returncode == 0, done.stderr
    make_champion(home, "ulsan-chemical_release")
    return home


def copy_city(city: Path, home: Path) -> Path:
    """Another one like it, whose registry names its own files: MLflow's local artifacts are absolute.

    The database is copied by SQLite: to read its file as a file and close it gives up this process's locks on it, and
    the next command that writes to it breaks it (sqlite.org/howtocorrupt.html, 2.2).
    """
    shutil.copytree(city, home, ignore=shutil.ignore_patterns("monitor", "partners", "mlflow.db*"))
    path = Path("var", "mlflow", "mlflow.db")
    with closing(sqlite3.connect(city / path)) as whole, closing(sqlite3.connect(home / path)) as database, database:
        whole.backup(database)
        for table, column in (("runs", "artifact_uri"), ("experiments", "artifact_location")):
            database.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (str(city), str(home)))
    return home


def make_champion(home: Path, name: str, *, at: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
    """The challenger, whatever the gate thought of it."""
    from models.registry import Tracking, champion_version, move_alias

    tracking = Tracking(f"sqlite:///{home / 'var' / 'mlflow' / 'mlflow.db'}")
    version = champion_version(tracking, name, alias="challenger")
    assert version is not None
    move_alias(tracking, version, alias="champion", at=at, reason="a small city for the tests")
