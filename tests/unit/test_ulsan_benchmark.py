"""The share of the attainable skill: 0 for climatology, 1 for the truth, in between for what lies between."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from benchmarks.law_form import SLOTS, Part, Rows, fit, log_rate
from benchmarks.learning_curve import Curve, Point, curve_table, expected_share, plot_curves
from benchmarks.ulsan import PILOT, Reached, coverage_table, share_of_attainable, summary, table, with_history
from contracts.errors import NotEnoughData
from contracts.params import EvaluateParams
from contracts.results import Estimate, FeatureInfo, Features, FloatArray, Spine
from contracts.worth import Coverage
from flows import load_settings, params_of

HOURS = 24 * 120
RANDOM = np.random.default_rng(3)
TRUTH = np.clip(RANDOM.gamma(0.5, 0.08, HOURS), 1e-4, 0.9)
OCCURRED = RANDOM.random(HOURS) < TRUTH
AS_OF = np.datetime64("2025-01-01", "us") + np.arange(HOURS) * np.timedelta64(3_600_000_000, "us")
CLIMATOLOGY = np.full(HOURS, TRUTH.mean())


def share(model: FloatArray) -> Estimate:
    params = EvaluateParams(replicates=100)
    return share_of_attainable(OCCURRED, AS_OF, model=model, climatology=CLIMATOLOGY, truth=TRUTH, params=params)


def test_climatology_has_none_and_the_truth_has_all() -> None:
    assert share(CLIMATOLOGY) == Estimate(0.0, 0.0, 0.0)
    assert share(TRUTH) == Estimate(1.0, 1.0, 1.0)


def test_halfway_lies_between_with_an_interval_around_it() -> None:
    got = share((TRUTH + CLIMATOLOGY) / 2)
    assert 0 < got.low < got.value < got.high < 1


def test_worse_than_climatology_is_below_none() -> None:
    assert share(1 - TRUTH).value < 0


def test_a_hazard_that_could_not_be_trained_counts_as_climatology() -> None:
    found = {
        "flood": NotEnoughData("12 training rows with an incident", where="train flood"),
        "fire": reached(Estimate(0.5, 0.4, 0.6), of_knowable=Estimate(0.6, 0.5, 0.7)),
        "injury": reached(Estimate(0.8, 0.7, 0.9), of_knowable=Estimate(0.9, 0.8, 1.0)),
    }
    curves = {"fire": Curve("fire", [Point(3.0, 20, 0.1, 0.2), Point(30.0, 50, 0.5, 0.6)], columns=0.9)}
    assert json.loads(summary(found, curves)) == {
        "shares": {"flood": 0.0, "fire": 0.5, "injury": 0.8},
        "median_share": 0.5,
        "shares_of_knowable": {"flood": 0.0, "fire": 0.6, "injury": 0.9},
        "median_share_of_knowable": 0.6,
        "expected_shares": {"flood": 0.0, "fire": 0.55, "injury": 0.55},
        "expected_shares_of_knowable": {"flood": 0.0, "fire": 0.65, "injury": 0.65},
        "median_expected_share_of_knowable": 0.65,
        "median_attainable_share": 0.0,
    }
    assert curves["fire"].attainable == 0.6
    assert "not trained: train flood: 12 training rows" in table(found)


def reached(share: Estimate, *, of_knowable: Estimate) -> Reached:
    told = Estimate(0.85, 0.8, 0.9)
    held = (Coverage("weekly counts", 0.9, 85, 0.912, "남구", 0.874, {"남구": 0.874}),)
    losses = {"climatology": 0.02, "model": 0.015, "truth": 0.01}
    expected = {"expected": 0.55, "law_told_expected": 0.85, "expected_of_knowable": 0.65}
    return Reached("one", 50, **losses, share=share, law_told=told, of_knowable=of_knowable, **expected, coverage=held)


def test_coverage_is_shown_with_the_worst_district() -> None:
    refused = NotEnoughData("12 training rows with an incident", where="train flood")
    some = Estimate(0.5, 0.4, 0.6)
    lines = coverage_table({"flood": refused, "fire": reached(some, of_knowable=some)}).splitlines()
    assert lines[0].split() == ["hazard", "weekly", "counts"]
    assert lines[1:] == [f"{'fire':<18}{'91.2 (87)':>38}"]


def test_in_expectation_the_truth_has_all_and_a_blunted_one_less() -> None:
    halfway = (TRUTH + CLIMATOLOGY) / 2
    assert expected_share(TRUTH, CLIMATOLOGY, TRUTH, truth=TRUTH) == 1.0
    assert expected_share(CLIMATOLOGY, CLIMATOLOGY, TRUTH, truth=TRUTH) == 0.0
    assert 0 < expected_share(halfway, CLIMATOLOGY, TRUTH, truth=TRUTH) < 1
    assert expected_share(TRUTH, CLIMATOLOGY, halfway, truth=TRUTH) > 1, "nothing that is less than the truth ends at 1"


def test_the_rival_finds_the_numbers_of_a_law_of_its_form() -> None:
    """Two summands: one with a level for each place, hour and a strength; one that follows a count."""
    random = np.random.default_rng(1)
    n, places = 60_000, 4
    hour, place = random.integers(0, 24, n), random.integers(0, places, n)
    z, count = random.normal(size=n), random.poisson(0.1, n).astype(float)
    level = np.array([-0.6, -0.2, 0.2, 0.6])
    rate = np.exp(-3.5 + level[place] + 0.8 * np.sin(hour / 24 * 2 * np.pi) + 0.5 * z) + 0.05 * count
    names = ("hour_of_day", "weekday", "holiday")
    values = np.stack([hour, np.zeros(n), np.zeros(n)], axis=1).astype(np.float32)
    infos = tuple(FeatureInfo(name, "made", name, "", "made") for name in names)
    as_of = np.full(n, np.datetime64("2025-01-01", "us"))
    spine = Spine(tuple("abcd"), place, as_of)
    rows = Rows("made", Features(spine, values, infos, "f" * 16))
    parts = [Part(np.ones(n), z[:, None]), Part(count, np.zeros((n, 0)), places=False, slots=False)]
    fitted = fit(parts, rows, random.poisson(rate).astype(float), np.ones(n))
    found = np.exp(log_rate(parts, rows, fitted))
    assert np.corrcoef(np.log(found), np.log(rate))[0, 1] > 0.97
    assert fitted[0][-1] == pytest.approx(0.5, abs=0.05)
    assert np.exp(fitted[1][0]) == pytest.approx(0.05, rel=0.2)
    assert not fitted[1][1 : 1 + places + SLOTS].any(), "a part without levels has none"


def test_a_longer_history_ends_on_the_same_day(tmp_path: Path) -> None:
    settings = load_settings(Path(__file__).parent)
    usual, longer = (
        params_of(s, PILOT).simulate for s in (settings, with_history(settings, 10, home=tmp_path / "home"))
    )
    first = date.fromisoformat(longer.first_day)
    assert (first.year, first.month, first.day) == (2018, 1, 1)
    last = [date.fromisoformat(s.first_day) + timedelta(days=s.days) for s in (usual, longer)]
    assert last[0] == last[1] == date(2028, 1, 1)
    assert longer.seed == usual.seed


def test_a_curve_is_shown_as_table_and_picture(tmp_path: Path) -> None:
    curves = {"fire": Curve("fire", [Point(3.0, 20, 0.1, 0.2), Point(30.0, 50, 0.5, 0.6)], columns=0.9)}
    assert "0.900" in curve_table(curves).splitlines()[-1]
    assert plot_curves(curves, tmp_path / "var" / "curve.png").read_bytes().startswith(b"\x89PNG")
