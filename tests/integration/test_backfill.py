"""A past range is forecast as it would have been then, once, however often it is stopped and run again."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from ingest.store import Store
from tests.integration.small_city import ROOT, environment, foresafe, make_champion

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PARAMS = """
simulate: {days: 60}
spine: {history_days: 7, every_hours: 2}
split: {calibrate_days: 10, test_days: 10, folds: 1, fold_days: 5}
train: {hazards: [traffic_accident], num_iterations: 20, min_data_in_leaf: 50, seeds: [1], num_threads: 1}
evaluate: {block_days: 2, replicates: 20}
"""
RANGE = ("backfill", "ulsan", "--from", "2025-01-20T09:00", "--to", "2025-02-20T09:00")
STEP = ("--every-hours", "12")
KEY = ["as_of", "hazard", "asset_id"]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One champion, for traffic accidents; climatology for the rest."""
    home = tmp_path_factory.mktemp("backfill") / "city"
    shutil.copytree(ROOT / "pilots" / "ulsan", home / "pilots" / "ulsan")
    (home / "pilots" / "ulsan" / "params.yaml").unlink(missing_ok=True)
    (home / "params.yaml").write_text(PARAMS, encoding="utf-8")
    for command in (["simulate"], ["ingest", "ulsan", "--direct"], ["train", "ulsan", "--direct"]):
        done = foresafe(*command, home=home)
        assert done.returncode == 0, done.stderr
    make_champion(home, "ulsan-traffic_accident", at=datetime(2025, 3, 1, tzinfo=UTC))
    return home


def kept(home: Path) -> pl.DataFrame:
    return Store(home / "var" / "store" / "ulsan").scores().sort(KEY)


def forget(home: Path) -> None:
    shutil.rmtree(home / "var" / "store" / "ulsan" / "scores", ignore_errors=True)


def filled(home: Path) -> str:
    done = foresafe(*RANGE, *STEP, home=home)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_killed_in_the_middle_and_run_again_it_is_the_same_table(city: Path) -> None:
    forget(city)
    said = filled(city)
    assert "63 of 63 hours forecast now, 0 were there" in said
    whole = kept(city)
    assert whole.select(KEY).is_duplicated().sum() == 0
    assert "0 of 63 hours forecast now, 63 were there; 0 new rows" in filled(city), "again it changes nothing"
    assert_frame_equal(kept(city), whole)

    forget(city)
    command = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", *RANGE, *STEP],
        cwd=city,
        env=environment(PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        text=True,
    )
    with command:
        assert command.stdout is not None
        assert "of 63 hours" in command.stdout.readline()
        command.send_signal(signal.SIGKILL)
    some = kept(city).height
    assert 0 < some < whole.height, "it was in the middle"
    assert "killed" in foresafe("status", "ulsan", home=city).stdout
    assert " 0 were there" not in filled(city), "what was there was left"
    assert_frame_equal(kept(city), whole)


def test_it_keeps_what_scoring_at_that_hour_keeps(city: Path) -> None:
    forget(city)
    at = datetime(2025, 2, 10, 0, tzinfo=UTC)
    assert foresafe("score", "ulsan", "--direct", "--as-of", at.isoformat(), home=city).returncode == 0
    scored = kept(city)
    assert set(scored["model"].unique()) == {"ulsan-traffic_accident", "climatology"}
    forget(city)
    filled(city)
    assert_frame_equal(kept(city).filter(pl.col("as_of") == at), scored)
    rows = kept(city).height
    assert foresafe("score", "ulsan", "--direct", "--as-of", at.isoformat(), home=city).returncode == 0
    assert kept(city).height == rows, "scoring that hour again is the same forecast"


def test_a_range_that_is_none_is_refused(city: Path) -> None:
    done = foresafe("backfill", "ulsan", "--from", "2025-02-01", "--to", "2025-01-01", home=city)
    assert done.returncode == 2
    assert "is after" in done.stderr
