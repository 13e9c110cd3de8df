"""What an operator has of the registry: a history that answers, a way back, and an alias that survives kill -9."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from contracts.errors import BadSource, NotFound
from contracts.results import Decision, Features
from models import RiskModel
from models.registry import (
    FreshProcess,
    Tracking,
    Version,
    alias_moves,
    champion_at,
    champion_version,
    history,
    load_champion,
    log_training_run,
    move_alias,
    publish,
    release,
    roll_back,
    save_refusal,
    unexplained_champion,
)
from models.registry.versions import all_versions
from tests.synthetic_risk import walk

NAME = "ulsan-chemical_release"
FIRST = datetime(2026, 6, 9, 1, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


def day(number: int) -> datetime:
    return FIRST + timedelta(days=number)


def golden() -> Features:
    return walk().city.features.take(walk().parts.test[:20])


def new_run(tracking: Tracking) -> str:
    return log_training_run(tracking, experiment="ulsan", run_name="r", params={}, metrics={}, provenance={})


def decided(kind: str, at: datetime, *reasons: str) -> Decision:
    return Decision(kind=kind, subject=NAME, reasons=reasons or ("better",), decided_at=at, by="the gate")  # type: ignore[arg-type]


def published(tracking: Tracking, at: datetime, *, seed: int = 0) -> Version:
    """Versions differ in what they are made of, or else one file would stand for all."""
    model = replace(walk().fitted.model, provenance={"seed": seed})
    return publish_run(tracking, new_run(tracking), model, at)


def publish_run(tracking: Tracking, run_id: str, model: RiskModel, at: datetime) -> Version:
    """Not judged in a fresh process, which takes seconds and leaves nothing: test_models_registry.py is about that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.registry.publishing._check_in_fresh_process", lambda *_, **__: None)
        return publish(tracking, model, name=NAME, run_id=run_id, golden=golden(), card="", entry={}, at=at)


def released(tracking: Tracking, at: datetime, *, seed: int = 0) -> Version:
    version = published(tracking, at, seed=seed)
    release(tracking, version, decided("promote", at))
    return version


def back(tracking: Tracking, at: datetime, to: str = "") -> Version:
    with FreshProcess() as fresh:
        return roll_back(tracking, NAME, to=to, fresh=fresh, at=at, by="kim@city", why="smells of drift")[1]


