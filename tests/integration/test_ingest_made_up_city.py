"""A pilot that no code knows works from YAML alone, and every kind of bad row or file is refused with its reason."""

from __future__ import annotations

import gzip
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from contracts.errors import BadSource, BadTable, ForesafeError, NotFound
from contracts.tables import ASSETS, INCIDENTS, READINGS
from ingest import check_pilot, outstanding, replay_feed
from ingest.docs import Docs
from tests.made_up import CELLS, FIRES_FEED, NOW, WEATHER_FEED, City, make_city

HOUR = timedelta(hours=1)


@pytest.fixture
def city(tmp_path: Path) -> City:
    made = make_city(tmp_path)
    made.ingest("cells")
    return made


def refusals(city: City) -> dict[int, str]:
    return dict(outstanding(city.store).select("row", "rule").iter_rows())


def test_units_zones_and_places_come_out_right(city: City) -> None:
    city.ingest("weather")
    city.ingest("fires")
    tables = city.store.snapshot()
    READINGS.conform(tables.readings), INCIDENTS.conform(tables.incidents), ASSETS.conform(tables.assets)
    first = tables.readings.filter(pl.col("asset_id") == CELLS[0], pl.col("metric") != "people").sort("metric")
    assert dict(first.select("metric", "value").iter_rows()) == pytest.approx(
        {"gas": 1.0, "temperature": 0.0, "wind": 10.0}
    )
    # 00:00 in Berlin is 23:00 UTC the day before; the interval ends an hour later; known 30 minutes after
    assert first["observed_at"].unique().to_list() == [datetime(2025, 2, 1, tzinfo=UTC)]
    assert first["known_at"].unique().to_list() == [datetime(2025, 2, 1, 0, 30, tzinfo=UTC)]
    fires = tables.incidents.sort("incident_id")
    assert fires["asset_id"].to_list() == [CELLS[0], CELLS[1]]
    assert fires["hazard"].to_list() == ["fire", "flood"]
    assert fires["occurred_at"].to_list() == [datetime(2025, 2, 1, 9, tzinfo=UTC), datetime(2025, 2, 2, 10, tzinfo=UTC)]
    assert tables.readings.filter(pl.col("metric") == "people")["value"].sum() == 6000
    assert set(tables.assets["district"]) == {"Mitte"}


def test_every_row_fault_goes_to_quarantine_with_its_rule(city: City) -> None:
    good = f"01.02.2025 05:00;{CELLS[0]}"
    city.weather(
        f"{good};32;36;1000",
        f"{good};999;36;1000",  # 2 out of limits
        f"02.02.2025 05:00;{CELLS[0]};warm;36;1000",  # 3 no number
        f"30.02.2025 05:00;{CELLS[0]};32;36;1000",  # 4 impossible date
        "03.02.2025 05:00;nowhere;32;36;1000",  # 5 unknown asset
        "04.02.2025 05:00;;32;36;1000",  # 6 missing id
        f"05.02.2025 05:00;{CELLS[0]};1e999;36;1000",  # 7 not finite
        f"06.02.2025 05:00;{CELLS[0]};32;3\x006;1000",  # 8 control byte
        f"07.02.2025 05:00;{CELLS[0]};32;36",  # 9 broken line
        f"30.03.2025 02:30;{CELLS[0]};32;36;1000",  # 10 the hour that clocks skip
        f"08.02.2025 05:00;{CELLS[0]};-;36;1000",  # 11 required and missing
        f"09.02.2025 05:00;{CELLS[0]};NaN;36;1000",  # 12 not a number
        f"10.02.2025 05:00;{CELLS[0]};32;36;1000",
    )
    (report,) = city.ingest("weather")
    assert refusals(city) == {
        2: "limits", 3: "number", 4: "time", 5: "known_asset", 6: "required", 7: "number", 8: "control_bytes",
        9: "columns", 10: "time", 11: "required", 12: "number",
    }  # fmt: skip
    assert report.rows == report.accepted + report.duplicates + report.quarantined
    assert report.accepted == 3 + 3 + 4 * 2  # a bad cell does not refuse its neighbours
    kept = outstanding(city.store).filter(pl.col("row") == 2).row(0, named=True)
    assert (kept["column"], kept["value"]) == ("기온", "999")
    assert kept["source"] == "weather-1.csv"
    assert '"풍속":"36"' in kept["raw"]


