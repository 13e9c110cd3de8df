"""What a contender hands back: its own kind of table, still whole, and a way to look into it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.feature_job.job import Job

Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Built:
    """names: the columns built. look: (rows of the job, names) -> (len(rows), len(names)) float32, NaN for nothing."""

    names: tuple[str, ...]
    look: Callable[[npt.NDArray[np.int64], tuple[str, ...]], Values]


Contender = Callable[[Path, Job], Built]
