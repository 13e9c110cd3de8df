"""Which test files go to one worker, and that this is what happens: a group that is none is slow, and not seen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.conftest import TOGETHER

TESTS = Path(__file__).resolve().parents[1]
SHOWS = """
import os

def test_{0}():
    with open(os.environ["SHOWN"], "a") as shown:
        shown.write(os.environ["PYTEST_XDIST_WORKER"] + " {1}\\n")
"""


def test_the_files_that_share_a_city_are_there() -> None:
    assert all((TESTS / "integration" / name).is_file() for name in TOGETHER)


def test_a_group_goes_to_one_worker_and_others_to_both(tmp_path: Path) -> None:
    together = {name for name, group in TOGETHER.items() if group == "short city"}
    for name in [*together, *(f"test_other_{number}.py" for number in range(6))]:
        tests = "\n".join(SHOWS.format(number, name) for number in range(3))
        (tmp_path / name).write_text(tests, encoding="utf-8")
    (tmp_path / "conftest.py").write_text((TESTS / "conftest.py").read_text(encoding="utf-8"), encoding="utf-8")
    shown = tmp_path / "shown.txt"
    command = [sys.executable, "-m", "pytest", "-n", "2", "-q", "-p", "no:cacheprovider", "--import-mode=importlib"]
    command += ["--rootdir", str(tmp_path), str(tmp_path)]
    ran = subprocess.run(command, env={"SHOWN": str(shown)}, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
    pairs = [line.split() for line in shown.read_text(encoding="utf-8").splitlines()]
    assert len({worker for worker, name in pairs if name in together}) == 1
    assert len({worker for worker, _ in pairs}) == 2
    files = {name: {worker for worker, of in pairs if of == name} for _, name in pairs}
    assert all(len(workers) == 1 for workers in files.values()), "a file is not divided"
