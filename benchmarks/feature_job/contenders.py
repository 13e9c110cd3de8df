"""Who takes part. Each is imported, and run, only in a process of its own."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType


@dataclass(frozen=True)
class Contender:
    """name: in the table; module: has `build(folder, job) -> Built`, and perhaps `prepare(job)`, which is not timed."""

    key: str
    name: str
    repeats: int

    def load(self) -> ModuleType:
        return importlib.import_module(f"benchmarks.feature_job.{self.key}")


LIMIT = Contender("limit", "limit: read once, copy the output once", 5)
OURS = Contender("ours", "Foresafe", 5)
RIVALS = (
    Contender("by_polars", "Polars", 3),
    Contender("by_duckdb", "DuckDB", 3),
    Contender("by_pandas", "pandas", 3),
)
BY_KEY = {one.key: one for one in (LIMIT, OURS, *RIVALS)}
