"""kill -9 at any moment of ingest and run again: the same tables as if nothing had happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from ingest import Store, outstanding
from tests.made_up import CELLS, City, make_city

# dies right before or right after the nth call of one step of a commit
_RUN = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {repository!r})
from ingest import batches, intake, quality, store
from tests.made_up import City

step, when, nth = {step!r}, {when!r}, {nth}
calls = 0
owner, name = {{"write": (store.Store, "_write"), "add": (store.Store, "_add"), "keep": (quality, "keep")}}[step]
whole = getattr(owner, name)

def dying(*args, **kwargs):
    global calls
    calls += 1
    if calls == nth and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    out = whole(*args, **kwargs)
    if calls == nth and when == "after":
        os.kill(os.getpid(), signal.SIGKILL)
    return out

setattr(owner, name, dying)
batches._GROUP_ROWS = 30
city = City(Path({root!r}))
city.ingest("cells")
city.ingest("weather")
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


@pytest.mark.slow
@pytest.mark.parametrize(("step", "when", "nth"), POINTS)
def test_killed_and_run_again_is_the_same(
    tmp_path: Path, undisturbed: list[pl.DataFrame], step: str, when: str, nth: int
) -> None:
    city = filled(tmp_path)
    repository = str(Path(__file__).resolve().parents[2])
    code = _RUN.format(repository=repository, root=str(tmp_path), step=step, when=when, nth=nth)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    city.ingest("cells")
    city.ingest("weather")
    for mine, wanted in zip(contents(city.store), undisturbed, strict=True):
        assert mine.equals(wanted)
