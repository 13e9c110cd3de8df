"""A feed's files, one after another: those the store has are passed over, small ones are taken in together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from contracts.errors import BadSource, NotFound
from contracts.feed import Feed
from contracts.pilot import Pilot
from contracts.results import QualityReport
from ingest import quality
from ingest.docs import Docs
from ingest.intake import Batch, Ingest, refuse, take_in
from ingest.parse import Work, candidates, needed_columns
from ingest.raw import read_raw
from ingest.rules import rules
from ingest.sources import Pulled, SourceFile, locate, pull
from ingest.store import Store

_GROUP_ROWS = 400_000


def ingest_feed(
    feed: Feed, pilot: Pilot, *, store: Store, roots: Mapping[str, Path], now: datetime, docs: Docs | None
) -> list[QualityReport]:
    """Bring every new file of a feed into the store; one report a file, by file name.

    A batch that the store has is not taken in again: its kept report is returned. A file that cannot be read is
    refused whole, copied to the store's `refused` folder, and reported; the other files go on.

    roots: the `shared` and `state` folders. now: the instant of receipt. docs: Data Docs, or None.

    Raises:
        BadSource: no file at all. NotFound: readings or incidents before any asset is known.
    """
    files = locate(feed, roots)
    ingest = Ingest(Work(feed, pilot, now), rules(feed, pilot, known_assets(feed, pilot, store)), store, docs)
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
    ingest.show()
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
        return refuse(ingest, pulled.batch, name, str(fault), pulled.content)
    return Batch(pulled.batch, name, raw, candidates(raw.frame, ingest.work))


def _copy_of(before: QualityReport, name: str) -> QualityReport:
    return replace(before, source=name, accepted=0, duplicates=before.accepted + before.duplicates)
