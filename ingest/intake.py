"""Parsed batches -> the store: judged together by both validators, cleared of duplicates, committed, reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from contracts.feed import Feed
from contracts.results import QualityReport
from ingest import quality, quarantine
from ingest.docs import Docs
from ingest.duplicates import Fresh, fresh_rows
from ingest.files import TIMES
from ingest.parse import Work
from ingest.raw import ROW, Raw
from ingest.rules import Rule
from ingest.split import BATCH, Split, split
from ingest.store import SPECS, Store

if TYPE_CHECKING:
    from ingest.validate import Gate

_EVER = (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))


@dataclass(frozen=True)
class Batch:
    """One file on its way in. `id` is what the store knows it by."""

    id: str
    source: str
    raw: Raw
    rows: pl.DataFrame


@dataclass(frozen=True)
class Ingest:
    """What every batch of a feed needs. docs: where to show what was judged, or None."""

    work: Work
    rules: tuple[Rule, ...]
    store: Store
    docs: Docs | None = None

    @cached_property
    def gate(self) -> Gate:
        """Made when the first row is judged: it takes seconds to import, and mostly nothing is new."""
        from ingest.validate import Gate

        return Gate(self.docs)

    def show(self) -> None:
        """Data Docs of what was judged."""
        if "gate" in vars(self):
            self.gate.build_docs()

    @property
    def feed(self) -> Feed:
        return self.work.feed

    @property
    def reports(self) -> Path:
        return self.store.root / "batches"


def refuse(ingest: Ingest, batch: str, source: str, why: str, content: bytes = b"") -> QualityReport:
    """A batch refused whole: the reason is kept, and the file with it."""
    report = quality.refused(ingest.feed, batch=batch, source=source, why=why)
    quality.keep(report, ingest.reports)
    if content:
        path = ingest.store.root / "refused" / ingest.feed.name / f"{batch}-{source}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return report


@dataclass(frozen=True)
class Judged:
    """What both validators made of a group of batches. fault: why it is refused whole; empty if it is not."""

    parted: Split
    fault: str


def take_in(group: Sequence[Batch], ingest: Ingest) -> list[QualityReport]:
    """Judge batches together and commit them; where that fails, one by one, so that one cannot refuse another."""
    if not group:
        return []
    judged = judge(group, ingest)
    if judged.fault and len(group) > 1:
        return [report for batch in group for report in take_in([batch], ingest)]
    if judged.fault:
        return [refuse(ingest, group[0].id, group[0].source, judged.fault)]
    return _commit(group, judged.parted, ingest)


def judge(group: Sequence[Batch], ingest: Ingest) -> Judged:
    """Both validators on the rows of a group; they must count the same faults."""
    rows = pl.concat(
        [b.rows.with_columns(pl.lit(i, dtype=pl.UInt32).alias(BATCH)) for i, b in enumerate(group)],
        how="vertical_relaxed",
    )
    parted = split(rows, ingest.rules, ingest.feed, ingest.work.pilot)
    return Judged(parted, _gate_fault(rows, parted, ingest))


def _gate_fault(rows: pl.DataFrame, parted: Split, ingest: Ingest) -> str:
    """Why Great Expectations refuses the rows as a whole: it could not judge them, or it counts other faults."""
    if not rows.height:
        return ""  # every line was broken, and is quarantined as such
    verdict = ingest.gate.validate(rows, ingest.rules, name=ingest.feed.name)
    if verdict.fault:
        return verdict.fault
    for rule, ours, theirs in zip(ingest.rules, parted.broken, verdict.counts, strict=True):
        if ours != theirs:
            return f"the two validators disagree on {rule.name} of {rule.sent_in}: {ours} against {theirs} rows"
    return ""


def _commit(group: Sequence[Batch], parted: Split, ingest: Ingest) -> list[QualityReport]:
    """Quarantine first, the feed's own table last: a batch that its table holds is wholly in."""
    fresh = {table: fresh_of(table, rows, group, ingest) for table, rows in parted.accepted.items()}
    faults = pl.concat(
        [parted.faults.select(BATCH, ROW, "rule", "column"), *(_contradictions(f, ingest.feed) for f in fresh.values())]
    )
    refused = [_records(batch, i, faults, ingest) for i, batch in enumerate(group)]
    reports = [_report(batch, i, parted, fresh, refused[i], ingest.feed) for i, batch in enumerate(group)]
    now, ids = ingest.work.now, [batch.id for batch in group]
    with_faults = [i for i, rows in enumerate(refused) if rows.height]
    if with_faults:
        found = pl.concat([refused[i] for i in with_faults])
        ingest.store.commit("quarantine", found, batches=[ids[i] for i in with_faults], at=now)
    for report in reports:
        quality.keep(report, ingest.reports)
    for table in sorted(fresh, key=lambda table: table == ingest.feed.table):
        ingest.store.commit(table, fresh[table].rows, batches=ids, at=now)
    return reports


def fresh_of(table: str, rows: pl.DataFrame, group: Sequence[Batch], ingest: Ingest) -> Fresh:
    feed, spec, time = ingest.feed, SPECS[table], TIMES[table]
    names = pl.Series([batch.id for batch in group], dtype=pl.String)
    rows = rows.with_columns(
        partner=pl.lit(feed.partner), feed=pl.lit(feed.name), batch=names.gather(rows[BATCH].to_numpy())
    )
    if not rows.height:
        return Fresh(rows, rows, rows)
    # an asset's `known_at` may be the instant of receipt: its earlier rows can lie anywhere
    span = (rows[time].min(), rows[time].max()) if table != "assets" else _EVER
    stored = ingest.store.read_near(table, feed=feed.name, first=span[0], last=span[1])  # type: ignore[arg-type]
    return fresh_rows(rows, stored, spec, received=feed.known_at.receipt)


def _contradictions(fresh: Fresh, feed: Feed) -> pl.DataFrame:
    rows = fresh.contradictions
    column = pl.lit("")
    if "metric" in rows.columns:
        columns = {c.name: c.column for c in feed.columns}
        column = pl.col("metric").replace_strict(columns, default=columns.get("value", ""), return_dtype=pl.String)
    return rows.select(BATCH, ROW, pl.lit("contradiction").alias("rule"), column.alias("column"))


def _records(batch: Batch, position: int, faults: pl.DataFrame, ingest: Ingest) -> pl.DataFrame:
    # in wide_assets one bad stamp refuses many cells: it is one fault of one row
    own = faults.filter(pl.col(BATCH) == position).drop(BATCH).unique(maintain_order=True)
    return quarantine.records(
        own, batch.raw, feed=ingest.feed, batch=batch.id, source=batch.source, now=ingest.work.now
    )


def _report(
    batch: Batch, position: int, parted: Split, fresh: Mapping[str, Fresh], refused: pl.DataFrame, feed: Feed
) -> QualityReport:
    stated = parted.stated.get(position, 0)
    accepted = sum(f.rows.filter(pl.col(BATCH) == position).height for f in fresh.values())
    duplicates = sum(f.duplicates.filter(pl.col(BATCH) == position).height for f in fresh.values())
    broken = batch.raw.broken.height
    return QualityReport(
        pilot=feed.pilot,
        partner=feed.partner,
        feed=feed.name,
        batch=batch.id,
        source=batch.source,
        rows=stated + broken,
        accepted=accepted,
        duplicates=duplicates,
        quarantined=stated - accepted - duplicates + broken,
        rules=quality.rule_counts(refused),
    )
