"""`foresafe check`: whether a pilot's YAML is sound and its feeds readable, in words a data partner understands.

Nothing is written. Of each feed the first file is read and judged as ingest would judge it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import polars as pl

from contracts.errors import BadContract, ForesafeError
from contracts.feed import Feed, parse_feed
from contracts.pilot import Pilot, load_pilot
from ingest import quarantine
from ingest.parse import Work, candidates, needed_columns
from ingest.raw import Raw, read_raw
from ingest.rules import Rule, rules
from ingest.sources import Pulled, SourceFile, locate, pull
from ingest.split import BATCH, split

_SHOWN = 3


@dataclass(frozen=True)
class Finding:
    """One thing that was found. `error`: ingest would fail or refuse a file; `warning`: rows would be quarantined."""

    level: Literal["error", "warning", "ok"]
    feed: str
    words: str


def check_pilot(folder: Path, *, roots: Mapping[str, Path], now: datetime) -> list[Finding]:
    """Findings about a pilot, in the order in which it would be ingested.

    folder: pilots/NAME. roots: the `shared` and `state` folders. now: as if received then.

    Raises:
        NotFound, BadPilot: there is no such pilot, or pilot.yaml itself is unsound.
    """
    pilot = load_pilot(folder)
    paths = sorted((folder / "feeds").glob("*.odcs.yaml"))
    if not paths:
        return [Finding("error", "-", f"{folder.name}/feeds holds no contract NAME.odcs.yaml")]
    findings: list[Finding] = []
    feeds: list[Feed] = []
    for path in paths:
        try:
            feeds.append(_named_as(path, parse_feed(path.read_text(encoding="utf-8"), pilot, where=path.name)))
        except ForesafeError as fault:
            findings.append(Finding("error", path.name.removesuffix(".odcs.yaml"), str(fault)))
    assets: set[str] = {m.at.removeprefix("asset:") for m in pilot.metrics.values() if m.at.startswith("asset:")}
    for feed in sorted(feeds, key=lambda feed: (feed.table != "assets", feed.name)):
        findings += _check_feed(feed, pilot, roots, now, assets)
    return findings


def _named_as(path: Path, feed: Feed) -> Feed:
    if path.name != f"{feed.name}.odcs.yaml":
        raise BadContract(f"the feed is named {feed.name!r}", where=path.name, allowed=f"{feed.name}.odcs.yaml")
    return feed


def _check_feed(feed: Feed, pilot: Pilot, roots: Mapping[str, Path], now: datetime, assets: set[str]) -> list[Finding]:
    """Findings about one feed; an assets feed adds the ids it declares to `assets`."""
    try:
        files = locate(feed, roots)
        reads = files if feed.table == "assets" else files[:1]
        return [finding for file in reads for finding in _check_file(file, len(files), feed, pilot, now, assets)]
    except ForesafeError as fault:
        return [Finding("error", feed.name, str(fault))]


def _check_file(
    file: SourceFile, files: int, feed: Feed, pilot: Pilot, now: datetime, assets: set[str]
) -> list[Finding]:
    pulled: Pulled = pull(file, feed)
    raw = read_raw(pulled, feed, needed_columns(feed))
    rows = candidates(raw.frame, Work(feed, pilot, now)).with_columns(pl.lit(0, dtype=pl.UInt32).alias(BATCH))
    judged = rules(feed, pilot, frozenset(assets))
    parted = split(rows, judged, feed, pilot)
    if feed.table == "assets":
        assets |= set(parted.accepted["assets"]["asset_id"])
    faults = quarantine.records(
        parted.faults.drop(BATCH, "position"), raw, feed=feed, batch="check", source=file.name, now=now
    )
    accepted = parted.accepted[feed.table].height
    of = f"the first of {files} files" if files > 1 else "one file"
    head = Finding("ok", feed.name, f"{of}, {file.name}: {raw.frame.height:,} rows, {accepted:,} {feed.table} sound")
    return [head, *_fault_words(faults, raw, feed, judged)]


def _fault_words(faults: pl.DataFrame, raw: Raw, feed: Feed, judged: tuple[Rule, ...]) -> list[Finding]:
    """The commonest faults, each with its first row."""
    allowed = {(rule.name, rule.sent_in): rule.words() for rule in judged if not rule.metric}
    grouped = (
        faults.sort("row").group_by("rule", "column").agg(pl.len().alias("n"), pl.col("row", "value", "source").first())
    )
    out = []
    for fault in (
        grouped.sort("n", "rule", "column", descending=[True, False, False]).head(_SHOWN).iter_rows(named=True)
    ):
        may = allowed.get((fault["rule"], fault["column"])) or allowed.get((fault["rule"], ""), "")
        value = f" = {fault['value']!r}" if fault["value"] is not None else ""
        words = f"{fault['column'] or 'line'}{value} at row {fault['row']} of {fault['source']}: {fault['rule']}"
        out.append(
            Finding("warning", feed.name, f"{words}{f'; allowed: {may}' if may else ''}; {fault['n']:,} such rows")
        )
    return out
