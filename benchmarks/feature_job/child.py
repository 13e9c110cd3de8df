"""One contender, timed in a process of its own: what it imports, compiles and keeps in memory is nobody else's."""

from __future__ import annotations

import gc
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.feature_job.built import Built, Values
from benchmarks.feature_job.contenders import BY_KEY, Contender
from benchmarks.feature_job.job import Job, columns, make

WARM = Job(days=2, assets=8, incidents=20)
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Timed:
    """seconds: of the best repeat. peak_gib: of the whole process. sample: (rows, columns of the job it built)."""

    seconds: float
    peak_gib: float
    names: tuple[str, ...]
    sample: Values


def in_child(contender: Contender, folder: Path, job: Job, *, sampled: npt.NDArray[np.int64]) -> Timed:
    """Run one contender in a fresh process.

    Raises:
        subprocess.CalledProcessError: it failed; its own words are on stderr.
    """
    with tempfile.TemporaryDirectory() as kept:
        asked = {"contender": contender.key, "folder": str(folder), "job": job.as_json(), "kept": kept}
        np.save(Path(kept) / "rows.npy", sampled)
        command = [sys.executable, "-m", "benchmarks.feature_job.child", json.dumps(asked)]
        answer = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
        told = json.loads(answer.stdout.splitlines()[-1])
        sample = np.load(Path(kept) / "sample.npy")
    return Timed(told["seconds"], told["peak_gib"], tuple(told["names"]), sample)


def run(asked: dict[str, object]) -> dict[str, object]:
    contender, job = BY_KEY[str(asked["contender"])], Job(**asked["job"])  # type: ignore[arg-type]
    folder, kept = Path(str(asked["folder"])), Path(str(asked["kept"]))
    module = contender.load()
    _warm_up(module.build, late=job.late)
    if hasattr(module, "prepare"):
        module.prepare(job)
    seconds = []
    for _ in range(contender.repeats):
        built: Built | None = None
        gc.collect()
        began = time.perf_counter()
        built = module.build(folder, job)
        seconds.append(time.perf_counter() - began)
    peak_gib = peak()  # before the sample is taken
    assert built is not None
    names = tuple(name for name in columns(job) if name in built.names)
    rows = np.load(kept / "rows.npy")
    np.save(kept / "sample.npy", built.look(rows, names) if names else np.empty((len(rows), 0), np.float32))
    return {"seconds": min(seconds), "peak_gib": peak_gib, "names": names}


def peak() -> float:
    """GiB that this process ever held (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _warm_up(build: object, *, late: bool) -> None:
    """Imports, compiled loops and thread pools are there before the clock starts, for all alike."""
    job = Job(**{**WARM.as_json(), "late": late})
    with tempfile.TemporaryDirectory() as folder:
        make(job, Path(folder))
        build(Path(folder), job)  # type: ignore[operator]


if __name__ == "__main__":
    print(json.dumps(run(json.loads(sys.argv[1]))))
