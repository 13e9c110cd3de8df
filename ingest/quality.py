"""Quality reports: what became of each batch, kept as JSON beside the store, and as a table for people."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from contracts.feed import Feed
from contracts.results import QualityReport, RuleCount

_SHOWN = 3  # faults a feed, in words


def rule_counts(quarantined: pl.DataFrame) -> tuple[RuleCount, ...]:
    """From a batch's quarantine rows: each rule and column, how many rows, and the first of them."""
    grouped = (
        quarantined.sort("row")
        .group_by("rule", "column", maintain_order=True)
        .agg(pl.len().alias("rows"), pl.col("row").first(), pl.col("value").first())
        .sort("rows", "rule", "column", descending=[True, False, False])
    )
    return tuple(
        RuleCount(rule=r["rule"], column=r["column"], rows=r["rows"], first_row=r["row"], first_value=r["value"])
        for r in grouped.iter_rows(named=True)
    )


def refused(feed: Feed, *, batch: str, source: str, why: str) -> QualityReport:
    """The report of a batch that was refused whole."""
    return QualityReport(feed.pilot, feed.partner, feed.name, batch, source, 0, 0, 0, 0, (), refused=why)


def keep(report: QualityReport, folder: Path) -> None:
    """Write a report whole or not at all."""
    path = folder / report.feed / f"{report.batch}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(report.as_json(), ensure_ascii=False, indent=1), encoding="utf-8")
    os.replace(partial, path)


def kept(feed: str, batch: str, folder: Path) -> QualityReport | None:
    """The report that was kept of a batch."""
    path = folder / feed / f"{batch}.json"
    if not path.is_file():
        return None
    values = json.loads(path.read_text(encoding="utf-8"))
    return QualityReport(**{**values, "rules": tuple(RuleCount(**rule) for rule in values["rules"])})


def table(reports: Sequence[QualityReport]) -> str:
    """Reports as a plain table, one line a feed, then the refusals in words."""
    head = f"{'feed':<24}{'batches':>8}{'rows':>12}{'accepted':>12}{'duplicates':>12}{'quarantined':>12}{'refused':>9}"
    lines = [head, "-" * len(head)]
    for feed in dict.fromkeys(report.feed for report in reports):
        own = [report for report in reports if report.feed == feed]
        counts = (sum(getattr(r, name) for r in own) for name in ("rows", "accepted", "duplicates", "quarantined"))
        cells = "".join(f"{count:>12,}" for count in counts)
        lines.append(f"{feed:<24}{len(own):>8}{cells}{sum(bool(r.refused) for r in own):>9}")
    return "\n".join([*lines, *_words(reports)])


def _words(reports: Sequence[QualityReport]) -> list[str]:
    """Refusals, then the commonest faults of each feed over all its batches, with the first such row."""
    out = [f"refused whole: {report.refused}" for report in reports if report.refused]
    for feed in dict.fromkeys(report.feed for report in reports):
        found: dict[tuple[str, str], tuple[int, str]] = {}
        for report in (r for r in reports if r.feed == feed):
            for rule in report.rules:
                rows, first = found.get((rule.rule, rule.column), (0, ""))
                value = f" = {rule.first_value!r}" if rule.first_value is not None else ""
                first = first or f"{rule.column or 'line'}{value} at row {rule.first_row} of {report.source}"
                found[rule.rule, rule.column] = (rows + rule.rows, first)
        commonest = sorted(found.items(), key=lambda item: -item[1][0])[:_SHOWN]
        out += [f"{feed}: {rule}: {first} ({rows:,} such)" for (rule, _), (rows, first) in commonest]
    return out
