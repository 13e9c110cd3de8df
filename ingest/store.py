"""The store: append-only, bitemporal Delta tables in one folder. A row is never changed; a snapshot is an instant.

Every Parquet file is written here, with page checksums (a flipped bit is otherwise read silently wrong), and then
committed to Delta together with the ids of the batches it holds. A batch that a table has is never written again.
"""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial, reduce
from operator import and_
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction

from contracts.errors import NotFound
from contracts.tables import ASSETS, INCIDENTS, QUARANTINE, READINGS, SCORES, Tables, TableSpec
from ingest.files import TIMES, may_hold, paths, statistics, verified

SPECS = {spec.name: spec for spec in (READINGS, INCIDENTS, ASSETS, QUARANTINE, SCORES)}
READ_BY_FEATURES = ("asset_id", "metric", "observed_at", "known_at", "value")
_CODED = {"asset_id": pl.Categorical(), "metric": pl.Categorical()}
_ATTEMPTS = 12
_ROW_GROUP = 1 << 20
NONE = -1  # the version of a table that was not there yet


class Store:
    """The tables of one pilot under `root`; made when first written.

    Raises:
        BadTable: a stored file does not verify against its checksums.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def holds(self, table: str, batch: str) -> bool:
        """Whether this table already has this batch."""
        delta = self._open(table)
        return delta is not None and delta.transaction_version(batch) is not None

    def missing(self, table: str, batches: Sequence[str]) -> list[str]:
        """Those of the batches that this table does not have yet."""
        delta = self._open(table)
        return [batch for batch in batches if delta is None or delta.transaction_version(batch) is None]

    def commit(self, table: str, frame: pl.DataFrame, *, batches: Sequence[str], at: datetime) -> bool:
        """Append rows and mark their batches as held, in one atomic step.

        batches: ids; what the table already holds of them is left out, by the rows' `batch` where there are several.
        at: the instant of writing.

        Returns:
            Whether anything was written. A lost race against another writer is tried again, after a random wait.
        """
        frame = SPECS[table].conform(frame)
        waits = random.Random(f"{self.root}{batches}{at}")
        todo, path = list(batches), ""
        for attempt in range(_ATTEMPTS):
            delta = self._open_or_create(table)
            left = [batch for batch in todo if delta.transaction_version(batch) is None]
            if not left:
                return False
            if len(left) < len(todo):
                frame, todo, path = frame.filter(pl.col("batch").is_in(left)), left, ""
            path = path or self._write(table, frame)
            try:
                self._add(delta, table, frame, path, todo, at)
            except CommitFailedError:
                if attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(waits.uniform(0.01, 0.05) * 2 ** min(attempt, 5))
            else:
                return True
        return False

    def snapshot(self, known_until: datetime | None = None, version: Mapping[str, int] | None = None) -> Tables:
        """Everything that was known at an instant (all that is stored, if None), as of a store version.

        Later versions of a corrected row stand beside earlier ones: readers choose by `known_at`.
        """
        at = version or {}
        frames = {name: self.read(name, known_until=known_until, version=at.get(name)) for name in TIMES}
        return Tables(readings=frames["readings"], incidents=frames["incidents"], assets=frames["assets"])

    def versions(self) -> dict[str, int]:
        """Table -> its current Delta version, for the tables that exist."""
        opened = {name: self._open(name) for name in SPECS}
        return {name: delta.version() for name, delta in opened.items() if delta is not None}

    def read(self, table: str, *, known_until: datetime | None = None, version: int | None = None) -> pl.DataFrame:
        """One table's rows. Raises BadTable where a file is damaged, NotFound where there is no such version."""
        rows = pl.col("known_at") <= known_until if known_until is not None else None
        frames = [frame.filter(rows) if rows is not None else frame for frame in self._files(table, version)]
        return pl.concat(frames, rechunk=False) if frames else SPECS[table].empty()

    def read_near(self, table: str, *, feed: str, first: datetime, last: datetime) -> pl.DataFrame:
        """The rows of one feed in a time range, from the files whose statistics say they may hold some."""
        column = pl.col(TIMES[table])
        rows = (pl.col("feed") == feed) & column.is_between(first, last)
        keep = partial(may_hold, column=TIMES[table], first=first, last=last, feed=feed)
        frames = [f.filter(rows) for f in self._files(table, None, keep)]
        return pl.concat(frames) if frames else SPECS[table].empty()

    def readings(
        self,
        *,
        after: datetime | None = None,
        until: datetime | None = None,
        metrics: Sequence[str] | None = None,
        version: int | None = None,
    ) -> pl.DataFrame:
        """The columns that features read, of the readings observed in (after, until], of some metrics only or of all.

        `asset_id` and `metric` are categorical: read as codes, never as text. Files, and row groups in them, whose
        statistics say that they hold none are left alone.
        """
        wanted = [
            *([pc.field("observed_at") > after] if after else []),
            *([pc.field("observed_at") <= until] if until else []),
            *([pc.field("metric").isin(pa.array(metrics, pa.string()))] if metrics is not None else []),
        ]
        rows = reduce(and_, wanted) if wanted else None
        keep = partial(may_hold, column="observed_at", first=after, last=until)
        delta = self._open("readings", version)
        frames = [self._coded(path, rows) for path in paths(delta, keep)]
        return pl.concat([READINGS.empty().select(READ_BY_FEATURES).cast(_CODED), *frames])

    def read_between(self, table: str, *, after: datetime, until: datetime) -> pl.DataFrame:
        """Whole rows that happened in (after, until], from the files whose statistics say they may hold some."""
        column = pl.col(TIMES[table])
        keep = partial(may_hold, column=TIMES[table], first=after, last=until)
        frames = [f.filter((column > after) & (column <= until)) for f in self._files(table, None, keep)]
        return pl.concat(frames) if frames else SPECS[table].empty()

    def scan(self, table: str, columns: Sequence[str], *, version: int | None = None) -> Iterator[pl.DataFrame]:
        """Some columns of a table, a million rows at a time: for what is counted over more than memory holds."""
        for path in paths(self._open(table, version)):
            where = self.root / table / path
            with verified(f"{table}/{path}"), pq.ParquetFile(where, page_checksum_verification=True) as file:
                for batch in file.iter_batches(_ROW_GROUP, columns=list(columns)):
                    yield pl.DataFrame(batch)

    def append_scores(self, frame: pl.DataFrame, *, run: str, at: datetime) -> bool:
        """Keep forecasts; the same run again changes nothing."""
        return self.commit("scores", frame, batches=[run], at=at)

    def scores(self, *, first: datetime | None = None, last: datetime | None = None) -> pl.DataFrame:
        """Kept forecasts with `as_of` in `first..last`."""
        frame = self.read("scores")
        frame = frame.filter(pl.col("as_of") >= first) if first else frame
        return frame.filter(pl.col("as_of") <= last) if last else frame

    def compact(self, table: str, *, at: datetime) -> int:
        """Many small files -> few, each time-ordered and with checksums. Returns how many files there were."""
        delta = self._open(table)
        if delta is None or len(delta.file_uris()) < 2:
            return 0
        before = len(delta.file_uris())
        frame = self.read(table, version=delta.version()).sort(TIMES.get(table, SPECS[table].key[0]))
        self._add(delta, table, frame, self._write(table, frame), [], at, mode="overwrite")
        return before

    def _open(self, table: str, version: int | None = None) -> DeltaTable | None:
        if version == NONE:
            return None
        try:
            delta = DeltaTable(self.root / table)
        except TableNotFoundError:
            return None
        if version is not None and version != delta.version():
            try:
                delta.load_as_version(version)
            except DeltaError as error:
                known = f"0 to {delta.version()}"
                raise NotFound(f"no version {version} of {table}", where=str(self.root), allowed=known) from error
        return delta

    def _open_or_create(self, table: str) -> DeltaTable:
        delta = self._open(table)
        if delta is not None:
            return delta
        (self.root / table).mkdir(parents=True, exist_ok=True)
        try:
            return DeltaTable.create(self.root / table, schema=_arrow_schema(SPECS[table]), mode="ignore")
        except CommitFailedError:  # another writer made it between our look and our commit
            return DeltaTable(self.root / table)

    def _write(self, table: str, frame: pl.DataFrame) -> str:
        """A Parquet file with page checksums, whole before Delta names it; a killed write leaves only an orphan."""
        name = f"part-{uuid.uuid4().hex}.parquet"
        arrow = frame.to_arrow().cast(_arrow_schema(SPECS[table]))
        pq.write_table(
            arrow,
            self.root / table / name,
            compression="zstd",
            compression_level=1,
            write_page_checksum=True,
            row_group_size=_ROW_GROUP,
        )
        return name

    def _add(
        self,
        delta: DeltaTable,
        table: str,
        frame: pl.DataFrame,
        path: str,
        batches: Sequence[str],
        at: datetime,
        mode: str = "append",
    ) -> None:
        size = (self.root / table / path).stat().st_size
        stamp = int(at.timestamp() * 1000)
        action = AddAction(path, size, {}, stamp, mode == "append", json.dumps(statistics(frame)))
        done = CommitProperties(app_transactions=[Transaction(batch, 1) for batch in batches], max_commit_retries=0)
        delta.create_write_transaction([action], mode, _arrow_schema(SPECS[table]), commit_properties=done)

    def _files(
        self, table: str, version: int | None, keep: Callable[[Mapping[str, object]], bool] = lambda _: True
    ) -> Iterator[pl.DataFrame]:
        for path in paths(self._open(table, version), keep):
            with verified(f"{table}/{path}"):
                arrow = pq.read_table(self.root / table / path, page_checksum_verification=True)
            yield pl.DataFrame(arrow).cast(SPECS[table].schema)  # type: ignore[arg-type]

    def _coded(self, path: str, rows: pc.Expression | None) -> pl.DataFrame:
        """Some rows of a file of readings, its ids as codes: twice as fast as text."""
        with verified(f"readings/{path}"):
            arrow = pq.read_table(
                self.root / "readings" / path,
                columns=list(READ_BY_FEATURES),
                filters=rows,
                read_dictionary=list(_CODED),
                page_checksum_verification=True,
            )
        return pl.DataFrame(arrow).cast(_CODED)


def _arrow_schema(spec: TableSpec) -> pa.Schema:
    kinds = {
        "text": pa.string(),
        "instant": pa.timestamp("us", tz="UTC"),
        "number": pa.float64(),
        "integer": pa.int64(),
        "flag": pa.bool_(),
    }
    return pa.schema([pa.field(c.name, kinds[c.kind], nullable=True) for c in spec.columns])
