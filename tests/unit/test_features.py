"""What a data scientist meets when naming features: clear refusals, and columns that say what they are."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from contracts.errors import BadPilot, BadTable, ForesafeError, NotEnoughData
from contracts.pilot import FeatureChoice
from contracts.results import Spine
from features import build_features, feature_infos, scoring_spine, spec_hash, training_spine
from features.hours import LocalTime, hour_of
from tests.properties import worlds
from tests.properties.worlds import START

EMPTY = worlds.Tables(worlds.READINGS.empty(), worlds.INCIDENTS.empty(), worlds.assets())


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ({"kind": "trailling"}, "did you mean 'trailing'"),
        (
            {"kind": "trailing", "metrics": ("voc_ppb",), "windows_hours": (3,), "stats": ("meen",)},
            "did you mean 'mean'",
        ),
        ({"kind": "trailing", "metrics": ("voc_ppb",), "windows_hours": (3,)}, "'stats' is missing"),
        ({"kind": "calendar", "neighbours": 3}, "'neighbours' has no meaning here"),
    ],
)
def test_a_feature_that_does_not_exist_names_the_nearest(choice: dict[str, object], says: str) -> None:
    with pytest.raises(BadPilot, match=says):
        feature_infos(worlds.pilot((FeatureChoice(**choice),)))


def test_an_as_of_between_hours_is_refused() -> None:
    pilot = worlds.pilot((FeatureChoice(kind="calendar"),))
    spine = Spine(("a",), np.zeros(1, np.int64), np.array(["2025-03-08T10:30"], "datetime64[us]"))
    with pytest.raises(ForesafeError, match="not a whole hour"):
        build_features(EMPTY, spine, pilot)


def test_an_asset_is_not_forecast_before_it_was_known() -> None:
    pilot = worlds.pilot((FeatureChoice(kind="calendar"),))
    tables = worlds.Tables(EMPTY.readings, EMPTY.incidents, worlds.assets(late_minutes=90))
    spine = training_spine(tables, pilot, first=START, last=START + timedelta(hours=3), every_hours=1)
    frame = spine.frame()
    assert frame[frame["asset_id"] == "c"]["as_of"].min() == START + timedelta(hours=2)
    early = Spine(spine.assets, np.array([spine.assets.index("c")]), spine.as_of[:1])
    with pytest.raises(BadTable, match="was not known"):
        build_features(tables, early, pilot)


def test_no_asset_to_forecast_for_is_said_plainly() -> None:
    pilot = worlds.pilot((FeatureChoice(kind="calendar"),)).model_copy(update={"scored_kinds": ("cel",)})
    with pytest.raises(NotEnoughData, match="no asset of kind cel"):
        scoring_spine(EMPTY, pilot, as_of=START)


def test_a_live_request_is_made_at_the_last_cadence_hour() -> None:
    pilot = worlds.pilot((FeatureChoice(kind="calendar"),)).model_copy(update={"cadence_hours": 3})
    spine = scoring_spine(EMPTY, pilot, as_of=START + timedelta(hours=4, minutes=59))
    assert set(spine.frame()["as_of"]) == {START + timedelta(hours=3)}


def test_the_spec_hash_changes_with_what_shapes_the_features_and_nothing_else() -> None:
    base = worlds.pilot((FeatureChoice(kind="calendar"),))
    assert spec_hash(base) == spec_hash(base.model_copy(update={"title": "another"}))
    assert spec_hash(base) != spec_hash(base.model_copy(update={"timezone": "Asia/Seoul"}))


def test_korean_holidays_and_hours_are_those_of_the_wall_clock() -> None:
    eve_of_lunar_new_year_utc = hour_of(START.replace(year=2025, month=1, day=28, hour=14))
    local = LocalTime(np.array([eve_of_lunar_new_year_utc, eve_of_lunar_new_year_utc + 24 * 3]), "Asia/Seoul", "KR")
    assert local.hour_of_day.tolist() == [23, 23]
    assert local.holiday().tolist() == [True, False]


def test_a_reading_outside_its_limits_counts_as_missing() -> None:
    pilot = worlds.pilot((FeatureChoice(kind="trailing", metrics=("voc_ppb",), windows_hours=(6,), stats=("mean",)),))
    rows = [
        {"asset_id": "a", "metric": "voc_ppb", "observed_at": worlds.at(m), "known_at": worlds.at(m), "value": v,
         **worlds.PROVENANCE}
        for m, v in [(10, 5.0), (20, 4000.0), (30, float("nan"))]
    ]  # fmt: skip
    tables = worlds.Tables(worlds.READINGS.conform(worlds.pl.DataFrame(rows)), EMPTY.incidents, EMPTY.assets)
    spine = scoring_spine(tables, pilot, as_of=START + timedelta(hours=1))
    assert build_features(tables, spine, pilot).column("voc_ppb_mean_6h")[0] == pytest.approx(5.0)


def test_a_feature_chosen_twice_is_refused() -> None:
    with pytest.raises(BadPilot, match="'hour_of_day' is chosen twice"):
        feature_infos(worlds.pilot((FeatureChoice(kind="calendar"), FeatureChoice(kind="calendar"))))


@pytest.mark.parametrize("every", [0, -1])
def test_a_spine_needs_a_step_forward(every: int) -> None:
    pilot = worlds.pilot((FeatureChoice(kind="calendar"),))
    with pytest.raises(ForesafeError, match="every_hours"):
        training_spine(EMPTY, pilot, first=START, last=START, every_hours=every)


def test_an_instant_without_a_zone_is_refused() -> None:
    pilot = worlds.pilot((FeatureChoice(kind="calendar"),))
    with pytest.raises(ForesafeError, match="has no zone"):
        scoring_spine(EMPTY, pilot, as_of=START.replace(tzinfo=None))
