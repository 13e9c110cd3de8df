"""A released model can be made again after the world went on; its registry can be asked and turned back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from contracts.errors import BadSource
from flows import judge_rows, load_material, load_settings, outputs_of
from flows.records import append_records
from flows.stages import release, score
from flows.stages.rebuild import rebuild
from ingest.store import Store
from models import RiskModel
from models.registry import Tracking, champion_version, find_version, history, load_version
from tests.integration.small_city import SHORT, copy_city, foresafe, make_champion

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
MODEL = "ulsan-chemical_release"


@pytest.fixture(scope="module")
def city(short_city: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1 was made champion by hand; then the world went on, and version 2 too was trained and made champion."""
    home = copy_city(short_city, tmp_path_factory.mktemp("rebuild") / "city")
    the_world_goes_on(Store(home / "var" / "store" / "ulsan"))
    pilot = home / "pilots" / "ulsan" / "pilot.yaml"
    pilot.write_text(pilot.read_text().replace("alerts_per_day: 10", "alerts_per_day: 7"))
    (home / "params.yaml").write_text(SHORT.replace("learning_rate: 0.12", "learning_rate: 0.2"))
    done = foresafe("train", "ulsan", "--direct", home=home)
    assert done.returncode == 0, done.stderr
    make_champion(home, MODEL, at=datetime(2026, 2, 1, tzinfo=UTC))
    return home


def the_world_goes_on(store: Store) -> None:
    """A month more of everything, and corrections of old rows, some of them known before the first training."""
    at = datetime(2026, 1, 15, tzinfo=UTC)
    for table, when in (("readings", "observed_at"), ("incidents", "occurred_at")):
        rows = store.read(table)
        old = rows.head(60)
        month = rows.filter(pl.col(when) > pl.col(when).max() - timedelta(days=30))
        later = month.with_columns(pl.col(when, "known_at") + timedelta(days=30), batch=pl.lit("later"))
        if table == "incidents":
            later = later.with_columns(pl.col("incident_id") + "-later")
            old = old.with_columns(severity=0.0)
        else:
            old = old.with_columns(pl.col("value") + 1e-3)
        corrected = old.with_columns(pl.col("known_at") + timedelta(seconds=1), batch=pl.lit("corrected"))
        assert store.commit(table, pl.concat([later, corrected]), batches=["later", "corrected"], at=at)
        assert store.compact(table, at=at) > 1


def said(home: Path, *arguments: str, code: int = 0) -> str:
    done = foresafe(*arguments, home=home)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if code != 2 else done.stderr


def tracking(home: Path) -> Tracking:
    return Tracking(f"sqlite:///{home / 'var' / 'mlflow' / 'mlflow.db'}")


def test_a_model_is_made_again_after_later_data_and_corrections(city: Path) -> None:
    """From its entry alone: data, corrections, parameters and pilot are others by now, and make another model."""
    first, second = (find_version(tracking(city), MODEL, number) for number in ("1", "2"))
    assert first.manifest_sha256 != second.manifest_sha256
    for version in ("1", "2"):
        text = said(city, "rebuild", MODEL, version)
        assert "equal, byte for byte" in text
        assert "different" not in text
    settings = load_settings(city, {})
    assert rebuild(settings, MODEL, "1").equal


def test_another_library_or_revision_is_said(city: Path) -> None:
    (city / "requirements.lock").write_text("lightgbm==9\n")
    warnings = rebuild(load_settings(city, {}), MODEL, "1").warnings
    (city / "requirements.lock").unlink()
    assert [w for w in warnings if w.startswith("lock of libraries here is")]
    assert not [w for w in warnings if w.startswith("LightGBM")]


