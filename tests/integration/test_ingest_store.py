"""The store under several writers, and what it does with scores."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from contracts.errors import BadTable, NotFound
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


def test_of_writers_who_are_all_the_first_none_fails(tmp_path: Path) -> None:
    names = ("b1", "b2", "b3", "b4")
    with ThreadPoolExecutor(4) as pool:
        for k in range(20):  # now and then two of them make the table in the same instant

            def write(name: str, store: Store = Store(tmp_path / str(k))) -> bool:
                return store.commit("readings", rows(name), batches=[name], at=AT)

            assert all(pool.map(write, names))
            assert Store(tmp_path / str(k)).read("readings").height == 12


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


def three_days(store: Store) -> pl.DataFrame:
    """An hourly reading of two metrics, a file a day; and what they are."""
    hours = pl.DataFrame({"value": [float(v) for v in range(24)]})
    frames = []
    for day in range(3):
        observed = [AT + timedelta(hours=24 * day + hour) for hour in range(24)]
        one = hours.with_columns(observed_at=pl.Series(observed), known_at=pl.Series(observed), asset_id=pl.lit("a"))
        both = [one.with_columns(metric=pl.lit(metric)) for metric in ("wind", "slope")]
        batch = [pl.lit(f"day {day}").alias(name) for name in ("partner", "feed", "batch")]
        frames.append(READINGS.conform(pl.concat(both).with_columns(batch)))
        store.commit("readings", frames[-1], batches=[f"day {day}"], at=AT)
    return pl.concat(frames)


def test_readings_of_a_time_range_are_those_of_a_filter(tmp_path: Path) -> None:
    store = Store(tmp_path)
    rows = three_days(store)
    after, until = AT + timedelta(hours=20), AT + timedelta(hours=30)
    narrow = [c for c in rows.columns if c not in ("partner", "feed", "batch")]
    observed = pl.col("observed_at")
    for given, truth in (
        ({"after": after, "until": until}, (observed > after) & (observed <= until)),
        ({"metrics": ["slope"], "after": after}, (observed > after) & (pl.col("metric") == "slope")),
        ({"metrics": []}, pl.lit(False)),
        ({"version": 2}, observed < AT + timedelta(hours=48)),
        ({}, pl.lit(True)),
    ):
        found = store.readings(**given).cast({"asset_id": pl.String, "metric": pl.String})
        assert found.sort(pl.all()).equals(rows.filter(truth).select(narrow).sort(pl.all())), given
    assert pl.concat(store.scan("readings", ["value"]))["value"].sum() == rows["value"].sum()
    assert Store(tmp_path / "empty").readings().schema == store.readings().schema


def test_files_outside_the_range_are_not_opened_and_a_damaged_one_inside_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    three_days(store)
    early = min((tmp_path / "readings").glob("*.parquet"), key=lambda path: pl.read_parquet(path)["observed_at"].min())
    early.write_bytes(b"damaged")
    assert store.readings(after=AT + timedelta(hours=24)).height == 2 * 47
    with pytest.raises(BadTable, match="damaged"):
        store.readings(until=AT + timedelta(hours=1))
    with pytest.raises(BadTable, match="damaged"):
        list(store.scan("readings", ["value"]))


def test_a_flipped_bit_is_noticed_in_a_range_too(tmp_path: Path) -> None:
    store = Store(tmp_path)
    three_days(store)
    path = next((tmp_path / "readings").glob("*.parquet"))
    content = bytearray(path.read_bytes())
    content[len(content) // 8] ^= 1  # in a data page: the footer comes last
    path.write_bytes(bytes(content))
    with pytest.raises(BadTable, match="damaged"):
        store.readings(after=AT - timedelta(hours=1))


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
