"""What was refused, row by row: recorded as sent, listed, and replayed after a contract was mended."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

import polars as pl

from contracts.feed import Feed
from contracts.tables import QUARANTINE
from ingest.raw import ROW, Raw
from ingest.store import Store

REPLAYED = "replayed"


def records(faults: pl.DataFrame, raw: Raw, *, feed: Feed, batch: str, source: str, now: datetime) -> pl.DataFrame:
    """One quarantine row a broken rule: what stood there, and the whole row as JSON.

    faults: `__row`, rule, column (the partner's names). raw: the table the rows stand in.
    """
    sent = _as_sent(raw, faults)
    lines = raw.broken.select(
        ROW,
        "rule",
        pl.lit("").alias("column"),
        pl.lit(None, dtype=pl.String).alias("value"),
        pl.struct(pl.col("line")).struct.json_encode().alias("raw"),
    )
    out = pl.concat([sent, lines]).rename({ROW: "row"})
    stamped = out.with_columns(
        partner=pl.lit(feed.partner),
        feed=pl.lit(feed.name),
        batch=pl.lit(batch),
        source=pl.lit(source),
        refused_at=pl.lit(now).cast(pl.Datetime("us", "UTC")),
    )
    return QUARANTINE.conform(stamped)


def _as_sent(raw: Raw, faults: pl.DataFrame) -> pl.DataFrame:
    rows = raw.frame.join(faults.select(ROW).unique(), on=ROW, how="semi")
    sent = [c for c in rows.columns if c != ROW]
    whole = rows.select(ROW, pl.struct(sent).struct.json_encode().alias("raw"))
    parts = [
        faults.filter(pl.col("column") == column).select(ROW, "rule", "column").join(_values(rows, column), on=ROW)
        for column in faults["column"].unique(maintain_order=True)
    ]
    empty = pl.DataFrame(schema={ROW: pl.Int64(), "rule": pl.String(), "column": pl.String(), "value": pl.String()})
    values = pl.concat(parts) if parts else empty
    return values.join(whole, on=ROW, how="left").select(ROW, "rule", "column", "value", "raw")


def _values(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """The text in one partner's column, or in several joined with `, ` where a rule looks at several."""
    names = [name for name in column.split(", ") if name in rows.columns] if column not in rows.columns else [column]
    texts = [pl.col(name).cast(pl.String).fill_null("") for name in names]
    joined = pl.concat_str(texts, separator=", ") if texts else pl.lit(None, dtype=pl.String)
    return rows.select(ROW, joined.alias("value"))


def outstanding(store: Store, feed: str | None = None) -> pl.DataFrame:
    """Refused rows that were not accepted since, newest first."""
    frame = store.read("quarantine")
    frame = frame.filter(pl.col("feed") == feed) if feed else frame
    done = frame.filter(pl.col("rule") == REPLAYED)
    left = frame.filter(pl.col("rule") != REPLAYED)
    left = left.join(done, on=["feed", "batch", "row"], how="anti")
    return left.sort("refused_at", "feed", "batch", "row", descending=[True, False, False, False])


def stored_rows(left: pl.DataFrame) -> Mapping[tuple[str, str], pl.DataFrame]:
    """Outstanding rows as the partner's table again, text throughout: (batch, source) -> frame with `__row`."""
    once = left.unique(["batch", "source", "row"], maintain_order=True).filter(pl.col("row") > 0)
    out: dict[tuple[str, str], pl.DataFrame] = {}
    for (batch, source), part in once.group_by(["batch", "source"], maintain_order=True):
        parsed = [json.loads(raw) for raw in part["raw"]]
        whole = [(row, values) for row, values in zip(part["row"], parsed, strict=True) if list(values) != ["line"]]
        if whole:
            out[(str(batch), str(source))] = _table(whole)
    return out


def _table(rows: Sequence[tuple[int, Mapping[str, object]]]) -> pl.DataFrame:
    names = list(rows[0][1])
    columns = [pl.Series(n, [_text(values.get(n)) for _, values in rows], dtype=pl.String) for n in names]
    return pl.DataFrame([pl.Series(ROW, [row for row, _ in rows], dtype=pl.Int64), *columns])


def _text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def replayed(rows: pl.DataFrame, *, feed: Feed, batch: str, source: str, now: datetime) -> pl.DataFrame:
    """The records that say that these rows (`__row`) were accepted after all."""
    return QUARANTINE.conform(
        rows.select(
            pl.lit(feed.partner).alias("partner"),
            pl.lit(feed.name).alias("feed"),
            pl.lit(batch).alias("batch"),
            pl.lit(source).alias("source"),
            pl.col(ROW).alias("row"),
            pl.lit(REPLAYED).alias("rule"),
            pl.lit("").alias("column"),
            pl.lit(None, dtype=pl.String).alias("value"),
            pl.lit("").alias("raw"),
            pl.lit(now).cast(pl.Datetime("us", "UTC")).alias("refused_at"),
        )
    )


__all__ = ["REPLAYED", "outstanding", "records", "replayed", "stored_rows"]
