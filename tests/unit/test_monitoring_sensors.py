"""Sensor trouble told apart from a change in the world, on a synthetic city of three partners. Nothing is random."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache, reduce

import numpy as np
import polars as pl
import pytest

from contracts.params import MonitorParams
from contracts.pilot import Metric
from contracts.results import FloatArray, QualityReport, RuleCount
from contracts.tables import ASSETS, INCIDENTS, READINGS, Tables
from monitoring.findings import FAULTS, Finding, read_finding
from monitoring.panel import sensor_days
from monitoring.sensors import check_arrivals, check_refusals, check_sensors
from tests.sensing_city import METRICS, Sent, readings, sent

PARAMS = MonitorParams()
RECENT = slice(-48, None)  # hours
NOW = datetime(2024, 3, 1, tzinfo=UTC)
Sensors = int | slice | list[int]


@cache
def city(seed: int) -> Sent:
    return sent(days=60, seed=seed)


def found(changed: Sent) -> list[tuple[str, str, str, int]]:
    """(kind, partner, metric, sensors)"""
    report = check_sensors(changed.panel(), METRICS, params=PARAMS)
    assert report.state == ""
    return [(f.kind, f.partner, f.metric, len(f.assets)) for f in report.findings]


def planted(metrics: str | Sequence[str], by: Callable[[FloatArray], FloatArray], sensors: Sensors = slice(None)):
    """The change, in the last two days of these sensors."""

    def change(values: FloatArray) -> FloatArray:
        values[RECENT, sensors] = by(values[RECENT, sensors])
        return values

    names = [metrics] if isinstance(metrics, str) else metrics
    return lambda sent: reduce(lambda done, name: done.changed(name, change), names, sent)


WEATHER, STREETS = ("temperature_c", "wind_m_s", "rain_mm"), ("traffic_count", "crowd_count")
silent = lambda values: values * np.nan  # noqa: E731
held = lambda values: values * 0 + values[0]  # noqa: E731
late = lambda values: np.roll(values, 9, axis=0)  # noqa: E731

CASES: dict[str, tuple[Callable[[Sent], Sent], tuple[str, str, str, int]]] = {
    "a partner is silent": (planted(WEATHER, silent), ("outage", "weather", "", 0)),
    "a counter is silent": (planted("traffic_count", silent, 3), ("gap", "city", "traffic_count", 1)),
    "a metric is silent": (planted("voc_ppb", silent), ("gap", "plants", "voc_ppb", 12)),
    "a sensor is stuck": (planted("voc_ppb", held, 3), ("stuck", "plants", "voc_ppb", 1)),
    "two are stuck": (planted("wind_m_s", held, [1, 4]), ("stuck", "weather", "wind_m_s", 2)),
    "degF of one": (
        planted("temperature_c", lambda v: v * 1.8 + 32, 2),
        ("unit_change", "weather", "temperature_c", 1),
    ),
    "K of all": (planted("temperature_c", lambda v: v + 273.15), ("unit_change", "weather", "temperature_c", 6)),
    "psi of all": (planted("pressure_bar", lambda v: v * 14.5038), ("unit_change", "plants", "pressure_bar", 12)),
    "km/h of all": (planted("wind_m_s", lambda v: v * 3.6), ("unit_change", "weather", "wind_m_s", 6)),
    "a tenth of all": (planted("traffic_count", lambda v: v / 10), ("unit_change", "city", "traffic_count", 20)),
    "an offset for all": (planted("pressure_bar", lambda v: v + 2), ("recalibrated", "plants", "pressure_bar", 12)),
    "a factor for all": (planted("traffic_count", lambda v: v * 1.25), ("recalibrated", "city", "traffic_count", 20)),
    "one reads high": (planted("temperature_c", lambda v: v + 8, 2), ("biased", "weather", "temperature_c", 1)),
    "one plant reads high": (planted("pressure_bar", lambda v: v + 25, 2), ("biased", "plants", "pressure_bar", 1)),
    "people moved in": (
        planted("crowd_count", lambda v: v * 1.9, [0, 1, 2]),
        ("population_moved", "city", "crowd_count", 3),
    ),
    "a road is closed": (
        planted("traffic_count", lambda v: v * np.array([0.3, 0.1, 0.2]), [4, 5, 6]),
        ("world_moved", "city", "traffic_count", 3),
    ),
    "a wrong time zone": (planted(STREETS, late), ("clock_skew", "city", "", 0)),
}


@pytest.mark.parametrize("seed", [11, 12, 13])
@pytest.mark.parametrize("name", CASES)
def test_each_change_is_found_after_two_days_and_named(name: str, seed: int) -> None:
    change, expected = CASES[name]
    assert found(change(city(seed))) == [expected]


NEWEST = slice(-24, None)
AT_ONCE = {
    "a partner is silent": (WEATHER, slice(None), silent, ("outage", "weather", "", 0)),
    "a sensor is stuck": (("voc_ppb",), [3], held, ("stuck", "plants", "voc_ppb", 1)),
    "psi of all": (("pressure_bar",), slice(None), lambda v: v * 14.5038, None),
    "an offset for all": (("pressure_bar",), slice(None), lambda v: v + 2, None),
    "a metric is silent": (("voc_ppb",), slice(None), silent, None),
}


@pytest.mark.parametrize("seed", [11, 12])
@pytest.mark.parametrize("name", AT_ONCE)
def test_what_cannot_be_mistaken_is_found_after_one_whole_day_and_else_nothing(name: str, seed: int) -> None:
    metrics, sensors, by, expected = AT_ONCE[name]

    def change(values: FloatArray) -> FloatArray:
        values[NEWEST, sensors] = by(values[NEWEST, sensors])
        return values

    changed = reduce(lambda done, metric: done.changed(metric, change), metrics, city(seed))
    assert found(changed) == ([expected] if expected else [])


def test_the_clock_is_not_read_off_two_sensors() -> None:
    two = city(11).values["traffic_count"][:, :2].copy()
    few = Sent({**city(11).values, "traffic_count": two}, {**city(11).partner, "traffic_count": "signals"})
    assert found(planted("traffic_count", late)(few)) == []


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_nothing_planted_nothing_found(seed: int) -> None:
    assert found(city(seed)) == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_stationary_seasonal_year_has_few_findings(seed: int) -> None:
    """82 sensors, a check a day for 365 days with seasons, weekdays and storms: at most one event in six months."""
    panel = sent(days=42 + 365, seed=seed).panel()
    checks = (check_sensors(panel.before(end), METRICS, params=PARAMS) for end in range(43, 42 + 365 + 1))
    assert len({finding.key for report in checks for finding in report.findings}) <= 2


def test_a_sensor_that_reports_for_the_first_time() -> None:
    def only_lately(values: FloatArray) -> FloatArray:
        values[:-48, 3] = np.nan
        return values

    assert found(city(11).changed("voc_ppb", only_lately)) == [("new_asset", "plants", "", 1)]


def test_a_fault_of_one_partner_does_not_hide_the_change_at_another() -> None:
    both = planted(WEATHER, silent)(planted("pressure_bar", lambda v: v + 2)(city(12)))
    assert found(both) == [("outage", "weather", "", 0), ("recalibrated", "plants", "pressure_bar", 12)]


def test_everybodys_weather_is_no_fault() -> None:
    """Four degrees colder at every station is within what weeks differ by: no sensor's fault, no recalibration."""
    snap = planted("temperature_c", lambda v: v - 4)(city(13))
    assert [kind for kind, *_ in found(snap) if kind in FAULTS] == []


