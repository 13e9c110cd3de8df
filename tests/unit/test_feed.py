"""A contract that is unsound is refused in one line that names the nearest sound thing."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.errors import BadContract, NotFound
from contracts.feed import load_feeds, parse_feed
from tests.made_up import CELLS_FEED, FIRES_FEED, WEATHER_FEED, make_city

REFUSED = [
    (WEATHER_FEED, "property: encoding", "property: encodnig", "did you mean 'encoding'"),
    (WEATHER_FEED, "column: 시각", "colunm: 시각", "did you mean 'column'"),
    (WEATHER_FEED, "name: wind", "name: wnid", "did you mean 'wind'"),
    (WEATHER_FEED, "required: true", "requird: true", "did you mean 'required'"),
    (WEATHER_FEED, "property: unit, value: degF", "property: unti, value: degF", "did you mean 'unit'"),
    (WEATHER_FEED, "value: ppb", "value: ppbb", "did you mean 'ppb'"),
    (WEATHER_FEED, "value: ppb", "value: hPa", "cannot become 'ppm'"),
    (WEATHER_FEED, "zone: Europe/Berlin", "zone: Europe/Berlni", "does not exist"),
    (WEATHER_FEED, "minimum: -40", "minimum: 200", "must be below"),
    (WEATHER_FEED, "minimum: 0, maximum: 40000", "minimum: 60000, maximum: 70000", "do not overlap"),
    (WEATHER_FEED, "minimum: 0, maximum", "minimmu: 0, maximum", "did you mean 'minimum'"),
    (WEATHER_FEED, "delay_minutes: 30", "receipt: true", "never receipt, else nothing was ever known"),
    (WEATHER_FEED, "delay_minutes: 30", "receipt: true, delay_minutes: 30", "exactly one"),
    (WEATHER_FEED, "delay_minutes: 30", 'since: "2025-01-01T00:00:00Z"', "belongs to assets and static"),
    (WEATHER_FEED, "delay_minutes: 30", "delay_minutes: -1", "greater than or equal to 0"),
    (WEATHER_FEED, "stamp: start, interval_minutes: 60", "stamp: start", "needs interval_minutes"),
    (WEATHER_FEED, "value: cp949", "value: cp9499", "encoding 'cp9499' does not exist"),
    (WEATHER_FEED, "value: wide_metrics", "value: wide_assets", "which metric"),
    (WEATHER_FEED, "value: wide_metrics", "value: long", "metric and value"),
    (WEATHER_FEED, "logicalType: string, required", "required", "no logicalType"),
    (WEATHER_FEED, "apiVersion: v3.1.0", "apiVersion: v9", "apiVersion"),
    (WEATHER_FEED, "kind: DataContract", "knid: DataContract", "did you mean 'kind'"),
    (WEATHER_FEED, "property: partner, value: institute", "property: sources, value: x", "partner"),
    (WEATHER_FEED, "customProperties:\n- {property: partner", "customProperties: [\n- {property: partner", "not YAML"),
    (FIRES_FEED, "blaze: fire", "blaze: fier", "no hazard 'fier' in the pilot"),
    (FIRES_FEED, "lon: x, lat: y", "lon: x", "place"),
    (FIRES_FEED, "{property: place, value: {lon: x, lat: y}}", "{property: sources, value: x}", "which asset"),
    (FIRES_FEED, "- {property: time, value: {column: at, zone: UTC}}\n", "", "no `time`"),
    (CELLS_FEED, "constants, value: {kind: cell}", "constants, value: {knid: cell}", "did you mean 'kind'"),
    (CELLS_FEED, "constants, value: {kind: cell}", "constants, value: {kind: cell, district: x}", "both a column"),
    (CELLS_FEED, '"2025-01-01T00:00:00+01:00"', '"2025-01-01T00:00:00"', "with its offset"),
]


@pytest.mark.parametrize(("contract", "sound", "unsound", "words"), REFUSED, ids=[words for *_, words in REFUSED])
def test_an_unsound_contract_is_refused(tmp_path: Path, contract: str, sound: str, unsound: str, words: str) -> None:
    pilot = make_city(tmp_path).pilot
    parse_feed(contract, pilot, where="feed.yaml")
    broken = contract.replace(sound, unsound)
    assert broken != contract
    with pytest.raises(BadContract, match=r"feed\.yaml") as refusal:
        parse_feed(broken, pilot, where="feed.yaml")
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_receipt_is_allowed_for_a_feed_that_says_it_is_live(tmp_path: Path) -> None:
    live = WEATHER_FEED.replace("delay_minutes: 30", "receipt: true, live: true")
    assert parse_feed(live, make_city(tmp_path).pilot, where="feed.yaml").known_at.receipt


def test_assets_feeds_come_first_and_file_names_match(tmp_path: Path) -> None:
    city = make_city(tmp_path)
    assert [feed.name for feed in load_feeds(city.folder, city.pilot)] == ["cells", "fires", "weather"]
    city.contract("wether", WEATHER_FEED)
    with pytest.raises(BadContract, match=r"weather\.odcs\.yaml"):
        load_feeds(city.folder, city.pilot)


def test_a_pilot_without_contracts_says_where_they_belong(tmp_path: Path) -> None:
    city = make_city(tmp_path)
    for path in (city.folder / "feeds").iterdir():
        path.unlink()
    with pytest.raises(NotFound, match=r"NAME\.odcs\.yaml"):
        load_feeds(city.folder, city.pilot)


def test_limits_are_those_of_contract_and_pilot_in_the_pilots_unit(tmp_path: Path) -> None:
    city = make_city(tmp_path)
    feed = city.feed("weather")
    assert feed.limits("temperature", city.pilot) == (-40.0, 50.0)
    assert feed.limits("gas", city.pilot) == pytest.approx((0.0, 40.0))
    assert feed.limits("wind", city.pilot) == (0.0, 60.0)
