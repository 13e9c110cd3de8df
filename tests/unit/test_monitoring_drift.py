"""Drift on synthetic seasons: stationary years stay quiet, a planted shift is found, the windows are the units."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from contracts.errors import BadSource, NotFound
from contracts.params import MonitorParams
from monitoring.drift import DriftReport, benjamini_hochberg, measure_drift
from monitoring.profile import Days, profile_days
from monitoring.reference import FORECAST, Reference, make_reference, thinned, with_forecast
from tests.drifting_city import IMPORTANCE, NAMES, forecasts, seasonal

PARAMS = MonitorParams()
PAST_DAYS, ALL_DAYS = 1096, 1096 + 365
FIRST = int(np.datetime64("2023-01-01", "D").astype(np.int64))


@cache
def world(seed: int) -> tuple[Reference, np.ndarray, np.ndarray]:
    """Three years of reference; values and as_of of the whole four."""
    features, probability = seasonal(days=ALL_DAYS, seed=seed)
    past = np.flatnonzero(features.spine.as_of < features.spine.as_of[0] + np.timedelta64(PAST_DAYS, "D"))
    made = make_reference(
        features.take(past), probability[past], hazard="flood", importance=IMPORTANCE, sample_rows=2000, seed=1
    )
    return made, features.values, features.spine.as_of


@cache
def profiled(seed: int) -> Days:
    reference, values, as_of = world(seed)
    return profile_days(with_forecast(values, forecasts(values)), as_of, reference.scale)


def window(seed: int, day: int) -> Days:
    """The seven days that end on the `day`-th of the fourth year."""
    last = FIRST + PAST_DAYS + day
    return profiled(seed).between(last - PARAMS.window_days + 1, last)


def changed(seed: int, day: int, name: str, by: float) -> DriftReport:
    reference, values, as_of = world(seed)
    last = FIRST + PAST_DAYS + day
    days = as_of.astype("datetime64[D]").astype(np.int64)
    inside = np.flatnonzero((days > last - PARAMS.window_days) & (days <= last))
    moved = values[inside].copy()
    moved[:, NAMES.index(name)] += by
    current = profile_days(with_forecast(moved, forecasts(moved)), as_of[inside], reference.scale)
    return measure_drift(reference, current, params=PARAMS)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_stationary_seasonal_year_has_few_windows_with_drift(seed: int) -> None:
    """One window a day. Neighbouring windows share days, so flagged ones come in runs; none may reach the limit on
    more than 5 of 100 days, though 13 columns are tested every day and weather lasts for days."""
    found = [measure_drift(world(seed)[0], window(seed, day), params=PARAMS) for day in range(7, 365)]
    assert all(not report.state for report in found)
    assert np.mean([report.share >= PARAMS.drift_share for report in found]) <= 0.05
    assert np.mean([len(report.moved) > 0 for report in found]) <= 0.10


def test_a_plain_row_wise_test_would_call_every_day() -> None:
    """Why windows are the units: on the same quiet year, K-S over rows finds the season's own weather each time."""
    from scipy.stats import ks_2samp

    _, values, as_of = world(1)
    gas = values[:, NAMES.index("gas")]
    days = as_of.astype("datetime64[D]").astype(np.int64) - FIRST
    called = [
        ks_2samp(gas[(days > d - 7) & (days <= d)], gas[days < PAST_DAYS][::50]).pvalue < 0.01
        for d in range(PAST_DAYS + 10, ALL_DAYS, 30)
    ]
    assert np.mean(called) > 0.8


@pytest.mark.parametrize("day", [20, 110, 200, 290])
@pytest.mark.parametrize(("name", "by"), [("gas", 90.0), ("traffic", -700.0), ("noise_1", 1.0)])
def test_a_shift_is_found_and_named_in_every_season(day: int, name: str, by: float) -> None:
    report = changed(2, day, name, by)
    moved = {feature.name: feature for feature in report.moved}
    assert name in moved
    assert np.sign(moved[name].shift) == np.sign(by)
    assert report.share >= IMPORTANCE.get(name, 0.0)
    assert report.forecast_moved or name != "gas"
    assert moved.keys() <= {name, FORECAST}, "only what was shifted, and the forecast that follows it"