def test_readings_that_become_known_later() -> None:
    panel = city(11).panel()
    panel.delay_hours[-2:] = np.where(np.isnan(panel.delay_hours[-2:]), np.nan, 7.0)
    kinds = {(f.kind, f.partner) for f in check_sensors(panel, METRICS, params=PARAMS).findings}
    assert kinds == {("delay_changed", "weather"), ("delay_changed", "plants"), ("delay_changed", "city")}


def test_too_short_a_history_is_a_state() -> None:
    report = check_sensors(sent(days=10, seed=1).panel(), METRICS, params=PARAMS)
    assert report.findings == ()
    assert report.state == "not enough history of the sensors: 8 of 14 days"


def test_no_reading_at_all_is_a_state() -> None:
    panel = sensor_days(READINGS.empty(), until=NOW, days=40, metrics=list(METRICS))
    assert check_sensors(panel, METRICS, params=PARAMS).state == "no reading in 40 days"


def test_the_panel_of_readings_is_the_panel_of_the_tests() -> None:
    """The detour over a table of readings gives the same arrays as the synthetic shortcut."""
    few = sent(days=3, seed=5)
    few = Sent({"wind_m_s": few.values["wind_m_s"]}, few.partner)
    until = datetime(2024, 1, 4, tzinfo=UTC)
    made = sensor_days(readings(few, delay_hours=0.0), until=until, days=3, metrics=["wind_m_s"])
    short = few.panel(delay_hours=0.0)
    assert made.sensors == short.sensors
    np.testing.assert_array_equal(made.day, short.day)
    for name in ("hourly", "rows", "low", "high", "delay_hours"):
        np.testing.assert_allclose(getattr(made, name), getattr(short, name), rtol=1e-6)


def test_a_panel_cut_back_is_the_panel_of_that_day() -> None:
    """Also where a sensor first sends later: then it was not there."""
    table = readings(sent(days=4, seed=5))
    until = datetime(2024, 1, 5, tzinfo=UTC)
    late = (pl.col("asset_id") == "temp-03") & (pl.col("known_at") <= until - timedelta(days=1))
    table = table.filter(~late)
    whole = sensor_days(table, until=until, days=4, metrics=list(METRICS))
    then = sensor_days(table, until=until - timedelta(days=2), days=2, metrics=list(METRICS))
    cut = whole.before(2).that_sent()
    assert cut.sensors == then.sensors
    assert len(cut.sensors) == len(whole.sensors) - 1
    for name in ("day", "hourly", "rows", "low", "high", "delay_hours"):
        np.testing.assert_array_equal(getattr(cut, name), getattr(then, name))


