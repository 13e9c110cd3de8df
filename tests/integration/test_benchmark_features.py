"""The feature job's rivals are honest: they build the same columns, and a difference would be noticed."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from benchmarks.feature_job import by_duckdb, by_pandas, by_polars, ours
from benchmarks.feature_job.__main__ import check_equal, disagreement, ratios
from benchmarks.feature_job.child import ROOT, Timed
from benchmarks.feature_job.incremental import Hourly, MadeUpStore
from benchmarks.feature_job.job import START, Job, columns, make
from contracts.pilot import Pilot
from features import build_features, feature_infos, scoring_spine
from features.registry import REGISTERED

JOB = Job(days=9, assets=9, metrics=2, incidents=200)
EVERY_ROW = np.arange(JOB.rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("feature-job")
    make(JOB, made)
    return made


def test_the_same_job_is_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    make(JOB, tmp_path)
    for name in ("readings.parquet", "incidents.parquet", "assets.parquet"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_the_job_has_the_245_columns_it_is_known_for() -> None:
    assert len(columns(Job(days=90))) == 245
    assert Job(days=90).readings == 20_736_000


def test_all_rivals_build_the_same_values(folder: Path) -> None:
    names = columns(JOB)
    pandas, polars, duckdb = (
        rival.build(folder, JOB).look(EVERY_ROW, names) for rival in (by_pandas, by_polars, by_duckdb)
    )
    assert disagreement(polars, pandas).max() < 1
    assert disagreement(duckdb, pandas).max() < 1
    assert np.isfinite(pandas).mean() > 0.9


def test_the_platform_builds_the_same_values_in_every_kind_it_has(folder: Path) -> None:
    """Whole columns of the job's rows, hour by hour through the scoring spine: another way than the benchmark's."""
    tables, pilot = ours.read_tables(folder), of_registered_kinds(ours.pilot_of(JOB))
    names = [name for name in columns(JOB) if name in {info.name for info in feature_infos(pilot)}]
    theirs = by_polars.build(folder, JOB)
    for hour in (0, 30, 215):
        as_of = START + timedelta(hours=hour + 1)
        built = build_features(tables, scoring_spine(tables, pilot, as_of=as_of), pilot)
        mine = np.column_stack([built.column(name) for name in names])
        expected = theirs.look(np.arange(JOB.assets) * JOB.hours + hour, tuple(names))
        np.testing.assert_allclose(mine, expected, rtol=1e-4, atol=1e-3)


def of_registered_kinds(pilot: Pilot) -> Pilot:
    return pilot.model_copy(update={"features": tuple(c for c in pilot.features if c.kind in REGISTERED)})


def timed(sample: np.ndarray, *, seconds: float = 1.0, names: tuple[str, ...] = columns(JOB)) -> Timed:
    return Timed(seconds=seconds, peak_gib=1.0, names=names, sample=sample)


def test_a_rival_that_differs_or_leaves_something_out_is_refused() -> None:
    values = np.random.default_rng(1).normal(size=(50, len(columns(JOB)))).astype(np.float32)
    check_equal(timed(values * np.float32(1.00001)), timed(values), JOB, "rival")
    wrong, empty = values.copy(), values.copy()
    wrong[3, 5] *= 1.01
    empty[3, 6] = np.nan
    with pytest.raises(SystemExit, match=columns(JOB)[5]):
        check_equal(timed(wrong), timed(values), JOB, "rival")
    with pytest.raises(SystemExit, match=columns(JOB)[6]):
        check_equal(timed(empty), timed(values), JOB, "rival")
    with pytest.raises(SystemExit, match=f"lacks {columns(JOB)[-1]}"):
        check_equal(timed(values[:, :-1], names=columns(JOB)[:-1]), timed(values), JOB, "rival")


def test_ratios_are_the_way_round_their_names_say() -> None:
    nothing = np.empty((0, 0), np.float32)
    seconds = {"limit": 1.0, "ours": 2.0, "by_pandas": 30.0, "late": 3.0}
    found = ratios({name: timed(nothing, seconds=s) for name, s in seconds.items()})
    assert (found["ratio_vs_pandas"], found["ratio_vs_limit"], found["late_ratio"]) == (15.0, 2.0, 1.5)


def test_the_quick_benchmark_ends_with_its_ratios() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "features.py"), "--quick"]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout.splitlines()
    found = json.loads(said[-1])
    wanted = {
        "ratio_vs_pandas",
        "ratio_vs_limit",
        "late_ratio",
        "incremental_ms",
        "incremental_flatness",
        "peak_gib_420m",
    }
    assert wanted <= set(found)
    assert all(value > 0 for value in found.values())
    assert "late" in said[-3]
    assert "1095 days of history" in said[-2]


def test_a_kept_hour_that_differs_from_a_fresh_build_ends_the_benchmark() -> None:
    store = MadeUpStore(Job(days=9, assets=9, metrics=2, late=True))
    store.add_hour()
    store.check()
    store.features.values[3, 5] += 1
    with pytest.raises(SystemExit, match="differ"):
        store.check()


def test_what_is_found_is_the_way_round_its_names_say() -> None:
    found = Hourly(long_ms=12.0, short_ms=10.0, assets=9, columns=5).found()
    assert found == {"incremental_ms": 12.0, "incremental_flatness": 1.2}