def test_a_bad_stamp_of_a_wide_row_is_one_fault_of_many_cells(city: City) -> None:
    head = WEATHER_FEED.split("schema:")[0].replace("weather", "winds").replace("winds-*.csv", "winds.csv")
    city.contract(
        "winds",
        head
        + """schema: [{name: winds, properties: []}]
customProperties:
- {property: partner, value: institute}
- {property: table, value: readings}
- {property: layout, value: wide_assets}
- {property: constants, value: {metric: wind}}
- {property: time, value: {column: at, zone: UTC}}
- {property: known_at, value: {delay_minutes: 0}}
""",
    )
    lines = [",".join(["at", *CELLS]), "2025-02-01T00:00,1,2,3", "soon,1,2,3", "2025-02-01T01:00,1,,99"]
    (city.drop / "winds.csv").write_text("\n".join(lines), encoding="utf-8")
    (report,) = city.ingest("winds")
    assert (report.rows, report.accepted, report.quarantined) == (8, 4, 4)
    found = outstanding(city.store).select("row", "rule", "column", "value").rows()
    assert found == [(2, "time", "at", "soon"), (3, "limits", CELLS[2], "99")]


def test_incident_faults_go_to_quarantine(city: City) -> None:
    base = '{"nr": "%s", "what": "%s", "at": "%s", "reported": "%s", "x": %s, "y": 52.52, "grade": %s}'
    at, later = "2025-02-01T10:00:00Z", "2025-02-01T12:00:00Z"
    city.fires(
        base % ("F1", "blaze", at, later, "13.40", "2"),
        base % ("F2", "eruption", at, later, "13.40", "2"),
        base % ("F3", "blaze", later, at, "13.40", "2"),
        base % ("F4", "blaze", at, later, "999", "2"),
        base % ("F5", "blaze", at, "", "13.40", "2"),
        base % ("F6", "blaze", at, later, "13.40", "-1"),
        base % ("F7", "blaze", at, later, "0.0", "2"),
        "{ no json",
    )
    (report,) = city.ingest("fires")
    assert report.accepted == 1
    assert refusals(city) == {
        2: "map", 3: "known_before", 4: "place", 5: "known_at", 6: "limits", 7: "known_asset", 8: "columns",
    }  # fmt: skip


def test_a_correction_is_a_new_row_and_a_repetition_is_not(city: City) -> None:
    line = (
        '{"nr": "F1", "what": "blaze", "at": "2025-02-01T10:00:00Z", "reported": "%s", '
        '"x": 13.4, "y": 52.52, "grade": %d}'
    )
    first, later = "2025-02-01T12:00:00Z", "2025-02-03T12:00:00Z"
    city.fires(line % (first, 2), line % (first, 2))
    (report,) = city.ingest("fires")
    assert (report.accepted, report.duplicates) == (1, 1)
    city.fires(line % (first, 2), line % (later, 0), line % (first, 5), name="fires-2.jsonl")
    report = city.ingest("fires")[1]
    assert (report.accepted, report.duplicates, report.quarantined) == (1, 1, 1)
    assert refusals(city) == {3: "contradiction"}
    known = city.store.snapshot(known_until=datetime(2025, 2, 2, tzinfo=UTC)).incidents
    assert known["severity"].to_list() == [2.0]
    assert sorted(city.store.snapshot().incidents["severity"]) == [0.0, 2.0]


def test_the_same_batch_twice_changes_nothing(city: City) -> None:
    first = city.ingest("weather")
    versions, rows = city.store.versions(), city.store.snapshot().readings
    assert city.ingest("weather", now=NOW + HOUR) == first
    assert city.store.versions() == versions
    assert city.store.snapshot().readings.equals(rows)


def test_the_same_content_under_two_names_is_stored_once(city: City) -> None:
    (city.drop / "weather-2.csv").write_bytes((city.drop / "weather-1.csv").read_bytes())
    first, copy = city.ingest("weather")
    assert (first.accepted, copy.accepted, copy.duplicates) == (4, 0, 4)
    assert city.store.snapshot().readings.filter(pl.col("feed") == "weather").height == 4


