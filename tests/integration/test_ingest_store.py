"""The store under several writers, and what it does with scores."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from contracts.errors import NotFound
from contracts.tables import READINGS, SCORES
from ingest import Store

AT = datetime(2026, 1, 1, tzinfo=UTC)


def rows(batch: str, values: int = 3) -> pl.DataFrame:
    frame = pl.DataFrame({"value": [float(v) for v in range(values)]}).with_columns(
        asset_id=pl.lit("a"), metric=pl.lit(batch), observed_at=pl.lit(AT), known_at=pl.lit(AT),
        partner=pl.lit("p"), feed=pl.lit("f"), batch=pl.lit(batch),
    )  # fmt: skip
    return READINGS.conform(frame)


def test_concurrent_writers_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    names = [f"b{i % 10}" for i in range(20)]  # each batch comes twice
    with ThreadPoolExecutor(4) as pool:
        wrote = list(pool.map(lambda n: Store(tmp_path).commit("readings", rows(n), batches=[n], at=AT), names))
    assert sum(wrote) == 10
    assert Store(tmp_path).read("readings").height == 30


def test_of_several_batches_only_the_new_are_written(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.commit("readings", rows("b1"), batches=["b1"], at=AT)
    both = pl.concat([rows("b1"), rows("b2")])
    assert store.commit("readings", both, batches=["b1", "b2"], at=AT)
    assert store.read("readings")["batch"].sort().to_list() == ["b1"] * 3 + ["b2"] * 3
    assert not store.commit("readings", both, batches=["b1", "b2"], at=AT)


def test_a_version_that_never_was_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.commit("readings", rows("b1"), batches=["b1"], at=AT)
    with pytest.raises(NotFound, match="no version 99"):
        store.snapshot(version={"readings": 99})


def test_an_empty_store_has_empty_tables(tmp_path: Path) -> None:
    assert Store(tmp_path).versions() == {}
    assert Store(tmp_path).snapshot().readings.is_empty()


def test_scores_are_kept_once_a_run(tmp_path: Path) -> None:
    frame = SCORES.empty().clear(2).with_columns(
        pl.lit(AT).alias("as_of"),
        *(pl.lit("x").alias(c.name) for c in SCORES.columns if c.kind == "text"),
        *(pl.lit(0.1).alias(c.name) for c in SCORES.columns if c.kind == "number"),
        pl.lit(1).alias("horizon_hours"),
    )  # fmt: skip
    store = Store(tmp_path)
    assert store.append_scores(frame, run="r1", at=AT)
    assert not store.append_scores(frame, run="r1", at=AT)
    assert store.scores(first=AT, last=AT).height == 2
    assert store.scores(first=datetime(2027, 1, 1, tzinfo=UTC)).is_empty()
