"""A small city in a checkout of its own, with the commands run there as a user would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

PROJECT = Path(__file__).parents[2]
SMALL = {
    "simulate": {"days": 60},
    "spine": {"history_days": 7},
    "split": {"calibrate_days": 10, "test_days": 10},
    "train": {
        "num_iterations": 20,
        "min_data_in_leaf": 50,
        "seeds": [1],
        "hazards": ["traffic_accident", "fire_explosion", "flood"],
    },
    "evaluate": {"block_days": 2, "replicates": 20},
}


@dataclass(frozen=True)
class Checkout:
    """A git clone of this project in `home`."""

    home: Path

    def run(self, *command: str, within_seconds: float = 300, **variables: str) -> subprocess.CompletedProcess[str]:
        """`python -m COMMAND` in the clone; its code, not this one's."""
        return subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.home,
            env=environment(variables),
            capture_output=True,
            text=True,
            timeout=within_seconds,
            check=False,
        )

    def foresafe(self, *arguments: str, within_seconds: float = 300) -> subprocess.CompletedProcess[str]:
        return self.run("flows.cli", *arguments, within_seconds=within_seconds)

    def done(self, *command: str, within_seconds: float = 300, **variables: str) -> str:
        """What it printed; it must succeed."""
        finished = self.run(*command, within_seconds=within_seconds, **variables)
        assert finished.returncode == 0, finished.stdout[-3000:] + finished.stderr[-3000:]
        return finished.stdout


def small_checkout(folder: Path, *, hazards: tuple[str, ...] = ()) -> Checkout:
    """A clone of the committed project with a city of sixty days.

    hazards: those to train; by default also flood, which so short a city cannot train and the commands must survive.
    """
    subprocess.run(["git", "clone", "--quiet", str(PROJECT), str(folder)], check=True)
    _compiled_already(folder)
    path = folder / "params.yaml"
    params = yaml.safe_load(path.read_text(encoding="utf-8"))
    merged = {section: {**keys, **SMALL.get(section, {})} for section, keys in params.items()}
    if hazards:
        merged["train"]["hazards"] = list(hazards)
    path.write_text(yaml.safe_dump(merged), encoding="utf-8")
    return Checkout(folder)


def _compiled_already(folder: Path) -> None:
    """Numba keeps what it compiled beside the source, good for a file of that time and size: once for all clones."""
    kernels = Path("features", "kernels")
    for copy in (folder / kernels).glob("*.py"):
        source = PROJECT / kernels / copy.name
        if source.is_file() and source.read_bytes() == copy.read_bytes():
            shutil.copystat(source, copy)
    compiled = folder / kernels / "__pycache__"
    compiled.mkdir(exist_ok=True)
    for kind in ("*.nbi", "*.nbc"):  # an index names machine code that was there before it
        for file in (PROJECT / kernels / "__pycache__").glob(kind):
            shutil.copy(file, compiled)


def environment(variables: dict[str, str]) -> dict[str, str]:
    """DVC's commands say `python`: let it be this one. No settings of the developer's own."""
    dropped = ("FORESAFE_", "PREFECT_", "MLFLOW_", "DVC_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    here = str(Path(sys.executable).parent)
    return {**kept, "PATH": here + os.pathsep + kept.get("PATH", ""), "DVC_NO_ANALYTICS": "1", **variables}
