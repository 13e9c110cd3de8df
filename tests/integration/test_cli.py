"""What people get from the command line: at once, in one line, with the right exit code, and nothing half-written."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from tests.integration.checkout import Checkout, small_checkout

HELP_SECONDS = 1.0


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A clone in which nothing has run."""
    return small_checkout(tmp_path_factory.mktemp("cli") / "foresafe")


def test_help_is_instant(empty: Checkout) -> None:
    """In processor time, which other work on the machine does not change; the first run compiles."""
    took = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        said = empty.done("flows.cli", "--help")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(took) < HELP_SECONDS
    for command in (
        "check",
        "ingest",
        "train",
        "tune",
        "backtest",
        "score",
        "quarantine",
        "demo",
        "up",
        "down",
        "status",
        "stage",
    ):
        assert command in said


def test_the_command_line_imports_nothing_heavy(empty: Checkout) -> None:
    finished = empty.run("flows.cli", "--help", PYTHONPROFILEIMPORTTIME="1")
    for heavy in ("pandas", "polars", "prefect", "mlflow", "lightgbm", "great_expectations", "numba"):
        assert f"| {heavy}\n" not in finished.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("score", "ulsen"), "did you mean 'ulsan'"),
        (("ingest", "ulsen"), "did you mean 'ulsan'"),
        (("train", "ulsen"), "did you mean 'ulsan'"),
        (("check", "ulsen"), "did you mean 'ulsan'"),
        (("features", "ulsen"), "did you mean 'ulsan'"),
        (("tune", "ulsen"), "did you mean 'ulsan'"),
        (("backtest", "ulsen"), "did you mean 'ulsan'"),
        (("backtest", "ulsan"), "run the features stage first"),
        (("quarantine", "ulsen", "list"), "did you mean 'ulsan'"),
        (("score", "ulsan", "--as-of", "tomorrow"), "is not an instant"),
        (("score", "ulsan", "--direct"), "do:"),
        (("train", "ulsan", "--direct"), "do:"),
        (("stage", "train", "ulsan"), "run the features stage first"),
        (("report", "ulsan"), "run the score stage first"),
        (("history", "ulsan-flood"), "no model 'ulsan-flood'"),
        (("history", "ulsan-flood", "--at", "yesterday"), "is not an instant"),
        (("rollback", "ulsan-flood"), "no model 'ulsan-flood'"),
        (("rebuild", "ulsan-flood", "1"), "no model 'ulsan-flood'"),
    ],
)
def test_a_refusal_is_one_line_and_exit_code_2(empty: Checkout, arguments: tuple[str, ...], said: str) -> None:
    finished = empty.foresafe(*arguments)
    assert finished.returncode == 2, finished.stdout + finished.stderr
    assert said in finished.stderr
    assert finished.stderr.count("\n") == 1
    assert "Traceback" not in finished.stderr


def test_feeds_without_files_are_refused_one_by_one(empty: Checkout) -> None:
    finished = empty.foresafe("ingest", "ulsan", "--direct")
    assert finished.returncode == 1
    assert finished.stderr.count("refused: ") == finished.stderr.count("\n") >= 4
    assert "Traceback" not in finished.stderr


def test_an_unknown_parameter_is_refused(tmp_path: Path) -> None:
    checkout = small_checkout(tmp_path / "foresafe")
    params = checkout.home / "params.yaml"
    params.write_text(params.read_text().replace("learning_rate", "learnig_rate"), encoding="utf-8")
    finished = checkout.foresafe("train", "ulsan", "--direct")
    assert finished.returncode == 2
    assert "did you mean 'learning_rate'" in finished.stderr


def test_outside_a_project_it_says_so(empty: Checkout, tmp_path: Path) -> None:
    finished = Checkout(tmp_path).run("flows.cli", "status", PYTHONPATH=str(empty.home))
    assert finished.returncode == 2
    assert "no Foresafe project here" in finished.stderr


def test_features_are_listed_in_words(empty: Checkout) -> None:
    said = empty.done("flows.cli", "features", "ulsan")
    assert "traffic_accident_climatology" in said
