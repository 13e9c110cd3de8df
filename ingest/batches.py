"""One feed, batch by batch: pull, parse, gate, split, commit. Small files are judged together and reported one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from contracts.errors import BadSource, NotFound
from contracts.feed import Feed
from contracts.pilot import Pilot
from contracts.results import QualityReport
from ingest import quality, quarantine
from ingest.duplicates import Fresh, fresh_rows
from ingest.parse import Work, candidates, needed_columns
from ingest.raw import ROW, Raw, read_raw
from ingest.rules import Rule, rules
from ingest.sources import Pulled, SourceFile, locate, pull
from ingest.split import BATCH, Split, split
from ingest.store import SPECS, TIMES, Store

if TYPE_CHECKING:
    from ingest.validate import Gate

_GROUP_ROWS = 400_000
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
    """What every batch of a feed needs."""

    work: Work
    rules: tuple[Rule, ...]
    store: Store
    gate: Gate

    @property
    def feed(self) -> Feed:
        return self.work.feed

    @property
    def reports(self) -> Path:
        return self.store.root / "batches"


def ingest_feed(
    feed: Feed, pilot: Pilot, *, store: Store, roots: Mapping[str, Path], now: datetime, docs: Path | None
) -> list[QualityReport]:
    """Bring every new file of a feed into the store; one report a file, by file name.

    A batch that the store has is not taken in again: its kept report is returned. A file that cannot be read is
    refused whole, copied to the store's `refused` folder, and reported; the other files go on.

    roots: the `shared` and `state` folders. now: the instant of receipt. docs: folder for Data Docs, or None.

    Raises:
        BadSource: no file at all. NotFound: readings or incidents before any asset is known.
    """
    from ingest.validate import Gate  # seconds to import: only where rows are validated

    files = locate(feed, roots)
    ingest = Ingest(Work(feed, pilot, now), rules(feed, pilot, known_assets(feed, pilot, store)), store, Gate(docs))
    reports: list[QualityReport] = []
    group: list[Batch] = []
    for file in files:
        pulled = _pulled(file, ingest)
        if isinstance(pulled, Pulled) and pulled.batch in {batch.id for batch in group}:
            reports, group = reports + take_in(group, ingest), []  # the same content under two names
        opened = _opened(pulled, ingest) if isinstance(pulled, Pulled) else pulled
        if isinstance(opened, QualityReport):
            reports.append(opened)
            continue
        group.append(opened)
        if sum(batch.rows.height for batch in group) >= _GROUP_ROWS:
            reports, group = reports + take_in(group, ingest), []
    reports += take_in(group, ingest)
    ingest.gate.build_docs()
    return sorted(reports, key=lambda report: report.source)


def known_assets(feed: Feed, pilot: Pilot, store: Store) -> frozenset[str]:
    """The ids that rows of this feed may be about: stored assets, and those that a metric is `at`.

    Raises:
        NotFound: the store knows no asset yet.
    """
    if feed.table == "assets":
        return frozenset()
    known = frozenset(store.read("assets")["asset_id"].unique())
    if not known:
        raise NotFound(
            "no asset is known",
            where=feed.name,
            allowed="assets first",
            fix="ingest the pilot's assets feed, or add one",
        )
    return known | {
        metric.at.removeprefix("asset:") for metric in pilot.metrics.values() if metric.at.startswith("asset:")
    }


def _pulled(file: SourceFile, ingest: Ingest) -> Pulled | QualityReport:
    try:
        return pull(file, ingest.feed)
    except BadSource as fault:
        return quality.refused(ingest.feed, batch="", source=file.name, why=str(fault))


def _opened(pulled: Pulled, ingest: Ingest) -> Batch | QualityReport:
    """The parsed file; or the report of what became of it, where that is known already."""
    feed, name = ingest.feed, pulled.source.name
    if ingest.store.holds(feed.table, pulled.batch):
        before = quality.kept(feed.name, pulled.batch, ingest.reports)
        if before is not None:
            return before if before.source == name else _copy_of(before, name)
    try:
        raw = read_raw(pulled, feed, needed_columns(feed))
    except BadSource as fault:
        return _refuse(ingest, pulled.batch, name, str(fault), pulled.content)
    return Batch(pulled.batch, name, raw, candidates(raw.frame, ingest.work))


def _copy_of(before: QualityReport, name: str) -> QualityReport:
    return replace(before, source=name, accepted=0, duplicates=before.accepted + before.duplicates)


def _refuse(ingest: Ingest, batch: str, source: str, why: str, content: bytes = b"") -> QualityReport:
    """A batch refused whole: the reason is kept, and the file with it."""
    report = quality.refused(ingest.feed, batch=batch, source=source, why=why)
    quality.keep(report, ingest.reports)
    if content:
        path = ingest.store.root / "refused" / ingest.feed.name / f"{batch}-{source}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return report


def take_in(group: Sequence[Batch], ingest: Ingest) -> list[QualityReport]:
    """Judge batches together and commit them; where that fails, one by one, so that one cannot refuse another."""
    if not group:
        return []
    rows = pl.concat(
        [b.rows.with_columns(pl.lit(i, dtype=pl.UInt32).alias(BATCH)) for i, b in enumerate(group)],
        how="vertical_relaxed",
    )
    parted = split(rows, ingest.rules, ingest.feed, ingest.work.pilot)
    fault = _gate_fault(rows, parted, ingest)
    if fault and len(group) > 1:
        return [report for batch in group for report in take_in([batch], ingest)]
    if fault:
        return [_refuse(ingest, group[0].id, group[0].source, fault)]
    return _commit(group, parted, ingest)


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
    fresh = {table: _fresh(table, rows, group, ingest) for table, rows in parted.accepted.items()}
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


def _fresh(table: str, rows: pl.DataFrame, group: Sequence[Batch], ingest: Ingest) -> Fresh:
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
    own = faults.filter(pl.col(BATCH) == position).drop(BATCH)
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
