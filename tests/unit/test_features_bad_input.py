"""What is not a number, not a window or not a name: refused, or missing by a stated rule."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml

from contracts.errors import BadPilot, ForesafeError
from contracts.pilot import FeatureChoice, load_pilot
from contracts.results import FeatureInfo
from contracts.tables import Tables
from features import build_features, build_labels, feature_infos, registry, scoring_spine, training_spine
from features.leaks import find_leak
from features.view import View
from tests.properties import worlds
from tests.properties.worlds import EVERYTHING, START

PILOT = worlds.pilot(EVERYTHING)
TRAILING = {"kind": "trailing", "metrics": ["wind"], "windows_hours": [3], "stats": ["mean"]}
SOUND = {
    "title": "t",
    "timezone": "Asia/Seoul",
    "scored_kinds": ["cell"],
    "metrics": {"wind": {"unit": "m/s", "low": 0, "high": 60}},
    "hazards": {"fire": {"horizon_hours": 1}},
    "features": [TRAILING],
}
STATISTICS = ("mean", "max", "min", "std", "last", "count")
NOT_VALUES = (float("nan"), float("inf"), float("-inf"), 1e300, -1e300, 1000.001, -0.001)


def tables_of(
    *, readings: tuple[tuple[str, str, float, float, float], ...] = (),
    incidents: tuple[tuple[str, str, float, float, float], ...] = (),
) -> Tables:  # fmt: skip
    return Tables(worlds.readings_of(*readings), worlds.incidents_of(*incidents), worlds.assets())


def value(tables: Tables, hour: int, column: str) -> float:
    spine = scoring_spine(tables, PILOT, as_of=START + timedelta(hours=hour))
    return float(build_features(tables, spine, PILOT).column(column)[0])


def write(folder: Path, change: dict[str, object]) -> Path:
    pilot = folder / "made-up"
    pilot.mkdir()
    (pilot / "pilot.yaml").write_text(yaml.safe_dump({**SOUND, **change}), encoding="utf-8")
    return pilot


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"features": [{**TRAILING, "windows_hours": [-3]}]}, r"windows_hours\.0: Input should be greater than 0"),
        ({"features": [{**TRAILING, "windows_hours": [0]}]}, r"windows_hours\.0: Input should be greater than 0"),
        ({"features": [{**TRAILING, "windows_hours": [2.5]}]}, r"windows_hours\.0: .*integer"),
        ({"features": [{**TRAILING, "windows_hours": [24 * 367]}]}, r"windows_hours\.0: .*less than or equal to 8784"),
        ({"cadence_hours": 0}, "cadence_hours: Input should be greater than 0"),
        ({"cadence_hours": -6}, "cadence_hours: Input should be greater than 0"),
        ({"cadence_hours": 6}, r"hazards\.fire\.horizon_hours 1 is shorter than cadence_hours 6"),
        ({"hazards": {"fire": {"reporting_delay_hours": -1}}}, "reporting_delay_hours: .*greater than or equal to 0"),
        ({"hazards": {"fire": {"min_severity": 0}}}, "min_severity: .*greater than 0"),
        ({"metrics": {"wind": {"unit": "1", "low": 0, "high": float("inf")}}}, "metrics.wind: limits .* finite"),
        ({"metrics": {"wind": {"unit": "1", "low": float("nan"), "high": 1}}}, "metrics.wind: low nan must be below"),
        ({"metrics": {"wind": {"unit": "1", "low": 5, "high": 5}}}, "metrics.wind: low 5.0 must be below high 5.0"),
        ({"features": [{**TRAILING, "metrics": ["wnd"]}]}, "no metric 'wnd'; did you mean 'wind'"),
        ({"features": [{"kind": "incident_count", "hazards": ["fier"]}]}, "no hazard 'fier'; did you mean 'fire'"),
        ({"features": [{**TRAILING, "window_hours": [3]}]}, "unknown key; did you mean 'windows_hours'"),
        ({"hazards": {"fire": {"horizon_hour": 1}}}, "unknown key; did you mean 'horizon_hours'"),
        ({"cadence_hour": 1}, "unknown key; did you mean 'cadence_hours'"),
        ({"features": [{**TRAILING, "kind": "trailng"}]}, "no feature kind 'trailng'; .*did you mean 'trailing'"),
        ({"features": [{**TRAILING, "stats": ["avg", "mena"]}]}, "no statistic 'avg'"),
    ],
)
def test_a_pilot_that_asks_for_nonsense_is_refused_in_words(
    tmp_path: Path, change: dict[str, object], says: str
) -> None:
    with pytest.raises(BadPilot, match=says):
        feature_infos(load_pilot(write(tmp_path, change)))


def test_the_sound_pilot_is_accepted(tmp_path: Path) -> None:
    assert feature_infos(load_pilot(write(tmp_path, {})))[0].name == "wind_mean_3h"


@pytest.mark.parametrize("bad", NOT_VALUES)
@pytest.mark.parametrize("stat", STATISTICS)
def test_a_value_that_is_no_number_or_outside_the_limits_is_missing(bad: float, stat: str) -> None:
    good = (("a", "voc_ppb", 9, 9, 20.0), ("a", "voc_ppb", 9.5, 9.5, 30.0))
    with_bad = tables_of(readings=(*good, ("a", "voc_ppb", 10, 10, bad)))
    column = f"voc_ppb_{stat}_30h"
    assert value(with_bad, 12, column) == value(tables_of(readings=good), 12, column)


@pytest.mark.parametrize("bad", NOT_VALUES)
def test_nothing_but_bad_values_is_nothing_known(bad: float) -> None:
    tables = tables_of(readings=(("a", "voc_ppb", 10, 10, bad), ("a", "population", 1, 1, -1.0)))
    assert value(tables, 12, "voc_ppb_count_30h") == 0
    assert np.isnan([value(tables, 12, f"voc_ppb_{stat}_30h") for stat in STATISTICS[:-1]]).all()
    assert np.isnan(value(tables, 12, "population"))


@pytest.mark.parametrize("bad", NOT_VALUES)
def test_a_correction_that_is_no_value_corrects_nothing(bad: float) -> None:
    tables = tables_of(readings=(("a", "voc_ppb", 10, 10, 40.0), ("a", "voc_ppb", 10, 11, bad)))
    assert value(tables, 12, "voc_ppb_last_30h") == 40.0


def test_a_reading_known_before_it_was_observed_counts_from_when_it_was_observed() -> None:
    """A forecast or a wrong clock: until then it would be a look into the future, whatever `known_at` says."""
    tables = tables_of(readings=(("a", "voc_ppb", 20, 10, 40.0), ("a", "population", 20, 10, 7.0)))
    for column in ("voc_ppb_last_30h", "voc_ppb_max_3h", "population"):
        assert np.isnan(value(tables, 19, column)), column
        assert value(tables, 20, column) in (40.0, 7.0)
    assert [value(tables, hour, "voc_ppb_count_30h") for hour in (19, 20)] == [0.0, 1.0]


def test_an_incident_known_before_it_occurred_counts_from_when_it_occurred() -> None:
    tables = tables_of(incidents=(("planned", "a", 20, 10, 1.0),))
    assert [value(tables, hour, "fire_count_24h") for hour in (19, 20)] == [0.0, 1.0]
    assert np.isnan(value(tables, 19, "fire_hours_since"))
    assert np.isnan(value(tables, 19, "fire_climatology"))
    spine = scoring_spine(tables, PILOT, as_of=START + timedelta(hours=19))
    rule, until = PILOT.hazards["fire"], START + timedelta(hours=20)
    assert build_labels(tables.incidents, spine, hazard="fire", rule=rule, observed_until=until).count.sum() == 1


def test_rows_stamped_before_their_time_leak_nothing() -> None:
    tables = tables_of(
        readings=(("a", "voc_ppb", 20, 10, 40.0), ("b", "voc_ppb", 12, 11, 20.0), ("a", "population", 20, 10, 7.0)),
        incidents=(("planned", "a", 20, 10, 1.0), ("normal", "b", 5, 6, 1.0)),
    )
    spine = training_spine(
        tables, PILOT, first=START + timedelta(hours=9), last=START + timedelta(hours=24), every_hours=3
    )
    assert find_leak(partial(build_features, pilot=PILOT), tables, spine) is None
    before = scoring_spine(tables, PILOT, as_of=START + timedelta(hours=18))
    without = tables_of(readings=(("b", "voc_ppb", 12, 11, 20.0),), incidents=(("normal", "b", 5, 6, 1.0),))
    np.testing.assert_array_equal(
        build_features(tables, before, PILOT).values, build_features(without, before, PILOT).values
    )


def test_readings_of_unknown_assets_and_metrics_are_nobodys() -> None:
    stray = (("nobody", "voc_ppb", 10, 10, 40.0), ("a", "a_metric_of_another_pilot", 10, 10, 40.0))
    good = (("a", "voc_ppb", 9, 9, 20.0),)
    spine = scoring_spine(tables_of(), PILOT, as_of=START + timedelta(hours=12))
    with_stray, without = (tables_of(readings=rows) for rows in ((*good, *stray), good))
    np.testing.assert_array_equal(
        build_features(with_stray, spine, PILOT).values, build_features(without, spine, PILOT).values
    )


def test_a_feature_that_asks_for_a_statistic_only_where_there_are_assets_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def whimsical(view: View, choice: FeatureChoice) -> Iterator[registry.Column]:
        stat = "max" if view.assets else "mean"
        yield FeatureInfo("whimsical", choice.kind, "", "", "", "wind"), view.window("wind_m_s", stat, hours=3)

    for register in ("REGISTERED", "_USES"):
        monkeypatch.setattr(registry, register, dict(getattr(registry, register)))
    registry.feature("whimsical")(whimsical)
    pilot = PILOT.model_copy(update={"features": (FeatureChoice(kind="whimsical"),)})
    tables = tables_of()
    with pytest.raises(ForesafeError, match="'max' of readings that were binned for mean"):
        build_features(tables, scoring_spine(tables, pilot, as_of=START + timedelta(hours=5)), pilot)