@pytest.mark.slow
def test_going_back_and_what_the_record_says_of_it(tracking: Tracking, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        released(tracking, day(number), seed=number)
    release(
        tracking, published(tracking, day(4), seed=4), decided("refuse", day(4), "log loss +0.2, not surely better")
    )
    assert back(tracking, day(5)).version == "2"
    assert back(tracking, day(6)).version == "1"
    with pytest.raises(NotFound, match="no earlier champion"):
        back(tracking, day(7))
    with pytest.raises(NotFound, match=r"no version '9'.*1, 2, 3, 4"):
        back(tracking, day(7), to="9")
    with pytest.raises(NotFound, match="is the champion already"):
        back(tracking, day(7), to="1")
    assert back(tracking, day(8), to="3").version == "3"
    _spoil(tmp_path, tracking, "2")
    with pytest.raises(BadSource, match="not those that were registered"):
        back(tracking, day(9), to="2")
    assert load_champion(tracking, NAME)[1].version == "3"

    moves = alias_moves(tracking, NAME)
    champions = [found and found.version for found in (champion_at(moves, day(d)) for d in range(10))]
    assert champions == [None, "1", "2", "3", "3", "2", "1", "1", "3", "3"]
    assert champion_at(moves, day(2) - timedelta(microseconds=1)).version == "1"  # type: ignore[union-attr]
    assert unexplained_champion(tracking, NAME, champion_at(moves, day(9))) == ""
    events = history(tracking, NAME)
    assert [e.version for e in events if e.kind == "trained"] == ["1", "2", "3", "4"]
    (refusal,) = [e for e in events if e.kind == "refuse"]
    assert (refusal.version, refusal.words, refusal.by) == ("4", "log loss +0.2, not surely better", "the gate")
    rollbacks = [(e.version, e.by) for e in events if e.kind == "rollback"]
    assert rollbacks == [("2", "kim@city"), ("1", "kim@city"), ("3", "kim@city")]
    assert "from version 3 to version 2: smells of drift" in [e.words for e in events]


def _spoil(tmp_path: Path, tracking: Tracking, version: str) -> None:
    run_id = next(v.run_id for v in all_versions(tracking, NAME) if str(v.version) == version)
    (booster,) = (tmp_path / "artifacts").rglob(f"{run_id}/**/booster-1.txt")
    booster.write_bytes(booster.read_bytes() + b" ")


@pytest.mark.slow
def test_a_version_that_scores_otherwise_now_is_not_gone_back_to(tracking: Tracking, tmp_path: Path) -> None:
    """Whole and unchanged, but the library under it is not: stood in for by golden rows with other scores."""
    from models.registry.client import connect
    from models.registry.versions import digest_of

    first = released(tracking, day(1), seed=1)
    second = released(tracking, day(2), seed=2)
    (path,) = (tmp_path / "artifacts").rglob(f"{first.run_id}/**/golden.json")
    document = json.loads(path.read_text())
    document["expected"]["probability"][3] += 1e-12
    path.write_text(json.dumps(document))
    connect(tracking).set_model_version_tag(NAME, first.version, "golden_sha256", digest_of(path))
    with pytest.raises(BadSource, match="fresh process: probability of golden row 3"):
        back(tracking, day(3))
    assert champion_version(tracking, NAME) == second


@pytest.mark.slow
def test_publishing_a_run_twice_makes_one_version(tracking: Tracking) -> None:
    run_id = new_run(tracking)
    again = [publish_run(tracking, run_id, walk().fitted.model, day(d)) for d in (1, 2)]
    assert again[0] == again[1]
    assert len(all_versions(tracking, NAME)) == 1


def test_a_model_that_never_got_a_version_has_a_history(tracking: Tracking) -> None:
    why = "12 training rows with an incident; " + "so " * 4000
    save_refusal(tracking, NAME, decided("refuse", day(1), why))
    (event,) = history(tracking, NAME)
    assert (event.at, event.version, event.kind) == (day(1), "", "refuse")
    assert event.words.startswith("12 training rows")
    with pytest.raises(NotFound, match="has no champion"), FreshProcess() as fresh:
        roll_back(tracking, NAME, to="", fresh=fresh, at=day(2), by="", why="")
    with pytest.raises(NotFound, match=f"did you mean '{NAME}'"):
        history(tracking, NAME[:-1])


def test_an_alias_that_was_moved_by_hand_is_pointed_out(tracking: Tracking) -> None:
    from models.registry.client import connect

    client = connect(tracking)
    client.create_registered_model(NAME)
    versions = []
    for _ in range(2):
        made = client.create_model_version(NAME, "runs:/0/model", "0" * 32)
        versions.append(Version(NAME, str(made.version), "", ""))
    move_alias(tracking, versions[0], alias="champion", at=day(1), reason="r")
    client.set_registered_model_alias(NAME, "champion", "2")
    recorded = champion_at(alias_moves(tracking, NAME), day(2))
    assert "points at 2, the record says 1" in unexplained_champion(tracking, NAME, recorded)


# Publishes a version of one run and releases it; dies by kill -9 right before the step that a line of input names.
# A fork an attempt, so that the imports are paid once; a fresh process, which leaves nothing behind, only where it is
# the step in question or nothing is. The steps are MLflow's own calls, wrapped here and only here.
RELEASE = """
import json, os, signal, sys
from datetime import datetime, timedelta
from pathlib import Path
import mlflow, numpy as np
import mlflow.store.model_registry.sqlalchemy_store, mlflow.store.tracking.sqlalchemy_store  # or else in every fork
from contracts.results import Decision, Features, Spine
from models.registry import Tracking, publish, publishing, release
from models.registry.fresh import FreshProcess
from models.risk_model import RiskModel

uri, run_id, name, folder, rows, at = sys.argv[1:]
model, values = RiskModel.load(Path(folder)), np.load(rows)
spine = Spine(("a",), np.zeros(len(values), np.int64), np.zeros(len(values), "datetime64[us]"))
golden = Features(spine, values, model.infos, model.spec_hash)

def dying_before(kind, method, fatal, label):
    original = getattr(kind, method)
    def wrapped(self, *arguments, **named):
        if label(*arguments) == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(self, *arguments, **named)
    setattr(kind, method, wrapped)

def tag(name, version, key, value):
    return ".".join(key.split(".")[:2]) + " " + json.loads(value)["state"] if key.startswith("moved") else "decided"

def attempt(fatal, at):
    client = mlflow.MlflowClient
    dying_before(client, "create_registered_model", fatal, lambda *_: "create model")
    dying_before(client, "log_artifacts", fatal, lambda *_: "upload model")
    dying_before(client, "log_artifact", fatal, lambda run, path, *_: "upload " + Path(path).name)
    dying_before(client, "download_artifacts", fatal, lambda *_: "compare")
    dying_before(FreshProcess, "judge", fatal, lambda *_: "fresh process")
    dying_before(client, "create_model_version", fatal, lambda *_: "create version")
    dying_before(client, "log_text", fatal, lambda *_: "upload decision")
    dying_before(client, "set_model_version_tag", fatal, tag)
    dying_before(client, "set_registered_model_alias", fatal, lambda name, alias, version: "alias " + alias)
    if fatal not in ("fresh process", "none"):
        publishing._check_in_fresh_process = lambda *_, **__: None
    tracking = Tracking(uri)
    made = publish(tracking, model, name=name, run_id=run_id, golden=golden, card="", entry={}, at=at)
    release(tracking, made, Decision("promote", name, ("better",), at))

for number, line in enumerate(sys.stdin):
    child = os.fork()
    if not child:
        attempt(line.strip(), datetime.fromisoformat(at) + timedelta(seconds=number))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
STEPS = (
    *("create model", "upload model", "upload golden.json", "upload entry.json", "compare", "fresh process"),
    *("create version", "moved.challenger begun", "alias challenger", "moved.challenger done"),
    *("upload decision", "decided", "moved.champion begun", "alias champion", "moved.champion done"),
)


@pytest.fixture
def releasing(tracking: Tracking, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The process that tries to release version 2; version 1 is the champion."""
    released(tracking, day(1), seed=1)
    folder = replace(walk().fitted.model, provenance={"seed": 2}).save(tmp_path / "model-2")
    np.save(tmp_path / "rows.npy", np.ascontiguousarray(golden().values))
    arguments = [tracking.uri, new_run(tracking), NAME, str(folder), str(tmp_path / "rows.npy"), day(2).isoformat()]
    command = [sys.executable, "-c", RELEASE, *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as child:
        yield child


@pytest.mark.slow
def test_kill_9_at_any_step_leaves_a_champion_that_loads(
    releasing: subprocess.Popen[str], tracking: Tracking, tmp_path: Path
) -> None:
    """Killed before one step after the other, each attempt the rerun of the one before; the last is let through."""
    assert releasing.stdin is not None
    assert releasing.stdout is not None
    expected = walk().fitted.model.predict(golden())[0]
    for step in (*STEPS, "none"):
        print(step, file=releasing.stdin, flush=True)
        assert releasing.stdout.readline().strip() == ("0" if step == "none" else "-9"), step
        model, champion = load_champion(tracking, NAME)
        np.testing.assert_array_equal(model.predict(golden())[0], expected)
        recorded = champion_at(alias_moves(tracking, NAME), day(3))
        assert recorded is not None, step
        assert recorded.version == champion.version == ("2" if step in ("moved.champion done", "none") else "1"), step
        assert len(all_versions(tracking, NAME)) <= 2, step
    releasing.stdin.close()
    kinds = [event.kind for event in history(tracking, NAME) if event.version == "2"]
    assert kinds.count("champion") == 2  # the one that was killed before it was noted as done, and its rerun
    assert "interrupted" in kinds
