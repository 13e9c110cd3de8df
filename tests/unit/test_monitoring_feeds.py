"""A feed of incidents that falls silent is named; one that is quiet by chance, or by habit, is not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.params import MonitorParams
from contracts.tables import ASSETS, INCIDENTS, READINGS, Tables
from monitoring.feeds import implausible, silent_feeds
from monitoring.findings import Finding
from monitoring.sensors import check_arrivals, unexplained

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CHANCE = MonitorParams().silence_chance


def incidents(days_ago: Sequence[float], *, partner: str = "city", feed: str = "city-incidents") -> pl.DataFrame:
    """One that became known so many days before NOW, each."""
    known = [NOW - timedelta(days=float(ago)) for ago in days_ago]
    rows = {
        "incident_id": [f"{feed}-{number}" for number in range(len(known))],
        "asset_id": "a",
        "hazard": "flood",
        "occurred_at": [at - timedelta(hours=5) for at in known],
        "known_at": known,
        "severity": 1.0,
        "partner": partner,
        "feed": feed,
        "batch": "b",
    }
    return pl.DataFrame(rows).select(INCIDENTS.schema.keys()).cast(INCIDENTS.schema)


def found(frame: pl.DataFrame) -> list[Finding]:
    return list(silent_feeds(frame, until=NOW, chance=CHANCE))


def poisson(rate: float, *, silent: float, seed: int) -> list[float]:
    """Arrivals of a year by chance, `rate` a day, but none in the last `silent` days."""
    ago = silent + np.cumsum(np.random.default_rng(seed).exponential(1 / rate, size=int(400 * rate)))
    return ago[ago < 365].tolist()


def test_an_outage_is_named_with_its_partner_feed_and_beginning() -> None:
    (finding,) = found(incidents(poisson(2, silent=9, seed=1)))
    assert (finding.kind, finding.partner, finding.metric) == ("outage", "city", "city-incidents")
    assert finding.is_fault, "a person is called, and no model is trained on it"
    assert NOW - finding.since == pytest.approx(timedelta(days=9), abs=timedelta(days=2))
    assert "no incident has arrived for" in finding.words
    assert "usually every 0.5 days" in finding.words


@pytest.mark.parametrize(("every", "named_after"), [(1.0, 3), (7.0, 19), (30.0, 79)])
def test_a_delivery_is_missed_after_two_and_a_half_times_its_gap(every: float, named_after: int) -> None:
    """A regular one is missed sooner than one that comes by chance, which would need nine times its usual gap."""
    for silent in range(1, int(4 * every)):
        named = bool(found(incidents(np.arange(silent, 365, every).tolist())))
        assert named == (silent >= named_after), silent


def test_one_that_comes_in_bursts_is_given_more_time() -> None:
    bursts = [30 * month + hour / 24 for month in range(1, 12) for hour in range(0, 72, 3)]
    assert not found(incidents([ago + 30 for ago in bursts])), "twice the usual pause"
    assert found(incidents([ago + 140 for ago in bursts]))


def test_each_feed_by_itself_and_the_healthy_one_is_left() -> None:
    both = pl.concat(
        [
            incidents(poisson(2, silent=0, seed=2)),
            incidents(poisson(2, silent=12, seed=3), partner="plants", feed="plant-incidents"),
        ]
    )
    assert [finding.partner for finding in found(both)] == ["plants"]
    tables = Tables(pl.DataFrame(schema=READINGS.schema), both, pl.DataFrame(schema=ASSETS.schema))
    arrivals = check_arrivals(tables, {}, until=NOW, params=MonitorParams())
    assert [f.metric for f in arrivals if f.kind == "outage"] == ["plant-incidents"]


def test_a_partner_that_is_silent_altogether_is_one_outage() -> None:
    (feed,) = found(incidents(poisson(2, silent=9, seed=1)))
    whole = Finding("outage", "city: next to nothing for 2 days from 20 sensors", NOW, partner="city")
    other = Finding("outage", "plants: next to nothing for 2 days from 12 sensors", NOW, partner="plants")
    assert unexplained((whole, feed)) == (whole,)
    assert unexplained((other, feed)) == (other, feed)


def test_few_arrivals_tell_no_habit() -> None:
    assert not found(incidents([300, 299, 298, 297]))
    assert not found(incidents([]))


def test_what_becomes_known_later_is_not_looked_at() -> None:
    late = incidents([-1.0, -2.0, *poisson(2, silent=9, seed=1)])
    assert [finding.kind for finding in found(late)] == ["outage"]


@given(rate=st.floats(0.1, 20), seed=st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_longer_is_never_more_plausible(rate: float, seed: int) -> None:
    gaps = np.random.default_rng(seed).exponential(1 / rate, size=50)
    named = [implausible(days, gaps, CHANCE) for days in np.linspace(0, 40 / rate, 60)]
    assert named == sorted(named)
    assert named[-1], "forty usual gaps"
    assert not named[0]


def test_twenty_years_of_chance_have_next_to_no_false_alarm() -> None:
    """Feeds of 0.3 to 6 arrivals a day, checked every six hours: at most two of some 20,000 gaps are named."""
    named = set()
    for seed in range(20):
        rate = float(np.random.default_rng(seed).uniform(0.3, 6))
        ago = np.array(poisson(rate, silent=0, seed=seed + 100))
        for end in np.arange(0, 305, 0.25):
            past = ago[ago >= end]
            if len(past) >= 9 and implausible(float(past[0] - end), np.diff(past), CHANCE):
                named.add((seed, past[0]))
    assert len(named) <= 2