def test_one_unreadable_file_does_not_stop_the_others(city: City) -> None:
    (city.drop / "weather-0.csv").write_bytes("시각;구역;기온\n".encode())
    refused, sound = city.ingest("weather")
    assert "the file is UTF-8" in refused.refused
    assert refused.accepted == 0
    assert sound.accepted == 4
    kept = list((city.store.root / "refused").rglob("*weather-0.csv"))
    assert kept[0].read_bytes() == (city.drop / "weather-0.csv").read_bytes()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        ("시각;구역;기온;풍속;가스\n".encode("cp949"), "no data rows"),
        ("시각;구역;온도;풍속;가스\n1;2;3;4;5\n".encode("cp949"), "no column '기온'"),
        ("시각;구역;기온;풍속;기온\n1;2;3;4;5\n".encode("cp949"), "stands twice"),
        (b"\xff\xfe\x00\x01;;\n", "not cp949"),
        ("시각;구역;기온;풍속;가스\n1;2;3;4;온\n".encode(), "the file is UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_in_one_line(city: City, content: bytes, words: str) -> None:
    (city.drop / "weather-1.csv").write_bytes(content)
    (report,) = city.ingest("weather")
    assert words in report.refused
    assert "\n" not in report.refused
    assert city.store.snapshot().readings.filter(pl.col("feed") == "weather").is_empty()


def test_no_file_says_what_the_folder_holds(city: City) -> None:
    (city.drop / "weather-1.csv").unlink()
    with pytest.raises(BadSource, match=r"no file.*cells\.csv"):
        city.ingest("weather")


def test_a_gzip_bomb_is_refused_unread(city: City) -> None:
    city.contract("weather", WEATHER_FEED.replace("weather-*.csv", "weather-*.csv.gz"))
    (city.drop / "weather-1.csv.gz").write_bytes(gzip.compress(b"0" * 300_000_000, compresslevel=9))
    (report,) = city.ingest("weather")
    assert "unpacks to more than" in report.refused


def test_too_many_rows_are_refused(city: City) -> None:
    city.contract("weather", WEATHER_FEED + "- {property: limits, value: {max_rows: 1}}\n")
    (report,) = city.ingest("weather")
    assert "more than 1 rows" in report.refused


def test_readings_before_any_asset_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no asset is known"):
        make_city(tmp_path).ingest("weather")


def test_replay_after_a_contract_was_mended(city: City) -> None:
    city.contract("weather", WEATHER_FEED.replace("maximum: 122", "maximum: 40"))
    city.ingest("weather")
    assert refusals(city) == {2: "limits"}
    before = city.store.snapshot().readings
    assert [r.quarantined for r in replay_feed(city.feed("weather"), city.pilot, store=city.store, now=NOW)] == [1]
    city.contract("weather", WEATHER_FEED)
    (report,) = replay_feed(city.feed("weather"), city.pilot, store=city.store, now=NOW)
    assert (report.accepted, report.quarantined) == (1, 0)
    assert outstanding(city.store).is_empty()
    after = city.store.snapshot().readings
    assert after.height == before.height + 1
    assert replay_feed(city.feed("weather"), city.pilot, store=city.store, now=NOW) == []
    assert city.store.snapshot().readings.equals(after)


def test_rows_about_an_asset_declared_later_can_be_replayed(city: City) -> None:
    city.contract("fires", FIRES_FEED)
    city.fires(
        '{"nr": "F1", "what": "blaze", "at": "2025-02-01T10:00:00Z", "reported": "2025-02-01T12:00:00Z", '
        '"x": 14.0, "y": 53.0, "grade": 2}'
    )
    city.ingest("fires")
    assert refusals(city) == {1: "known_asset"}
    cells = city.drop / "cells.csv"
    cells.write_text(cells.read_text(encoding="utf-8") + "14.0,53.0,10,Pankow\n", encoding="utf-8")
    city.ingest("cells")
    replay_feed(city.feed("fires"), city.pilot, store=city.store, now=NOW)
    assert city.store.snapshot().incidents["incident_id"].to_list() == ["F1"]


def test_a_flipped_bit_in_the_store_is_noticed(city: City) -> None:
    city.weather(*(f"{d:02}.02.2025 {h:02}:00;{CELLS[0]};{32 + h};36;{d}" for d in range(1, 28) for h in range(24)))
    city.ingest("weather")
    path = max((city.store.root / "readings").glob("*.parquet"), key=lambda p: p.stat().st_size)
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(BadTable, match="damaged"):
        city.store.snapshot()


def test_check_tells_a_partner_what_is_wrong(city: City) -> None:
    city.weather(f"01.02.2025 00:00;{CELLS[0]};999;36;1000")
    city.contract("fires", FIRES_FEED.replace("property: place", "property: plaice"))
    found = {(f.level, f.feed): f.words for f in check_pilot(city.folder, roots=city.roots, now=NOW)}
    assert "did you mean 'place'?" in found["error", "fires"]
    assert "기온 = '999' at row 1 of weather-1.csv: limits" in found["warning", "weather"]
    assert "3 rows, 3 assets" in found["ok", "cells"]


def test_data_docs_open_without_a_network(city: City, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    city.ingest("weather", docs=Docs(docs, kept=24))
    city.ingest("fires", docs=Docs(docs, kept=24))
    index = (docs / "index.html").read_text(encoding="utf-8")
    assert "weather" in index
    assert "fires" in index
    pages = list(docs.rglob("*.html"))
    assert len(pages) >= 5
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert '<script src="http' not in text
        assert 'rel="stylesheet" href="http' not in text


def test_the_newest_validations_stay_in_data_docs(city: City, tmp_path: Path) -> None:
    docs = Docs(tmp_path / "docs", kept=2)
    city.ingest("fires", docs=docs)
    seen = []
    for day in range(3):
        city.weather(f"0{day + 3}.02.2025 00:00;{CELLS[0]};32;36;1000", name=f"weather-{day + 2}.csv")
        city.ingest("weather", docs=docs)
        seen.append({page.parent.name for page in (docs.folder / "validations" / "weather").rglob("*.html")})
    assert [len(pages) for pages in seen] == [1, 2, 2]
    assert seen[2] & seen[1] - seen[0], "the oldest is the one that went"
    assert not seen[2] & seen[0]
    results = docs.stores / "validation_results_store"
    assert {path.parent.name for path in (results / "weather").rglob("*.json")} == seen[2]
    assert len(list((results / "fires").rglob("*.json"))) == 1, "each feed has its own"
    index = (docs.folder / "index.html").read_text(encoding="utf-8")
    shown = set(re.findall(r"validations/weather/__none__/([^/]+)/", index))
    assert shown == seen[2]


def test_where_nothing_is_new_nothing_is_judged_and_shown(city: City, tmp_path: Path) -> None:
    city.ingest("weather")
    city.ingest("weather", docs=Docs(tmp_path / "docs", kept=24))
    assert not (tmp_path / "docs").exists()


def test_versions_and_compaction_keep_every_row(city: City) -> None:
    city.ingest("weather")
    version = city.store.versions()
    rows = city.store.snapshot().readings.sort(pl.all())
    city.weather(f"03.02.2025 00:00;{CELLS[0]};32;36;1000", name="weather-2.csv")
    city.ingest("weather")
    assert city.store.snapshot(version=version).readings.sort(pl.all()).equals(rows)
    whole = city.store.snapshot().readings.sort(pl.all())
    assert city.store.compact("readings", at=NOW) > 1
    assert city.store.snapshot().readings.sort(pl.all()).equals(whole)
    assert city.store.snapshot(version=version).readings.sort(pl.all()).equals(rows)
    assert city.ingest("weather")[1].accepted == 3  # its kept report: compaction does not forget batches
    assert city.store.snapshot().readings.height == whole.height


def test_refusals_are_one_line(city: City) -> None:
    for break_it in ("zone: Europe/Berlin", "unit, value: degF"):
        city.contract("weather", WEATHER_FEED.replace(break_it, break_it + "x"))
        with pytest.raises(ForesafeError) as refusal:
            city.feed("weather")
        assert "\n" not in str(refusal.value)
