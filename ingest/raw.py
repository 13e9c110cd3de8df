"""Bytes -> the partner's own table: text as sent (or Parquet's types), a row number each, broken lines set apart.

Row 1 is the first data row. In CSV, row n stands on line n + 1 of the file, blank lines counted, unless quoted
fields hold line breaks. Nothing is interpreted here: no numbers, no times, no missing marks.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from contracts.errors import BadSource, nearest
from contracts.feed import Feed
from ingest.sources import Pulled

ROW = "__row"
_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
_CONTROL_BYTES = bytes([*range(9), 11, 12, *range(14, 32), 127])
BROKEN = {ROW: pl.Int64(), "rule": pl.String(), "line": pl.String()}


@dataclass(frozen=True)
class Raw:
    """frame: column `__row` and the partner's columns. broken: lines that are no row: `__row`, rule, line."""

    frame: pl.DataFrame
    broken: pl.DataFrame


def read_raw(pulled: Pulled, feed: Feed, needed: frozenset[str]) -> Raw:
    """The table in a file.

    needed: the partner's columns that the contract uses.

    Raises:
        BadSource: wrong encoding or format, no rows, too many rows, or a needed column is missing.
    """
    where = f"{feed.name}: {pulled.source.name}"
    read = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet}[feed.format]
    raw = read(pulled.content, feed, needed, where)
    missing = sorted(needed - set(raw.frame.columns))
    if missing:
        there = [c for c in raw.frame.columns if c != ROW]
        raise BadSource(f"no column {missing[0]!r}", where=where, allowed=nearest(missing[0], there))
    if not raw.frame.height and not raw.broken.height:
        raise BadSource("no data rows", where=where, allowed="at least one", cause="an empty export")
    return raw


def _text(content: bytes, feed: Feed, where: str) -> str:
    """Strictly the stated encoding. UTF-8 can by chance be read as cp949 (12 % of the time), so that is looked for."""
    try:
        text = content.decode(feed.encoding, errors="strict")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadSource(
            f"not {feed.encoding}: byte 0x{content[error.start]:02x} on line {line}",
            where=where,
            cause=f"the file is {_other_encoding(content, feed.encoding)}",
            fix="correct `encoding` in the contract",
        ) from error
    multibyte = feed.encoding.lower().replace("_", "-") in ("cp949", "euc-kr", "ms949", "uhc", "euckr", "johab")
    if multibyte and not content.isascii() and _decodes(content, "utf-8-sig"):
        raise BadSource(
            f"not {feed.encoding}: every byte of it is sound UTF-8",
            where=where,
            cause="the file is UTF-8",
            fix="correct `encoding` in the contract",
        )
    return text.replace("\r\n", "\n") if "\r" in text else text


def _other_encoding(content: bytes, stated: str) -> str:
    likely = [
        name for name in ("UTF-8", "cp949", "UTF-16") if name.lower() not in stated.lower() and _decodes(content, name)
    ]
    return likely[0] if likely else "in another encoding, or not text"


def _decodes(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding, errors="strict")
    except UnicodeDecodeError:
        return False
    return True


def _lines(text: str, feed: Feed, where: str) -> pl.Series:
    if text.count("\n") > feed.caps.max_rows + 1:
        raise BadSource(f"more than {feed.caps.max_rows:,} rows", where=where, allowed="limits.max_rows")
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    return pl.Series("line", lines, dtype=pl.String)


def _csv(content: bytes, feed: Feed, needed: frozenset[str], where: str) -> Raw:
    text = _text(content, feed, where)
    if '"' in text:
        return _quoted_csv(text, feed, where)
    lines = _lines(text, feed, where)
    header = _header(lines[0].split(feed.delimiter) if len(lines) else [], where)
    body = lines.slice(1)
    fields = body.str.count_matches(feed.delimiter, literal=True) + 1
    checked = pl.DataFrame({ROW: pl.int_range(1, len(body) + 1, dtype=pl.Int64, eager=True), "line": body, "n": fields})
    checked = checked.with_columns(_line_rule(pl.col("n") != len(header), dirty=_has_control(content)))
    if len(header) > 1:  # with one column, a blank line is an empty value
        checked = checked.filter(pl.col("line").str.strip_chars() != "")
    good = checked.filter(pl.col("rule").is_null())
    block = "\n".join(good["line"].to_list()) if good.height < len(body) else text.partition("\n")[2]
    frame = _parse_block(block, feed.delimiter, header)
    return Raw(frame.with_columns(good[ROW].alias(ROW)), _broken(checked))


def _parse_block(block: str, delimiter: str, header: list[str]) -> pl.DataFrame:
    if not block:
        return pl.DataFrame(schema=dict.fromkeys(header, pl.String()))
    return pl.read_csv(
        block.encode(),
        has_header=False,
        new_columns=header,
        separator=delimiter,
        quote_char=None,
        infer_schema=False,
        schema=dict.fromkeys(header, pl.String()),
    )


def _line_rule(wrong_fields: pl.Expr, *, dirty: bool) -> pl.Expr:
    control = pl.col("line").str.contains(_CONTROL) if dirty else pl.lit(False)
    return (
        pl.when(control).then(pl.lit("control_bytes")).when(wrong_fields).then(pl.lit("columns")).otherwise(None)
    ).alias("rule")


def _has_control(content: bytes) -> bool:
    return len(content.translate(None, _CONTROL_BYTES)) != len(content)


def _broken(checked: pl.DataFrame) -> pl.DataFrame:
    return checked.filter(pl.col("rule").is_not_null()).select(ROW, "rule", "line").cast(BROKEN)  # type: ignore[arg-type]


