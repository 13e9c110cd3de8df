"""Files as they come: quotes, line endings, JSON lines, Parquet, encodings. Row numbers are the file's own."""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl
import pytest

from contracts.errors import BadSource
from contracts.feed import Feed
from contracts.rules import Caps
from ingest.raw import ROW, Raw, read_raw
from ingest.sources import Pulled, SourceFile
from tests.made_up import make_city


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    return make_city(tmp_path).feed("weather").model_copy(update={"encoding": "utf-8-sig", "delimiter": ","})


def read(feed: Feed, content: bytes, form: str = "csv", **changes: object) -> Raw:
    pulled = Pulled(SourceFile("memory://file", "file"), "batch", content)
    return read_raw(pulled, feed.model_copy(update={"format": form, **changes}), frozenset("ab"))


def test_text_is_read_as_it_was_sent(feed: Feed) -> None:
    raw = read(feed, "\ufeffa,b\r\n1.50,가\r\n\r\n,x\r\n".encode())
    assert raw.frame.select("a", "b", ROW).rows() == [("1.50", "가", 1), (None, "x", 3)]


def test_quoted_fields_may_hold_delimiters_and_line_breaks(feed: Feed) -> None:
    raw = read(feed, b'a,b\n"1,5","two\nlines"\n2\n3,4\n')
    assert raw.frame.select("a", "b", ROW).rows() == [("1,5", "two\nlines", 1), ("3", "4", 3)]
    assert raw.broken.rows() == [(2, "columns", "2")]


def test_lines_with_too_few_or_too_many_fields_are_set_apart(feed: Feed) -> None:
    raw = read(feed, b"a,b\n1,2\n3\n4,5,6\n7,8\n")
    assert raw.frame[ROW].to_list() == [1, 4]
    assert raw.broken.rows() == [(2, "columns", "3"), (3, "columns", "4,5,6")]


def test_a_nul_inside_a_number_is_never_read_as_a_number(feed: Feed) -> None:
    raw = read(feed, b"a,b\n1\x002,2\n")
    assert raw.frame.is_empty()
    assert raw.broken["rule"].to_list() == ["control_bytes"]


def test_json_lines_keep_numbers_as_text_and_set_bad_lines_apart(feed: Feed) -> None:
    raw = read(feed, b'{"a": 1.5, "b": "x"}\n{"a": 1e999, "b": null}\nnonsense\n[1]\n{"b": 3}\n', "jsonl")
    assert raw.frame.select("a", "b", ROW).rows() == [("1.5", "x", 1), ("1e999", None, 2), (None, "3", 5)]
    assert raw.broken.rows() == [(3, "columns", "nonsense"), (4, "columns", "[1]")]


def test_a_key_that_no_line_has_is_a_missing_column(feed: Feed) -> None:
    with pytest.raises(BadSource, match="no column 'b'"):
        read(feed, b'{"a": 1}\n{"a": 2}\n', "jsonl")
    with pytest.raises(BadSource, match="not JSON lines"):
        read(feed, b"a,b\n1,2\n", "jsonl")


def test_parquet_is_counted_while_it_is_read(feed: Feed) -> None:
    held = io.BytesIO()
    pl.DataFrame({"a": [0] * 1000, "b": "x", "c": 1.0}).write_parquet(held)
    raw = read(feed, held.getvalue(), "parquet")
    assert raw.frame.columns == ["a", "b", ROW]
    with pytest.raises(BadSource, match="more than 10 rows"):
        read(feed, held.getvalue(), "parquet", caps=Caps(max_rows=10))
    with pytest.raises(BadSource, match="not readable Parquet"):
        read(feed, held.getvalue()[:-100], "parquet")


@pytest.mark.parametrize(("stated", "sent"), [("utf-8-sig", "cp949"), ("cp949", "utf-8"), ("utf-8", "utf-16")])
def test_another_encoding_than_the_stated_one_is_refused(feed: Feed, stated: str, sent: str) -> None:
    with pytest.raises(BadSource, match=f"not {stated}"):
        read(feed, "a,b\n1,울산광역시 남구\n".encode(sent), encoding=stated)


def test_cp949_is_read_right(feed: Feed) -> None:
    raw = read(feed, "a,b\n1,똠방각하 울산\n".encode("cp949"), encoding="cp949")
    assert raw.frame["b"].to_list() == ["똠방각하 울산"]
