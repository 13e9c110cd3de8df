"""Quarantined rows, judged again under the contract as it is now: what passes goes into the store."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime

import polars as pl

from contracts.feed import Feed
from contracts.pilot import Pilot
from contracts.results import QualityReport
from ingest import quality, quarantine
from ingest.batches import known_assets
from ingest.duplicates import Fresh
from ingest.intake import Batch, Ingest, fresh_of, judge
from ingest.parse import Work, candidates, needed_columns
from ingest.raw import BROKEN, ROW, Raw
from ingest.rules import rules
from ingest.store import Store


def replay_feed(feed: Feed, pilot: Pilot, *, store: Store, now: datetime) -> list[QualityReport]:
    """Every outstanding quarantined row of a feed once more; one report a batch it came in.

    What now passes is committed under its batch and no longer listed as outstanding; what still fails stays.
    Doing it again changes nothing. A line that was no row at all (rule `columns`, `control_bytes`) stays as it is.
    `rows` of a report counts quarantined rows, not readings.
    """
    left = quarantine.outstanding(store, feed.name)
    if not left.height:
        return []
    ingest = Ingest(Work(feed, pilot, now), rules(feed, pilot, known_assets(feed, pilot, store)), store)
    return [_replay(table, batch, source, ingest) for (batch, source), table in quarantine.stored_rows(left).items()]


def _replay(table: pl.DataFrame, batch: str, source: str, ingest: Ingest) -> QualityReport:
    feed = ingest.feed
    absent = sorted(needed_columns(feed) - set(table.columns))
    if absent:
        why = f"the quarantined rows have no column {absent[0]!r}: ingest the file again"
        return quality.refused(feed, batch=batch, source=source, why=why)
    one = Batch(batch, source, Raw(table, pl.DataFrame(schema=BROKEN)), candidates(table, ingest.work))
    judged = judge([one], ingest)
    if judged.fault:
        return quality.refused(feed, batch=batch, source=source, why=judged.fault)
    fresh = {name: fresh_of(name, rows, [one], ingest) for name, rows in judged.parted.accepted.items()}
    still = pl.concat([judged.parted.faults.select(ROW), *(f.contradictions.select(ROW) for f in fresh.values())])
    sound = table.select(ROW).join(still, on=ROW, how="anti").sort(ROW)
    _commit(sound, fresh, one, ingest)
    return _report(one, sound, fresh, feed)


def _commit(sound: pl.DataFrame, fresh: Mapping[str, Fresh], one: Batch, ingest: Ingest) -> None:
    """Rows first, then the record that they are accepted: killed in between, they are duplicates next time."""
    if not sound.height:
        return
    feed, store, now = ingest.feed, ingest.store, ingest.work.now
    rows = ",".join(str(row) for row in sound[ROW])
    done = f"replay-{hashlib.blake2b(f'{one.id}|{feed.digest}|{rows}'.encode(), digest_size=10).hexdigest()}"
    for name in sorted(fresh, key=lambda name: name == feed.table):
        own = fresh[name].rows.join(sound, on=ROW, how="semi")
        store.commit(name, own, batches=[done], at=now)
    records = quarantine.replayed(sound, feed=feed, batch=one.id, source=one.source, now=now)
    store.commit("quarantine", records, batches=[done], at=now)


def _report(one: Batch, sound: pl.DataFrame, fresh: Mapping[str, Fresh], feed: Feed) -> QualityReport:
    new = pl.concat([f.rows.select(ROW) for f in fresh.values()]).unique()
    accepted = sound.join(new, on=ROW, how="semi").height
    return QualityReport(
        pilot=feed.pilot,
        partner=feed.partner,
        feed=feed.name,
        batch=one.id,
        source=one.source,
        rows=one.raw.frame.height,
        accepted=accepted,
        duplicates=sound.height - accepted,
        quarantined=one.raw.frame.height - sound.height,
        rules=(),
    )