def test_features_that_mean_something_else_now_are_refused(city: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("features.spec_hash", lambda pilot: "another")
    with pytest.raises(BadSource, match=r"features of this code are another.*check out revision"):
        rebuild(load_settings(city, {}), MODEL, "1")


def test_history_and_rollback_on_the_command_line(city: Path) -> None:
    text = said(city, "history", MODEL)
    for word in ("trained", "refuse", "champion", "not surely better"):
        assert word in text
    assert "version 2, since 2026-02-01 09:00 KST" in text
    assert "version 1, since" in said(city, "history", MODEL, "--at", "2026-02-01T08:59")
    assert ": none" in said(city, "history", MODEL, "--at", "2026-01-01T08:59")
    assert "no model" in said(city, "history", "ulsan-flod", code=2)
    for arguments, champion in ((), "1"), (("--to", "2"), "2"), ((), "1"):
        text = said(city, "rollback", MODEL, *arguments, "--why", "too many false alarms")
        assert f"version {champion} is the champion" in text
    assert "too many false alarms" in said(city, "history", MODEL)
    assert "no earlier champion" in said(city, "rollback", MODEL, code=2)
    assert "no version '7'" in said(city, "rollback", MODEL, "--to", "7", code=2)


def test_a_champion_that_does_not_load_refuses_and_stays(city: Path) -> None:
    """Recorded with the challenger's version; the way out is a rollback, and the refusal says so."""
    champion = champion_version(tracking(city), MODEL)
    assert champion is not None
    (booster,) = (city / "var" / "mlflow").rglob(f"{champion.run_id}/**/booster-1.txt")
    whole = booster.read_bytes()
    booster.write_bytes(whole[:1000])
    at = datetime(2027, 1, 1, tzinfo=UTC)
    settings, hazard = load_settings(city, {}), "chemical_release"
    challenger = RiskModel.load(outputs_of(settings, "ulsan").model(hazard))
    trial = judge_rows(challenger, load_material(settings, "ulsan", hazard))
    summary = release(settings, "ulsan", hazard, trial=trial, now=at)
    forecasts = {found["hazard"]: found for found in score(load_settings(city, {}), "ulsan", now=at)["hazards"]}
    booster.write_bytes(whole)
    assert forecasts["chemical_release"]["model"] == "climatology", "the city is not left without a forecast"
    assert "does not load" in forecasts["chemical_release"]["degraded"]
    assert (summary["kind"], summary["champion"], summary["version"]) == ("refuse", False, "2")
    assert "champion" in {rule["name"] for rule in summary["inputs"]["rules"] if not rule["passed"]}
    assert champion_version(tracking(city), MODEL) == champion
    (event,) = [event for event in history(tracking(city), MODEL) if event.at == at and event.kind == "refuse"]
    assert "SHA-256 differs" in event.words
    assert f"foresafe rollback {MODEL}" in event.words


def twice_as_many(store: Store, *, days: int) -> datetime:
    """Every incident of the last days happens a second time, one day later; since when, is returned."""
    incidents = store.read("incidents")
    since = incidents["known_at"].max() - timedelta(days=days)
    more = incidents.filter(pl.col("occurred_at").is_between(since, incidents["known_at"].max() - timedelta(days=2)))
    day = timedelta(days=1)
    more = more.with_columns(
        pl.col("incident_id") + "-again", pl.col("occurred_at") + day, pl.col("known_at") + day, batch=pl.lit("again")
    )
    assert store.commit("incidents", more, batches=["again"], at=datetime(2026, 1, 16, tzinfo=UTC))
    return since


def test_a_recalibration_that_was_asked_for_is_judged_recorded_and_made_again(city: Path) -> None:
    """The champion's boosters at another level, in a version of its own. So few incidents do not convince the gate: the
    champion stays, and the same decision is not answered twice."""
    before = champion_version(tracking(city), MODEL)
    assert before is not None
    since = twice_as_many(Store(city / "var" / "store" / "ulsan"), days=24)
    reasons, key = ["a recalibration would save 3.0 % of the log loss"], f"{MODEL}|{before.version}|now"
    record = {"kind": "recalibrate", "subject": MODEL, "reasons": reasons, "decided_at": "2025-07-01T00:00:00+00:00"}
    monitor = city / "var" / "monitor" / "ulsan"
    append_records(monitor / "decisions.jsonl", [{**record, "inputs": {"since": since.isoformat()}, "key": key}])
    text = said(city, "train", "ulsan", "--asked", "--direct")
    assert "not released. 14 rows with an incident, needed 20" in text, text
    after = find_version(tracking(city), MODEL, "3")
    was, now = (load_version(tracking(city), version) for version in (before, after))
    assert now.boosters == was.boosters
    assert now.calibrator != was.calibrator
    assert now.provenance["recalibrated_from"]["version"] == before.version
    assert now.provenance["asked"]["decision"] == key
    assert "equal, byte for byte" in said(city, "rebuild", MODEL, after.version)
    assert "train ulsan: none" in said(city, "train", "ulsan", "--asked", "--direct")
    assert champion_version(tracking(city), MODEL) == before


def test_what_the_store_or_the_registry_lost_is_refused(city: Path) -> None:
    """Last, because it destroys: the files of old versions, then the entry."""
    DeltaTable(city / "var" / "store" / "ulsan" / "readings").vacuum(
        retention_hours=0, dry_run=False, enforce_retention_duration=False
    )
    assert "the store no longer has what the model was made of" in said(city, "rebuild", MODEL, "1", code=2)
    run_id = find_version(tracking(city), MODEL, "2").run_id
    (entry,) = (city / "var" / "mlflow").rglob(f"{run_id}/**/entry.json")
    entry.write_text(entry.read_text().replace('"learning_rate": 0.2', '"learning_rate": 0.3'))
    assert "not the file that was registered" in said(city, "rebuild", MODEL, "2", code=2)
    assert "no version '9'" in said(city, "rebuild", MODEL, "9", code=2)