def _header(names: list[str], where: str) -> list[str]:
    names = [name.strip().strip("\ufeff") for name in names]
    if not any(names):
        raise BadSource("no header row", where=where, allowed="column names on the first line")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadSource(f"the column {twice[0]!r} stands twice in the header", where=where, allowed="once")
    return names


def _quoted_csv(text: str, feed: Feed, where: str) -> Raw:
    """Fields in quotes may hold delimiters and line breaks: the csv module reads them one by one."""
    if text.count("\n") > feed.caps.max_rows + 1:
        raise BadSource(f"more than {feed.caps.max_rows:,} rows", where=where, allowed="limits.max_rows")
    try:
        records = list(csv.reader(io.StringIO(text, newline=""), delimiter=feed.delimiter))
    except csv.Error as error:
        raise BadSource(f"not CSV: {error}", where=where) from error
    header = _header(records[0], where)
    rows = pl.DataFrame(
        {
            ROW: pl.int_range(1, len(records), dtype=pl.Int64, eager=True),
            "line": pl.Series([feed.delimiter.join(r) for r in records[1:]], dtype=pl.String),
            "n": pl.Series([len(r) for r in records[1:]], dtype=pl.Int64),
        }
    )
    rows = rows.with_columns(_line_rule(pl.col("n") != len(header), dirty=True)).filter(pl.col("n") > 0)
    good = rows.filter(pl.col("rule").is_null())[ROW]
    columns = zip(*(records[row] for row in good), strict=True) if len(good) else [() for _ in header]
    frame = pl.DataFrame([pl.Series(n, c, dtype=pl.String) for n, c in zip(header, columns, strict=True)])
    return Raw(frame.with_columns(good.alias(ROW)), _broken(rows))


def _jsonl(content: bytes, feed: Feed, needed: frozenset[str], where: str) -> Raw:
    lines = _lines(_text(content, feed, where), feed, where)
    checked = pl.DataFrame({ROW: pl.int_range(1, len(lines) + 1, dtype=pl.Int64, eager=True), "line": lines})
    checked = checked.with_columns(_line_rule(pl.lit(False), dirty=_has_control(content)))
    checked = checked.filter(pl.col("line").str.strip_chars() != "")
    clean = checked.filter(pl.col("rule").is_null())
    if not clean.height:
        return Raw(
            pl.DataFrame(schema={ROW: pl.Int64(), **dict.fromkeys(sorted(needed), pl.String())}), _broken(checked)
        )
    keys = _keys(clean["line"], where)
    try:
        block = "\n".join(clean["line"].to_list()).encode()
        frame = pl.read_ndjson(block, schema=dict.fromkeys(sorted(keys | needed), pl.String()))
        frame = frame.with_columns(clean[ROW].alias(ROW))
    except (pl.exceptions.PolarsError, ValueError):
        return _jsonl_slowly(checked, keys | needed, where)
    absent = [name for name in sorted(needed - keys) if frame[name].null_count() == frame.height]
    return Raw(frame.drop(absent), _broken(checked))


def _keys(lines: pl.Series, where: str) -> set[str]:
    """The keys of the first line that is an object."""
    for line in lines.head(1000):
        parsed = _json(line)
        if parsed is not None:
            return set(parsed)
    raise BadSource("not JSON lines: none of the first lines is an object", where=where)


def _json(line: str) -> dict[str, object] | None:
    try:
        parsed = json.loads(line, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _jsonl_slowly(checked: pl.DataFrame, keys: set[str], where: str) -> Raw:
    """One line at a time, where the fast reader met a line that is no JSON object."""
    parsed = [_json(line) if rule is None else None for line, rule in checked.select("line", "rule").iter_rows()]
    rows = checked.with_columns(pl.Series("ok", [p is not None for p in parsed]))
    rows = rows.with_columns(
        rule=pl.when(pl.col("rule").is_null() & ~pl.col("ok")).then(pl.lit("columns")).otherwise("rule")
    )
    sound = [p for p in parsed if p is not None]
    names = sorted(keys)
    frame = pl.DataFrame([pl.Series(n, [_as_text(p.get(n)) for p in sound], dtype=pl.String) for n in names])
    return Raw(frame.with_columns(rows.filter("ok")[ROW].alias(ROW)), _broken(rows))


def _as_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _parquet(content: bytes, feed: Feed, needed: frozenset[str], where: str) -> Raw:
    """Row groups one by one, counting: the file's own metadata may lie about how many rows there are."""
    try:
        opened = pq.ParquetFile(io.BytesIO(content), page_checksum_verification=True)
        names = opened.schema_arrow.names
        keep = [name for name in names if name in needed] if needed else names
        batches, rows = [], 0
        for batch in opened.iter_batches(batch_size=1 << 17, columns=keep):
            rows += batch.num_rows
            if rows > feed.caps.max_rows:
                raise BadSource(f"more than {feed.caps.max_rows:,} rows", where=where, allowed="limits.max_rows")
            batches.append(batch)
        table = pa.Table.from_batches(batches, schema=batches[0].schema if batches else None)
    except (pa.ArrowException, OSError, IndexError, ValueError) as error:
        raise BadSource(f"not readable Parquet: {error}", where=where, cause="a broken upload") from error
    frame = pl.DataFrame(table)
    frame = frame.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))
    return Raw(
        frame.with_columns(pl.int_range(1, frame.height + 1, dtype=pl.Int64).alias(ROW)), pl.DataFrame(schema=BROKEN)
    )
