"""The last run of a flow, whatever became of it; and never two at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from contracts.errors import ForesafeError
from flows.each import Outcome
from flows.journal import journaled, read_entry
from flows.outputs import Outputs

ROOT = Path(__file__).parents[2]


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    return Outputs(tmp_path, "ulsan")


def state(outputs: Outputs) -> tuple[str, str]:
    entry = read_entry(outputs, "train")
    assert entry is not None
    return entry.state, entry.words


def test_before_the_first_run_there_is_nothing(outputs: Outputs) -> None:
    assert read_entry(outputs, "train") is None


@pytest.mark.parametrize(
    ("refused", "said"), [((), ("done", "")), (("b",), ("partly", "b")), (("a", "b"), ("refused", "a, b"))]
)
def test_what_was_refused_is_noted(outputs: Outputs, refused: tuple[str, ...], said: tuple[str, str]) -> None:
    with journaled(outputs, "train", run="7") as noted:
        assert state(outputs)[0] == "running"
        noted.outcomes([Outcome(name, refused="why" if name in refused else "") for name in "ab"])
    assert state(outputs) == said
    entry = read_entry(outputs, "train")
    assert entry is not None
    assert entry.run == "7"
    assert entry.seconds is not None


@pytest.mark.parametrize(("fault", "said"), [(ForesafeError("no data"), "refused"), (ValueError("odd"), "failed")])
def test_what_stops_it_is_noted_and_goes_on_up(outputs: Outputs, fault: Exception, said: str) -> None:
    with pytest.raises(type(fault)), journaled(outputs, "train"):
        raise fault
    assert state(outputs) == (said, str(fault))


def test_a_second_one_is_refused_and_told_who_works(outputs: Outputs) -> None:
    with journaled(outputs, "train"):
        with (
            pytest.raises(ForesafeError, match=r"train of ulsan runs already since .* KST, process \d+"),
            journaled(outputs, "train"),
        ):
            pass
        with journaled(outputs, "score"):
            assert state(outputs)[0] == "running", "another flow is free, and the refused one noted nothing"


def test_killed_it_is_called_killed_and_its_place_is_free(outputs: Outputs) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from flows.journal import journaled;"
        "from flows.outputs import Outputs\n"
        "with journaled(Outputs(Path(sys.argv[1]), 'ulsan'), 'train'): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script, str(outputs.state)], cwd=ROOT, check=False)
    assert state(outputs)[0] == "killed"
    with journaled(outputs, "train"):
        pass
    assert state(outputs)[0] == "done"
