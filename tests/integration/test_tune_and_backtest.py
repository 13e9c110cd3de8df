"""`foresafe tune` and `foresafe backtest` on a small Ulsan: files, pages, runs, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import mlflow
import pytest
import yaml

from models.registry import Tracking, find_version, read_entry
from tests.integration.small_city import copy_city, foresafe

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
HAZARD, MODEL = "chemical_release", "ulsan-chemical_release"


@pytest.fixture(scope="module")
def city(short_city: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_city(short_city, tmp_path_factory.mktemp("tune") / "city")


def tracking(home: Path) -> Tracking:
    return Tracking(f"sqlite:///{home / 'var' / 'mlflow' / 'mlflow.db'}")


def runs(home: Path, experiment: str) -> list[mlflow.entities.Run]:
    client = mlflow.MlflowClient(tracking_uri=tracking(home).uri)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    return list(client.search_runs([found.experiment_id]))


def test_a_model_says_which_parameters_made_it(city: Path) -> None:
    """Its own, not the pilot's: in the booster, and in the entry that it is rebuilt from."""
    version = find_version(tracking(city), MODEL, "1")
    assert read_entry(tracking(city), version).params.train.num_leaves == 9
    booster = (city / "var" / "models" / "ulsan" / HAZARD / "booster-1.txt").read_text()
    assert "[num_leaves: 9]" in booster
    done = foresafe("rebuild", MODEL, "1", home=city)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_search_goes_on_and_is_logged_below_one_run(city: Path) -> None:
    for _ in range(2):
        done = foresafe("tune", "ulsan", HAZARD, "--minutes", "0.2", home=city)
        assert done.returncode == 0, done.stdout + done.stderr
    assert f"{HAZARD} in force" not in done.stdout, "it was judged in the first search"
    assert "best minus in force" in done.stdout
    found = yaml.safe_load((city / "var" / "tuning" / "ulsan" / f"{HAZARD}.yaml").read_text())
    assert found["train"]["per_hazard"][HAZARD].keys() >= {"num_leaves", "negative_share"}
    logged = runs(city, "ulsan-tuning")
    parents = {run.info.run_id for run in logged if "mlflow.parentRunId" not in run.data.tags}
    below = [run for run in logged if "mlflow.parentRunId" in run.data.tags]
    assert len(parents) == 2
    assert {run.data.tags["mlflow.parentRunId"] for run in below} <= parents
    numbers = [run.info.run_name for run in below]
    assert len(set(numbers)) == len(numbers) >= 2
    assert sum(run.data.tags["in_force"] == "True" for run in below) == 1


def test_a_replay_leaves_a_page_numbers_pictures_and_a_run(city: Path) -> None:
    done = foresafe("backtest", "ulsan", "--every-months", "2", home=city)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = city / "var" / "backtest" / "ulsan"
    document = json.loads((folder / "backtest.json").read_text())
    (hazard,) = document["hazards"]
    assert hazard["months"][0]["champions"] == ["climatology"]
    assert len(hazard["terms"]) == -(-len(hazard["months"]) // 2)
    assert any("days of labelled rows" in term["reasons"][0] for term in hazard["terms"])
    assert all(month["rows"] + month["unripe"] > 0 for month in hazard["months"])
    page = (folder / "index.html").read_text()
    assert "누출" in page
    assert page.count("data:image/png;base64,") == 5
    assert "http" not in page.replace("data:image", "")
    assert len(list(folder.glob("*.png"))) == 5
    (run,) = runs(city, "ulsan-backtest")
    assert run.data.metrics[f"{HAZARD}.skill.foresafe"] == hazard["months"][-1]["cumulative"]["foresafe"]["value"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("backtest", "ulsan", "--from", "2025-06", "--to", "2025-04"), "--from 2025-06 is after --to 2025-04"),
        (("backtest", "ulsan", "--from", "June"), "'June' is not a month"),
        (("backtest", "ulsan", "--from", "2031-01"), "no whole month"),
        (("backtest", "ulsan", "--hazard", "floods"), "did you mean 'flood'"),
        (("backtest", "ulsan", "--every-months", "0"), "--every-months 0"),
        (("backtest", "ulsan", "--seeds", "4"), "--seeds 4"),
        (("backtest", "ulsan", "--from", "2025-04", "--hazard", "worker_injury"), "has an outcome"),
        (("tune", "ulsan", "floods"), "did you mean 'flood'"),
        (("tune", "ulsan", "--minutes", "nan"), "--minutes nan"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_exit_code_2(city: Path, arguments: tuple[str, ...], said: str) -> None:
    done = foresafe(*arguments, home=city)
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
