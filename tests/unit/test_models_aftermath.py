"""What happens right after an incident beyond the forecast: found where incidents bring incidents, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.results import BoolArray, InstantArray, IntArray
from models.aftermath import WINDOWS, Aftermath, fit_aftermath, right_after
from models.split import HOUR
from tests.contagion import contagion


def slowly_right_after(occurred: BoolArray, asset: IntArray, as_of: InstantArray, horizon_hours: int) -> list[bool]:
    window = horizon_hours * HOUR
    return [
        any(
            occurred[j] and asset[j] == asset[i] and window <= as_of[i] - as_of[j] < (1 + WINDOWS) * window
            for j in range(len(asset))
        )
        for i in range(len(asset))
    ]


@given(
    rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40), st.booleans()), min_size=1, max_size=60),
    horizon_hours=st.integers(1, 6),
)
@settings(deadline=None)
def test_fast_is_the_slow_one_in_any_order_and_with_windows_that_overlap(
    rows: list[tuple[int, int, bool]], horizon_hours: int
) -> None:
    asset, hour, occurred = (np.array(column) for column in zip(*rows, strict=True))
    as_of = np.datetime64("2026-03-01", "us") + hour * HOUR
    found = right_after(occurred, asset=asset, as_of=as_of, horizon_hours=horizon_hours)
    assert found.tolist() == slowly_right_after(occurred, asset, as_of, horizon_hours)


def test_a_law_whose_incidents_bring_incidents_shows_how_many_and_how_much() -> None:
    city = contagion(brought=0.15, days=400)
    found = fit_aftermath(city.forecast, city.occurred, asset=city.asset, as_of=city.as_of, horizon_hours=1)
    here = right_after(city.occurred, asset=city.asset, as_of=city.as_of, horizon_hours=1)
    assert found.jump == pytest.approx((city.truth - city.forecast)[here].mean(), rel=0.15)
    assert found.share == pytest.approx((city.truth - city.forecast)[here].sum() / city.truth.sum(), rel=0.15)


def test_incidents_that_come_one_by_one_show_next_to_nothing() -> None:
    city = contagion(brought=0.0, days=400)
    found = fit_aftermath(city.forecast, city.occurred, asset=city.asset, as_of=city.as_of, horizon_hours=1)
    assert found.share < 0.01


def test_fewer_than_forecast_is_nothing() -> None:
    hours = np.arange(100)
    as_of = np.datetime64("2026-03-01", "us") + hours * HOUR
    found = fit_aftermath(
        np.full(100, 0.2), hours == 10, asset=np.zeros(100, dtype=np.int64), as_of=as_of, horizon_hours=1
    )
    assert found == Aftermath()