def test_a_change_of_spread_alone_is_found_by_the_bins() -> None:
    reference, values, as_of = world(1)
    column = NAMES.index("noise_0")
    inside = np.flatnonzero(as_of >= as_of[-1] - np.timedelta64(7, "D"))
    wider = values[inside].copy()
    wider[:, column] *= 3
    current = profile_days(with_forecast(wider, forecasts(wider)), as_of[inside], reference.scale)
    found = {feature.name: feature for feature in measure_drift(reference, current, params=PARAMS).moved}
    assert abs(found["noise_0"].shift) < PARAMS.min_shift
    assert found["noise_0"].psi > PARAMS.min_psi


def test_a_constant_that_changes_is_found() -> None:
    assert changed(1, 100, "population", 3000.0).share >= IMPORTANCE["population"]


def test_missing_hours_of_the_day_are_no_drift() -> None:
    """Traffic by day is twice that at night; a window in which only nights were scored is still the same traffic."""
    reference, values, as_of = world(3)
    hour = as_of.astype("datetime64[h]").astype(np.int64) % 24
    recent = as_of >= as_of[-1] - np.timedelta64(7, "D")
    nights = np.flatnonzero(recent & (hour >= 12))
    current = profile_days(with_forecast(values, forecasts(values))[nights], as_of[nights], reference.scale)
    assert "traffic" not in {feature.name for feature in measure_drift(reference, current, params=PARAMS).moved}


def test_another_season_is_not_a_reference() -> None:
    reference, _, _ = world(1)
    winter = replace(reference, days=reference.days.between(FIRST, FIRST + 60))
    report = measure_drift(winter, window(1, 200), params=PARAMS)
    assert report.features == ()
    assert "not enough reference of this season: 0 of 28 days" in report.state


def test_an_empty_window_is_a_state() -> None:
    assert "empty" in measure_drift(world(1)[0], window(1, 100_000), params=PARAMS).state


def test_too_few_known_values_are_said_and_not_judged() -> None:
    reference, values, as_of = world(1)
    inside = np.flatnonzero(as_of >= as_of[-1] - np.timedelta64(7, "D"))
    holes = values[inside].copy()
    holes[50:, NAMES.index("gas")] = np.nan
    current = profile_days(with_forecast(holes, forecasts(values[inside])), as_of[inside], reference.scale)
    report = measure_drift(reference, current, params=PARAMS)
    assert report.unjudged == {"gas": "50 known values in the window, needed 200"}
    assert "gas" not in {feature.name for feature in report.features}


def joined(earlier: Days, later: Days) -> Days:
    fields = ((name, getattr(earlier, name), getattr(later, name)) for name in ("day", "rows", "total", "bins"))
    return Days(**{name: np.concatenate([before, after]) for name, before, after in fields})


def test_a_window_is_never_held_against_itself() -> None:
    """A reference that contains the window gives what the same reference without it gives."""
    reference, _, _ = world(2)
    now = window(2, 100)
    both = replace(reference, days=joined(reference.days, now))
    assert measure_drift(both, now, params=PARAMS) == measure_drift(reference, now, params=PARAMS)


def test_adjusted_p_values_are_those_of_scipy() -> None:
    p = np.random.default_rng(4).random(50) ** 3
    np.testing.assert_allclose(benjamini_hochberg(p), false_discovery_control(p))


def test_a_saved_reference_comes_back(tmp_path: Path) -> None:
    reference, _, _ = world(1)
    back = Reference.load(reference.save(tmp_path / "kept"))
    assert measure_drift(back, window(1, 50), params=PARAMS) == measure_drift(reference, window(1, 50), params=PARAMS)
    assert len(back.rows) == 2000
    assert {"utc_hour", "utc_month", "gas", FORECAST} <= set(back.rows.columns)
    assert back.rows_before_sampling == PAST_DAYS * 12 * 12


def test_a_reference_that_is_gone_or_damaged_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no reference\.json"):
        Reference.load(tmp_path / "nothing")
    kept = world(1)[0].save(tmp_path / "kept")
    (kept / "days.parquet").write_bytes(b"PAR1")
    with pytest.raises(BadSource, match="damaged"):
        Reference.load(kept)


def test_thinning_keeps_every_hour_of_the_day() -> None:
    as_of = np.repeat(np.datetime64("2024-01-01T00", "us") + np.arange(24 * 400) * np.timedelta64(1, "h"), 20)
    kept = as_of[thinned(as_of, most=20_000)]
    assert len(kept) <= 20_000
    assert len(np.unique(kept.astype("datetime64[h]").astype(np.int64) % 24)) == 24
