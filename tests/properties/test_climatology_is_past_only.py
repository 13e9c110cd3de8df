"""The two baseline probabilities against a slow loop over incidents."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from features import build_features, training_spine
from tests.properties import worlds
from tests.properties.worlds import START, cities, current

ZONE = ZoneInfo("America/Chicago")
EPOCH = datetime(1970, 1, 1, tzinfo=START.tzinfo)
SHRINKAGE, ASSET_SHAPE, PROFILE_SHAPE = 2.0, 2.0, 5.0


def hour_of_week(hour: int) -> int:
    local = (EPOCH + timedelta(hours=hour)).astimezone(ZONE)
    return local.weekday() * 24 + local.hour


def ceil_hour(instant: datetime) -> int:
    return -((EPOCH - instant) // timedelta(hours=1))


def ripe_incidents(tables: worlds.Tables, hour: int, delay: int) -> list[tuple[str, int]]:
    """(asset, hour) of fires known by `hour` that are older than the reporting delay."""
    rows = current(
        tables.incidents,
        ["incident_id"],
        ["occurred_at", "asset_id", "hazard", "severity"],
        EPOCH + timedelta(hours=hour),
    )
    fires = [r for r in rows if r["hazard"] == "fire" and r["severity"] >= 1 and r["asset_id"] in "abc"]
    return [(r["asset_id"], ceil_hour(r["occurred_at"])) for r in fires if ceil_hour(r["occurred_at"]) + delay <= hour]


def slow_climatology(
    tables: worlds.Tables, assets: list[str], asset: str, hour: int, horizon: int, delay: int
) -> float:
    ripe = [(a, b) for a, b in ripe_incidents(tables, hour, delay) if a in assets]
    if not ripe:
        return np.nan
    elapsed = max(hour - delay - earliest_known(tables, assets, hour, delay), 0)
    weeks, expected = elapsed / 168, 0.0
    for ahead in range(horizon):
        slot = hour_of_week(hour + ahead)
        in_slot = [(a, b) for a, b in ripe if hour_of_week(b - 1) == slot]
        if elapsed == 0:
            return np.nan
        city = len(ripe) / (elapsed * len(assets))
        own = (sum(a == asset for a, _ in ripe) + ASSET_SHAPE) / (elapsed + ASSET_SHAPE / city)
        profile = (len(in_slot) + PROFILE_SHAPE) / (city * len(assets) * weeks + PROFILE_SHAPE)
        expected += (sum(a == asset for a, _ in in_slot) + SHRINKAGE) / (weeks + SHRINKAGE / (own * profile))
    return float(np.clip(1 - np.exp(-expected), 1e-7, 1 - 1e-6))


def earliest_known(tables: worlds.Tables, assets: list[str], hour: int, delay: int) -> int:
    """The earliest hour of any incident that was ever known and ripe up to `hour`, even if withdrawn since."""
    return min(b for h in range(hour + 1 - 200, hour + 1) for a, b in ripe_incidents(tables, h, delay) if a in assets)


@settings(max_examples=25, deadline=None)
@given(tables=cities(), horizon=st.integers(1, 3), delay=st.integers(0, 6), pick=st.integers(0, 10**6))
def test_climatology_equals_a_slow_loop(tables: worlds.Tables, horizon: int, delay: int, pick: int) -> None:
    pilot = worlds.pilot((worlds.FeatureChoice(kind="calendar"),), horizon=horizon, delay=delay)
    last = START + timedelta(hours=worlds.HOURS + 80)
    spine = training_spine(tables, pilot, first=START + timedelta(hours=3), last=last, every_hours=7)
    row = pick % len(spine)
    asset, as_of = spine.frame().iloc[row]
    built = build_features(tables, spine, pilot).column("fire_climatology")[row]
    there = [a for a in "abc" if tables.assets.filter(worlds.pl.col("asset_id") == a)["known_at"][0] <= as_of]
    truth = slow_climatology(tables, there, asset, ceil_hour(as_of.to_pydatetime()), horizon, delay)
    np.testing.assert_allclose(built, truth, rtol=1e-5)