def incidents(delays_hours: Callable[[float], float], *, a_day: int = 6) -> pl.DataFrame:
    """Incidents of 60 days; the delay of one depends on how many days ago it happened."""
    random = np.random.default_rng(2)
    ago = np.sort(random.uniform(0, 60, 60 * a_day))
    occurred = [NOW - timedelta(days=float(days)) for days in ago]
    known = [
        at + timedelta(hours=delays_hours(float(days)) * float(random.lognormal(0, 0.4)))
        for at, days in zip(occurred, ago, strict=True)
    ]
    text = {"asset_id": "a", "hazard": "fire", "partner": "119", "feed": "f", "batch": "b", "severity": 1.0}
    frame = pl.DataFrame({"incident_id": [str(i) for i in range(len(ago))], "occurred_at": occurred, "known_at": known})
    return INCIDENTS.conform(frame.with_columns(**{name: pl.lit(value) for name, value in text.items()}))


def arrivals(**tables: pl.DataFrame) -> list[tuple[str, str, str, tuple[str, ...]]]:
    every = {"readings": READINGS.empty(), "incidents": INCIDENTS.empty(), "assets": ASSETS.empty(), **tables}
    metrics = {
        "population": Metric(unit="people", low=0, high=1e6, static=True),
        "plant_count": Metric(unit="count", low=0, high=100, static=True),
    }
    found = check_arrivals(Tables(**every), metrics, until=NOW, params=PARAMS)
    return [(f.kind, f.partner, f.metric, f.assets) for f in found]


def test_a_changed_reporting_delay_is_found_within_days_of_the_first_slow_report() -> None:
    assert arrivals(incidents=incidents(lambda ago: 72.0 if ago < 8 else 24.0)) == [
        ("delay_changed", "119", "fire", ())
    ]


def test_of_many_incidents_half_a_week_tells_a_changed_reporting_delay() -> None:
    slow = incidents(lambda ago: 30.0 if ago < 3 else 6.0, a_day=24)
    assert arrivals(incidents=slow) == [("delay_changed", "119", "fire", ())]


def test_a_steady_reporting_delay_is_not() -> None:
    assert arrivals(incidents=incidents(lambda ago: 24.0)) == []


def test_too_few_incidents_say_nothing_about_delays() -> None:
    assert arrivals(incidents=incidents(lambda ago: 72.0 if ago < 8 else 24.0, a_day=1)) == []


def test_a_new_plant_is_named() -> None:
    rows = [("old", NOW - timedelta(days=300)), ("new", NOW - timedelta(days=1))]
    frame = pl.DataFrame({"asset_id": [r[0] for r in rows], "known_at": [r[1] for r in rows]}).with_columns(
        name=pl.lit("n"), kind=pl.lit("plant_unit"), district=pl.lit("d"), lon=129.0, lat=35.5,
        partner=pl.lit("city"), feed=pl.lit("f"), batch=pl.lit("b"),
    )  # fmt: skip
    assert arrivals(assets=ASSETS.conform(frame)) == [("new_asset", "city", "", ("new",))]


def attribute(metric: str, before: float, now: float) -> pl.DataFrame:
    times = [NOW - timedelta(days=300), NOW - timedelta(days=1)]
    frame = pl.DataFrame({"observed_at": times, "known_at": times, "value": [before, now]})
    return READINGS.conform(
        frame.with_columns(
            asset_id=pl.lit("cell"), metric=pl.lit(metric), partner=pl.lit("city"), feed=pl.lit("f"), batch=pl.lit("b")
        )
    )


@pytest.mark.parametrize(
    ("metric", "before", "now", "kind"),
    [
        ("population", 9000, 15000, "population_moved"),
        ("population", 9000, 9100, None),
        ("plant_count", 2, 3, "new_asset"),
        ("plant_count", 3, 2, "world_moved"),
    ],
)
def test_attributes_of_a_place_that_change(metric: str, before: float, now: float, kind: str | None) -> None:
    expected = [(kind, "city", metric, ("cell",))] if kind else []
    assert arrivals(readings=attribute(metric, before, now)) == expected


def report(quarantined: int, *, refused: str = "") -> QualityReport:
    rules = (RuleCount("maximum", "degree", quarantined, 1, "98"),)
    return QualityReport(
        "ulsan", "plants", "process", "b", "p.csv", 100, 100 - quarantined, 0, quarantined, rules, refused
    )


def test_a_feed_whose_rows_are_refused_is_a_broken_contract() -> None:
    assert check_refusals([report(1), report(30)], since=NOW) == ()
    (found,) = check_refusals([report(1), report(70)], since=NOW)
    assert (found.kind, found.metric) == ("contract_broken", "process")
    assert "71 of 200 rows refused, mostly by rule maximum" in found.words
    (whole,) = check_refusals([report(0, refused="not UTF-8")], since=NOW)
    assert "refused whole: p.csv" in whole.words


def test_a_finding_survives_being_kept() -> None:
    finding = Finding("biased", "words", NOW, "weather", "temperature_c", ("a",))
    assert read_finding({**finding.as_json(), "assets": ["a"]}) == finding
