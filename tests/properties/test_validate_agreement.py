"""Great Expectations and the vectorised split judge the same rows alike: whatever a partner sends, row for row."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.feed import parse_feed
from contracts.pilot import Pilot, load_pilot
from ingest.parse import Work, candidates, needed_columns
from ingest.raw import read_raw
from ingest.rules import Rule, rules
from ingest.sources import Pulled, SourceFile
from ingest.split import BATCH, split
from ingest.validate import Gate
from tests.made_up import CELLS, FIRES_FEED, NOW, PILOT, WEATHER_FEED

ASSETS = frozenset(CELLS[:2])
LONG_FEED = (
    WEATHER_FEED.split("schema:")[0].replace("weather", "long")
    + """schema:
- name: long
  properties:
  - {name: asset_id, physicalName: who, logicalType: string, required: true}
  - {name: metric, physicalName: what, logicalType: string, required: true}
  - {name: value, physicalName: much, logicalType: number, required: true}
customProperties:
- {property: partner, value: institute}
- {property: table, value: readings}
- {property: units, value: {temperature: degF, gas: ppb}}
- {property: time, value: {column: at, zone: Europe/Berlin}}
- {property: known_at, value: {column: known}}
"""
)

numbers = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True).map(repr),
    st.integers(-50, 130).map(str),
    st.sampled_from(["", "-", "1e999", "-0", "122", "122.0000001", "-40", "x", "1 2", "+5", "1_0", "0x1"]),
)
assets = st.sampled_from([*CELLS, "", "nowhere"])
stamps = st.sampled_from(
    ["01.02.2025 00:00", "30.02.2025 00:00", "30.03.2025 02:30", "26.10.2025 02:30", "", "1.2.2025", "01.02.2025 24:00"]
)
iso = st.sampled_from(
    ["2025-02-01T00:00", "2025-02-01 00:00:00", "2025-02-01T00:00:00Z", "2025-13-01T00:00", "", "soon"]
)
words = st.sampled_from(["temperature", "gas", "wind", "", "tempera"])
wide_rows = st.lists(st.tuples(stamps, assets, numbers, numbers, numbers).map(";".join), min_size=1, max_size=12)
long_rows = st.lists(st.tuples(iso, iso, assets, words, numbers).map(",".join), min_size=1, max_size=12)


@cache
def pilot() -> Pilot:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "made-up").mkdir()
        (Path(folder) / "made-up" / "pilot.yaml").write_text(PILOT, encoding="utf-8")
        return load_pilot(Path(folder) / "made-up")


@cache
def gate() -> Gate:
    return Gate()


def assert_both_agree(contract: str, text: str, encoding: str) -> None:
    feed = parse_feed(contract, pilot(), where="made-up")
    pulled = Pulled(SourceFile("memory://f", "f"), "b", text.encode(encoding))
    raw = read_raw(pulled, feed, needed_columns(feed))
    rows = candidates(raw.frame, Work(feed, pilot(), NOW)).with_columns(pl.lit(0, dtype=pl.UInt32).alias(BATCH))
    if not rows.height:
        return
    judged = rules(feed, pilot(), ASSETS)
    parted = split(rows, judged, feed, pilot())
    verdict = gate().validate(rows, judged, name=feed.name, complete=True)
    assert not verdict.fault
    assert verdict.counts == parted.broken
    for one in verdict.results.results:
        position = (one.expectation_config.meta or {}).get("rule")
        if position is not None:
            assert sorted(one.result["unexpected_index_list"]) == broken_rows(rows, judged[position])


def broken_rows(rows: pl.DataFrame, rule: Rule) -> list[int]:
    return rows.select(rule.faulty().alias("bad")).with_row_index().filter("bad")["index"].to_list()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(wide_rows)
def test_wide_rows_are_judged_alike(lines: list[str]) -> None:
    assert_both_agree(WEATHER_FEED, "\n".join(["시각;구역;기온;풍속;가스", *lines, ""]), "cp949")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(long_rows)
def test_long_rows_of_several_metrics_are_judged_alike(lines: list[str]) -> None:
    assert_both_agree(LONG_FEED, "\n".join(["at,known,who,what,much", *lines, ""]), "utf-8")


def test_incidents_are_judged_alike() -> None:
    line = '{"nr": "%s", "what": "%s", "at": "%s", "reported": "%s", "x": %s, "y": 52.52, "grade": %s}'
    soon, late = "2025-02-01T00:00Z", "2025-02-02T00:00Z"
    lines = [
        line % ("1", "blaze", soon, late, "13.4", "1"),
        line % ("", "blaze", late, soon, "13.4", "null"),
        line % ("3", "none", "", late, "913.4", '"much"'),
        line % ("4", "deluge", soon, "", "0.4", "-1"),
    ]
    assert_both_agree(FIRES_FEED, "\n".join(lines), "utf-8")
