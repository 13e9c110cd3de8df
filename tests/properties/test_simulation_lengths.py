"""Any first day, any length and any seed give a whole drop."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.params import SimulateParams
from simulation import simulate, true_risk


@settings(max_examples=12, deadline=None)
@given(
    first=st.dates(date(2021, 1, 1), date(2034, 12, 31)),
    days=st.integers(7, 70),
    seed=st.integers(0, 2**32),
)
def test_any_span_can_be_simulated(first: date, days: int, seed: int) -> None:
    with TemporaryDirectory() as folder:
        out = Path(folder)
        summary = simulate(SimulateParams(first_day=first.isoformat(), days=days, seed=seed), out, lambda _: None)
        assert summary.hours == days * 24
        months = {f"{name:%Y-%m}" for name in pl.date_range(first, first, eager=True)}
        names = {path.name for path in (out / "partners" / "ulsan").rglob("*")}
        for feed in ("traffic-{}.csv", "crowd-{}.csv", "process-{}.csv", "weather-{}.parquet", "river-{}.jsonl"):
            assert all(feed.format(month) in names for month in months)
        assert true_risk(out)["as_of"].n_unique() == days * 24 + 1
        assert all(path.stat().st_size > 0 for path in out.rglob("*") if path.is_file())
