"""The same results on a real Dask cluster of two worker processes as here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from distributed import LocalCluster

from contracts.errors import BadTable, NotFound
from contracts.params import ComputeParams, SplitParams
from contracts.results import Features, FloatArray, Labels
from flows import stages
from flows.artefacts import TrainingSet, load_features, load_training_set, save_training_set
from flows.cluster.boosting import best_trees
from flows.compute import computing
from flows.settings import Settings, load_settings
from ingest import Store
from models import Parts, judge_folds, temporal_folds
from models.evaluation import row_losses
from models.pyfunc import raw_scores, sigmoid
from models.risk_model import RiskModel
from models.train import Ensemble, train
from tests import synthetic_risk
from tests.integration.small_city import foresafe_alone
from tests.properties import worlds
from tests.synthetic_risk import SMALL_TRAIN

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SPLIT = SplitParams(calibrate_days=35, test_days=50, folds=2, fold_days=15)


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of a cluster of two processes with one thread each."""
    with LocalCluster(
        n_workers=2, threads_per_worker=1, memory_limit="1GiB", processes=True, dashboard_address=":0"
    ) as cluster:
        yield cluster.scheduler_address


def project(home: Path, **sections: object) -> Settings:
    """A project folder with a tiny pilot, and whichever parameters."""
    pilot = worlds.pilot(worlds.EVERYTHING, horizon=3, delay=5)
    own = pilot.model_dump(mode="json") | {"hazards": {"fire": {}, synthetic_risk.HAZARD: {"alerts_per_day": 5.0}}}
    (home / "pilots" / "tiny").mkdir(parents=True)
    (home / "pilots" / "tiny" / "pilot.yaml").write_text(yaml.safe_dump(own), encoding="utf-8")
    (home / "params.yaml").write_text(yaml.safe_dump(sections), encoding="utf-8")
    return load_settings(home, {})


def on(scheduler: str, **more: object) -> dict[str, object]:
    return {"backend": "dask", "scheduler": scheduler, **more}


def fill(store: Store) -> None:
    """Fifty days of readings, a twentieth of them late or corrected, in several files; and fires."""
    random = np.random.default_rng(11)
    for batch in range(4):
        rows = [
            (asset, metric, hour, hour + delay, float(random.integers(0, 60)))
            for hour in range(batch * 300, batch * 300 + 300)
            for asset, metric in (("a", "voc_ppb"), ("b", "voc_ppb"), ("c", "voc_ppb"), ("station", "wind_m_s"))
            for delay in ((0, 30) if random.random() < 0.05 else (0,))
        ]
        rows += [("a", "population", batch * 300, batch * 300, 1000.0 + batch)]
        frame = worlds.readings_of(*rows).with_columns(batch=pl.lit(f"b{batch}"))
        store.commit("readings", frame, batches=[f"b{batch}"], at=worlds.START)
    fires = [(f"i{n}", "abc"[n % 3], 37.5 * n, 37.5 * n + n % 50, 1.0) for n in range(30)]
    store.commit("incidents", worlds.incidents_of(*fires), batches=["x"], at=worlds.START)
    store.commit("assets", worlds.assets(late_minutes=1500), batches=["x"], at=worlds.START)


