"""A label is what came true, as known once the reporting delay has passed; never a guess."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.pilot import Hazard
from features import build_labels, training_spine
from tests.properties import worlds
from tests.properties.worlds import START, cities, current

PILOT = worlds.pilot((worlds.FeatureChoice(kind="calendar"),))


@settings(max_examples=60, deadline=None)
@given(
    tables=cities(),
    horizon=st.integers(1, 30),
    delay=st.integers(0, 30),
    until=st.integers(0, worlds.HOURS + 40),
)
def test_labels_equal_a_slow_count_and_unripe_rows_are_left_out(
    tables: worlds.Tables, horizon: int, delay: int, until: int
) -> None:
    rule = Hazard(horizon_hours=horizon, reporting_delay_hours=delay, min_severity=1)
    observed_until = START + timedelta(hours=until)
    last = START + timedelta(hours=worlds.HOURS)
    spine = training_spine(tables, PILOT, first=START, last=last, every_hours=5)
    labels = build_labels(tables.incidents, spine, hazard="fire", rule=rule, observed_until=observed_until)
    content = ["occurred_at", "asset_id", "hazard", "severity"]
    known = current(tables.incidents, ["incident_id"], content, observed_until)
    truth = {}
    for i, row in spine.frame().iterrows():
        stop = row["as_of"].to_pydatetime() + timedelta(hours=horizon)
        if stop + timedelta(hours=delay) <= observed_until:
            inside = [
                r["severity"]
                for r in known
                if r["hazard"] == "fire"
                and r["severity"] >= 1
                and r["asset_id"] == row["asset_id"]
                and row["as_of"].to_pydatetime() < r["occurred_at"] <= stop
            ]
            truth[i] = inside
    assert labels.rows.tolist() == list(truth)
    assert labels.count.tolist() == [len(inside) for inside in truth.values()]
    assert labels.occurred.tolist() == [bool(inside) for inside in truth.values()]
    np.testing.assert_allclose(labels.severity, [sum(inside) for inside in truth.values()], atol=1e-9)


def test_a_withdrawn_incident_is_no_label() -> None:
    row = {
        "incident_id": "i", "asset_id": "a", "hazard": "fire", "severity": 2.0, "occurred_at": worlds.at(90),
        "known_at": worlds.at(100), **worlds.PROVENANCE,
    }  # fmt: skip
    withdrawn = {**row, "severity": 0.0, "known_at": worlds.at(600)}
    incidents = worlds.INCIDENTS.conform(worlds.pl.DataFrame([row, withdrawn]))
    tables = worlds.Tables(worlds.READINGS.empty(), incidents, worlds.assets())
    spine = training_spine(tables, PILOT, first=START, last=START + timedelta(hours=2), every_hours=1)
    rule = Hazard()
    before = build_labels(incidents, spine, hazard="fire", rule=rule, observed_until=worlds.at(599))
    after = build_labels(incidents, spine, hazard="fire", rule=rule, observed_until=worlds.at(660))
    assert before.occurred.sum() == 1
    assert after.occurred.sum() == 0
