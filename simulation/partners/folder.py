"""A partner's folder, and tables written into it month by month."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from simulation.faults import Fault
from simulation.noise import stream
from simulation.textfiles import CsvForm, Shape, csv_lines, spoil
from simulation.timeline import Timeline


@dataclass(frozen=True)
class Folder:
    """Where one partner drops files. shared_days: before which everything was shared earlier."""

    path: Path
    partner: str
    seed: int
    shared_days: int = 0

    def generator(self, purpose: str, part: int = 0) -> np.random.Generator:
        later = f" after day {self.shared_days}" if self.shared_days else ""
        return stream(self.seed, f"{self.partner}/{purpose}{later}", part)

    def write(self, file: str, content: bytes) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / file).write_bytes(content)

    def write_csv(self, frame: pl.DataFrame, shape: Shape, *, feed: str, file: str, encoding: str) -> list[Fault]:
        """A CSV file with the broken and doubled rows of real ones."""
        header, lines = csv_lines(frame)
        lines, faults = spoil(
            lines,
            CsvForm(tuple(frame.columns)),
            shape,
            partner=self.partner,
            feed=feed,
            file=file,
            generator=self.generator(file),
        )
        self.write(file, "\n".join([header, *lines, ""]).encode(encoding))
        return faults


def cell_hours(timeline: Timeline, asset_ids: list[str], stamps: list[str]) -> dict[str, pl.Series]:
    """Columns `time` and `asset` of a table with a row for each hour and asset, hour by hour."""
    hours, assets = len(stamps), len(asset_ids)
    return {
        "time": pl.Series(stamps).gather(np.repeat(np.arange(hours), assets)),
        "asset": pl.Series(asset_ids).gather(np.tile(np.arange(assets), hours)),
    }


def monthly(frame: pl.DataFrame, timeline: Timeline, *, rows_per_hour: int) -> Iterator[tuple[str, pl.DataFrame]]:
    """The parts of a table of all shown hours, with their months."""
    for month, rows in timeline.months:
        yield month, frame.slice(rows.start * rows_per_hour, (rows.stop - rows.start) * rows_per_hour)


def by_known_month(reports: pl.DataFrame, timeline: Timeline) -> Iterator[tuple[str, pl.DataFrame]]:
    """Reports known by the last instant, by the Korean month in which they became known. Later ones nobody has yet,
    and those known before the first instant were shared before, but for the first share: it has false alarms of the
    day before."""
    last = int(timeline.last_instant.timestamp())
    fresh = pl.lit(not timeline.shared_days) | (pl.col("known_s") > int(timeline.first_instant.timestamp()))
    known = reports.filter((pl.col("known_s") <= last) & fresh).with_columns(
        occurred=_korean("occurred_s"),
        known=_korean("known_s"),
    )
    for month, part in known.group_by(pl.col("known").str.slice(0, 7), maintain_order=True):
        yield timeline.label(date.fromisoformat(f"{month[0]}-28")), part


def _korean(column: str) -> pl.Expr:
    return pl.from_epoch(pl.col(column) + 9 * 3600, time_unit="s").dt.strftime("%Y-%m-%d %H:%M:%S")