def test_features_of_a_cluster_are_the_same_bits(scheduler: str, tmp_path: Path) -> None:
    computes = {
        "here": {"hours_a_slice": 10**6},
        "slices": {"hours_a_slice": 100},
        "there": on(scheduler, hours_a_slice=91),
    }
    built = {}
    for name, compute in computes.items():
        settings = project(tmp_path / name, spine={"history_days": 3}, compute=compute)
        fill(Store(settings.state / "store" / "tiny"))
        summary = stages.features(settings, "tiny")
        folder = settings.state / "features" / "tiny"
        built[name] = summary, {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    assert built["here"][0]["rows"] > 3000
    assert built["here"] == built["slices"] == built["there"]


@pytest.fixture(scope="module")
def trained_on(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The synthetic city's training set, on disk where every worker sees it."""
    town = synthetic_risk.city(assets=20, days=160)
    folder = tmp_path_factory.mktemp("training-set") / "tiny"
    save(town, folder)
    return folder


def save(town: synthetic_risk.City, folder: Path) -> None:
    save_training_set(TrainingSet(town.features, {town.labels.hazard: town.labels}, (), worlds.START, {}), folder)


def material(folder: Path) -> tuple[Features, Labels]:
    found = load_training_set(folder, (synthetic_risk.HAZARD,))
    return found.features, found.labels[synthetic_risk.HAZARD]


def test_folds_of_a_cluster_are_the_same_forecasts(scheduler: str, trained_on: Path) -> None:
    features, labels = material(trained_on)
    folds = temporal_folds(features.spine.as_of[labels.rows], SPLIT, labels.horizon_hours)
    load = partial(material, trained_on)
    here = judge_folds(folds, load, config=SMALL_TRAIN)
    with computing(ComputeParams(**on(scheduler)), sees=trained_on) as cluster:
        there = judge_folds(folds, load, config=SMALL_TRAIN, run=cluster.map)
    assert len(here) == len(there) == 2
    for mine, theirs in zip(here, there, strict=True):
        np.testing.assert_allclose(theirs.probability, mine.probability, rtol=0, atol=1e-6)
        assert (theirs.trees, theirs.log_loss, theirs.average_precision) == pytest.approx(
            (mine.trees, mine.log_loss, mine.average_precision), abs=1e-6
        )


def test_training_spread_over_workers_is_as_good_and_can_be_repeated(scheduler: str, trained_on: Path) -> None:
    """Not the same trees, since bins are found from each worker's own rows: docs/cluster.md states this bound."""
    features, labels = material(trained_on)
    parts = synthetic_risk.walk().parts
    here = train(features, labels, parts=parts, config=SMALL_TRAIN)
    spread = []
    for _ in range(2):
        with computing(ComputeParams(**on(scheduler)), sees=trained_on) as cluster:
            learn = cluster.learner(partial(load_features, trained_on))
            spread.append(learn(features, labels, parts=parts, config=SMALL_TRAIN))
    assert spread[0].boosters == spread[1].boosters
    assert spread[0].unused == here.unused
    assert "[num_machines: 2]" in spread[0].boosters[0]
    assert "127.0.0.1" not in spread[0].boosters[0]
    local, dealt = (forecasts(one, features, labels, parts) for one in (here, spread[0]))
    loss, other = (row_losses(p, labels.occurred[parts.test])["log_loss"].mean() for p in (local, dealt))
    assert other == pytest.approx(loss, rel=0.01)
    assert np.corrcoef(np.log(local), np.log(dealt))[0, 1] > 0.98


def test_a_profile_is_what_a_cluster_starts_from_too(scheduler: str, tmp_path: Path) -> None:
    town = synthetic_risk.city(assets=20, days=160)
    town = replace(town, features=synthetic_risk.placed(town.features))
    save(town, tmp_path / "tiny")
    parts, config = synthetic_risk.walk().parts, SMALL_TRAIN.model_copy(update={"profile_kinds": 2, "seeds": (1,)})
    here = train(town.features, town.labels, parts=parts, config=config)
    with computing(ComputeParams(**on(scheduler)), sees=tmp_path) as cluster:
        learn = cluster.learner(partial(load_features, tmp_path / "tiny"))
        there = learn(town.features, town.labels, parts=parts, config=config)
    first, also = (one.boosters[0].split("Tree=0\n")[1].split("Tree=1\n")[0] for one in (here, there))
    assert first == also
    local, dealt = (forecasts(one, town.features, town.labels, parts) for one in (here, there))
    occurred = town.labels.occurred[parts.test]
    loss, other = (row_losses(p, occurred)["log_loss"].mean() for p in (local, dealt))
    assert other == pytest.approx(loss, rel=0.01)
    assert np.corrcoef(np.log(local), np.log(dealt))[0, 1] > 0.98


def forecasts(ensemble: Ensemble, features: Features, labels: Labels, parts: Parts) -> FloatArray:
    return sigmoid(raw_scores(ensemble.parsed(), features.values[labels.rows[parts.test]]).mean(axis=0))


def test_an_infinite_value_on_a_worker_is_refused_by_name(scheduler: str, tmp_path: Path) -> None:
    town = synthetic_risk.city(assets=5, days=160)
    town.features.values[7, 2] = np.inf
    save(town, tmp_path / "tiny")
    with computing(ComputeParams(**on(scheduler)), sees=tmp_path) as cluster:
        learn = cluster.learner(partial(load_features, tmp_path / "tiny"))
        every = Parts(train=town.labels.rows, calibrate=town.labels.rows[:0], test=town.labels.rows[:0])
        with pytest.raises(BadTable, match="feature voc_ppb_mean_6h: 1 infinite values"):
            learn(town.features, town.labels, parts=every, config=SMALL_TRAIN)


def test_the_train_stage_uses_the_cluster(scheduler: str, tmp_path: Path) -> None:
    sections = {"split": SPLIT.model_dump(), "train": SMALL_TRAIN.model_dump(mode="json"), "compute": on(scheduler)}
    settings = project(tmp_path, **sections)
    save(synthetic_risk.city(assets=20, days=160), settings.state / "features" / "tiny")
    assert stages.train(settings, "tiny", synthetic_risk.HAZARD)["trees"] > 10
    model = RiskModel.load(settings.state / "models" / "tiny" / synthetic_risk.HAZARD)
    assert "[tree_learner: data]" in model.boosters[0]


def test_the_command_runs_on_the_cluster_and_says_nothing_of_it(scheduler: str, tmp_path: Path) -> None:
    settings = project(tmp_path, spine={"history_days": 3}, compute=on(scheduler, hours_a_slice=400))
    fill(Store(settings.state / "store" / "tiny"))
    done = foresafe_alone("stage", "features", "tiny", home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("compute", "said"),
    [
        (on("tcp://127.0.0.1:9"), "no Dask scheduler answers at 'tcp://127.0.0.1:9'"),
        (on("carrier-pigeon://roof"), "compute: scheduler 'carrier-pigeon://roof'"),
        ({"backend": "dask"}, "compute: scheduler ''; backend dask needs one"),
        ({"backend": "spark"}, "compute.backend: Input should be 'local' or 'dask'"),
    ],
)
def test_a_cluster_that_is_not_there_is_a_clear_refusal(compute: dict[str, object], said: str, tmp_path: Path) -> None:
    settings = project(tmp_path, compute=compute)
    fill(Store(settings.state / "store" / "tiny"))
    done = foresafe_alone("stage", "features", "tiny", home=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_worker_that_does_not_see_the_files_is_refused(scheduler: str, tmp_path: Path) -> None:
    with (
        pytest.raises(NotFound, match="2 of 2 Dask workers have no folder"),
        computing(ComputeParams(**on(scheduler)), sees=tmp_path / "elsewhere"),
    ):
        pass


def test_a_map_keeps_only_a_few_results_ahead(scheduler: str, tmp_path: Path) -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(50):
            taken.append(number)
            yield number

    with computing(ComputeParams(**on(scheduler)), sees=tmp_path) as cluster:
        results = cluster.map(float, items())
        assert next(results) == 0.0
        assert len(taken) <= 6
        assert list(results) == [float(number) for number in range(1, 50)]


@pytest.mark.parametrize(("losses", "best"), [([5, 4, 3, 3, 4, 5, 1], 3), ([5, 4, 3, 4, 2], 5), ([1.0], 1)])
def test_trees_are_chosen_as_early_stopping_does(losses: list[float], best: int) -> None:
    assert best_trees(np.array(losses, float), patience=3) == best
