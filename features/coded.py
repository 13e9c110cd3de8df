"""A table of readings as numbers: what the compiled loops read, without copying it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from contracts.results import IntArray

SMALL_CHUNK = 100_000  # rows: a table in many pieces smaller than this is put together first


@dataclass(frozen=True)
class Chunk:
    """Readings as numbers: positions of metric and asset (the smallest unsigned type that holds them), instants in µs.

    All (n,).
    """

    metric: npt.NDArray[np.unsignedinteger]
    asset: npt.NDArray[np.unsignedinteger]
    observed: IntArray
    known: IntArray
    value: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.value)

    def take(self, rows: IntArray) -> Chunk:
        return Chunk(*(column[rows] for column in vars(self).values()))


@dataclass(frozen=True)
class Coded:
    """A table of readings, in the pieces in which it lies in memory: nothing is copied. Rows count through all."""

    chunks: tuple[Chunk, ...]
    metrics: tuple[str, ...]
    assets: tuple[str, ...]

    @cached_property
    def starts(self) -> IntArray:
        """(chunks + 1,) the first row of each, and the number of rows."""
        return np.cumsum([0, *(len(chunk) for chunk in self.chunks)])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def take(self, rows: IntArray) -> Chunk:
        """These rows, which are sorted."""
        cuts = np.searchsorted(rows, self.starts)
        taken = [
            chunk.take(rows[first:last] - start)
            for chunk, start, first, last in zip(self.chunks, self.starts, cuts, cuts[1:], strict=False)
        ]
        return Chunk(*(np.concatenate([getattr(part, name) for part in taken]) for name in vars(taken[0])))


def code(readings: pl.DataFrame) -> Coded:
    """Ids as positions in their dictionaries; columns that are enumerations already are taken as they are."""
    metric, asset = _enumerated(readings["metric"]), _enumerated(readings["asset_id"])
    columns = [metric, asset, readings["observed_at"], readings["known_at"], readings["value"]]
    if readings.height < SMALL_CHUNK * readings.n_chunks():
        columns = [column.rechunk() for column in columns]
    lengths = columns[-1].chunk_lengths()
    chunks = [
        Chunk(*(column.slice(first, n).to_physical().to_numpy() for column in columns))
        for first, n in zip(np.cumsum([0, *lengths]).tolist(), lengths, strict=False)
    ]
    return Coded(tuple(chunks), _categories(metric), _categories(asset))


def _enumerated(ids: pl.Series) -> pl.Series:
    return ids if isinstance(ids.dtype, pl.Enum) else ids.cast(pl.Enum(ids.unique().cast(pl.String).sort()))


def _categories(ids: pl.Series) -> tuple[str, ...]:
    return tuple(ids.dtype.categories) if isinstance(ids.dtype, pl.Enum) else ()
