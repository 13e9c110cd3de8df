"""kill -9 at any moment of ingest and run again: the same tables as if nothing had happened."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from ingest import Store, outstanding
from tests.made_up import CELLS, City, make_city

ROOT = Path(__file__).parents[2]
# Each line of input names a city and a step of a commit: a fork of this process ingests there, and dies right before or
# right after the nth call of the step. A fork an attempt, so that the imports are paid once.
_RUN = """
import json, os, signal, sys
from pathlib import Path
import great_expectations, pint  # or else each fork imports them when it needs them
from ingest import batches, quality, store, validate
from tests.made_up import City

def attempt(root, step, when, fatal):
    owner, name = {"write": (store.Store, "_write"), "add": (store.Store, "_add"), "keep": (quality, "keep")}[step]
    whole = getattr(owner, name)
    calls = 0

    def dying(*args, **kwargs):
        nonlocal calls
        calls += 1
        if calls == fatal and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        out = whole(*args, **kwargs)
        if calls == fatal and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return out

    setattr(owner, name, dying)
    batches._GROUP_ROWS = 30
    city = City(Path(root))
    city.ingest("cells")
    city.ingest("weather")

for line in sys.stdin:
    child = os.fork()
    if not child:
        attempt(*json.loads(line))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

POINTS = [
    ("write", "before", 3),  # before the quarantine of the first weather files
    ("write", "after", 3),  # an orphan file, not yet named by Delta
    ("add", "after", 2),  # assets: static readings are in, assets are not marked as held
    ("add", "after", 3),  # quarantine is in, the rows are not
    ("keep", "after", 2),  # the report is written, the rows are not
    ("add", "before", 4),
    ("add", "after", 4),  # the first group is wholly in, the second not begun
]


def filled(root: Path) -> City:
    city = make_city(root)
    for day in range(1, 5):
        lines = [f"{day:02}.02.2025 {hour:02}:00;{CELLS[0]};{999 if hour == 7 else 50};36;{hour}" for hour in range(24)]
        city.weather(*lines, name=f"weather-{day}.csv")
    return city


def contents(store: Store) -> list[pl.DataFrame]:
    tables = store.snapshot()
    frames = [tables.readings, tables.assets, outstanding(store)]
    return [frame.sort(pl.all()) for frame in frames]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[pl.DataFrame]:
    city = filled(tmp_path_factory.mktemp("undisturbed"))
    city.ingest("cells")
    city.ingest("weather")
    return contents(city.store)


@pytest.fixture(scope="module")
def mortal() -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", _RUN], stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as child:
        yield child


@pytest.mark.slow
@pytest.mark.parametrize(("step", "when", "nth"), POINTS)
def test_killed_and_run_again_is_the_same(
    tmp_path: Path, undisturbed: list[pl.DataFrame], mortal: subprocess.Popen[str], step: str, when: str, nth: int
) -> None:
    assert mortal.stdin is not None
    assert mortal.stdout is not None
    city = filled(tmp_path)
    print(json.dumps([str(tmp_path), step, when, nth]), file=mortal.stdin, flush=True)
    assert mortal.stdout.readline().strip() == str(-signal.SIGKILL)
    city.ingest("cells")
    city.ingest("weather")
    for mine, wanted in zip(contents(city.store), undisturbed, strict=True):
        assert mine.equals(wanted)
