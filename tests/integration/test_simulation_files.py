"""What partners drop: every planted fault is really there, and everything else is sound."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import h3
import numpy as np
import polars as pl
import pytest

import simulation
from contracts.errors import BadPilot, NotFound
from contracts.params import SimulateParams
from contracts.pilot import load_pilot
from simulation import SimulationSummary, simulate, true_risk
from simulation.figures import HAZARDS
from simulation.partners.plant import COLUMNS

ROOT = Path(__file__).parents[2]
FIRST = datetime(2025, 5, 31, 15, tzinfo=UTC)  # 1 June, midnight in Korea
DAYS = 170  # the fifth month is whole: its weather comes late
FORMS = {
    ("city", "traffic"): ("집계시각", "구역"),
    ("city", "crowd"): ("시각", None),
    ("plant", "process"): ("측정일시", "설비구역"),
    ("institute", "river"): ("observed", "gauge"),
    ("university", "weather"): ("time", "station"),
}


@pytest.fixture(scope="module")
def drop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SimulationSummary, list[str]]:
    out = tmp_path_factory.mktemp("ulsan")
    said: list[str] = []
    summary = simulate(SimulateParams(first_day="2025-06-01", days=DAYS, seed=9), out, said.append)
    return out, summary, said


@pytest.fixture(scope="module")
def faults(drop: tuple[Path, SimulationSummary, list[str]]) -> pl.DataFrame:
    return pl.read_parquet(drop[0] / "truth" / "ulsan" / "faults.parquet")


def _folder(drop: tuple[Path, SimulationSummary, list[str]], partner: str) -> Path:
    return drop[0] / "partners" / "ulsan" / partner


def _text(path: Path) -> str:
    return path.read_bytes().decode("cp949" if path.parent.name == "plant" else "utf-8")


def _rows(path: Path) -> list[str]:
    lines = _text(path).split("\n")
    assert lines[-1] == ""
    return lines[1:-1] if path.suffix == ".csv" else lines[:-1]


def test_public_names() -> None:
    names = [
        "Changes",
        "Opening",
        "Recalibration",
        "SimulationSummary",
        "go_on",
        "knowable_risk",
        "simulate",
        "true_risk",
    ]
    assert simulation.__all__ == names


def test_same_parameters_give_the_same_bytes(tmp_path: Path) -> None:
    digests = []
    for turn in ("one", "two"):
        out = tmp_path / turn
        simulate(SimulateParams(first_day="2026-01-28", days=9, seed=4), out, lambda _: None)
        files = sorted(path for path in out.rglob("*") if path.is_file())
        digests.append({str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files})
    assert digests[0] == digests[1]
    assert len(digests[0]) > 12


def test_a_second_run_leaves_nothing_of_the_first(tmp_path: Path) -> None:
    simulate(SimulateParams(days=40, seed=1), tmp_path, lambda _: None)
    simulate(SimulateParams(days=7, seed=1), tmp_path, lambda _: None)
    assert not list(tmp_path.rglob("*2025-02*"))


def test_every_broken_or_doubled_row_stands_where_the_truth_says(
    drop: tuple[Path, SimulationSummary, list[str]], faults: pl.DataFrame
) -> None:
    planted = faults.filter(pl.col("row").is_not_null() & (pl.col("partner") != "university"))
    assert set(planted["kind"]) == {
        "text_in_number",
        "impossible_date",
        "missing_id",
        "control_byte",
        "out_of_range",
        "duplicate_row",
    }
    for (partner, file), part in planted.group_by("partner", "file"):
        rows = _rows(_folder(drop, str(partner)) / str(file))
        for row, kind, detail in part.select("row", "kind", "detail").iter_rows():
            if kind == "duplicate_row":
                assert rows[row - 1] == rows[int(detail.split()[1]) - 1]
            else:
                assert rows[row - 1] == detail
                assert _looks(kind, detail), (kind, detail)


def _looks(kind: str, row: str) -> bool:
    marks = {
        "text_in_number": "점검중",
        "impossible_date": "2025-02-30",
        "control_byte": "\x00",
        "out_of_range": "9999",
        "missing_id": ",,",
    }
    if kind == "missing_id":
        return ",," in row or row.startswith(",") or '"gauge":""' in row
    if kind == "out_of_range":
        return "99999999" in row or row.endswith(",77")
    return marks[kind] in row.replace("\\u0000", "\x00")


def test_nothing_else_is_broken(drop: tuple[Path, SimulationSummary, list[str]], faults: pl.DataFrame) -> None:
    """Without the rows named in the truth every text file is clean: as many fields, no control byte, good dates."""
    for partner in ("city", "plant"):
        for path in sorted(_folder(drop, partner).glob("*-2025-*.csv")):
            bad = set(faults.filter((pl.col("partner") == partner) & (pl.col("file") == path.name))["row"])
            header = _text(path).split("\n")[0]
            for number, row in enumerate(_rows(path), start=1):
                if number not in bad:
                    assert row.count(",") == header.count(","), (path.name, number)
                    assert row.isprintable(), (path.name, number)
                    assert "2025-02-30" not in row


def _readings(drop: tuple[Path, SimulationSummary, list[str]], partner: str, feed: str) -> pl.DataFrame:
    """All sound rows of a feed by asset and hour's end, for the metrics under their own names."""
    time, asset = FORMS[partner, feed]
    frames = []
    for path in sorted(_folder(drop, partner).glob(f"{feed}-*")):
        if path.suffix == ".parquet":
            frames.append(pl.read_parquet(path))
        elif path.suffix == ".jsonl":
            rows = [json.loads(row) for row in _rows(path)]
            rows = [row for row in rows if isinstance(row["value"], float | int)]
            frames.append(pl.DataFrame(rows, schema_overrides={"value": pl.Float64}))
        else:
            clean = "\n".join([_text(path).split("\n")[0], *(r for r in _rows(path) if r.isprintable())])
            frames.append(pl.read_csv(clean.encode(), infer_schema_length=0))
    frame = pl.concat(frames)
    if feed == "crowd":
        frame = frame.unpivot(index=time, variable_name="asset", value_name="crowd_count")
        asset = "asset"
    frame = frame.rename({str(asset): "asset_id"}).with_columns(at=_instant(time, feed))
    words = {text: metric for metric, text in COLUMNS.items()} | {
        "교통량(대/시)": "traffic_count",
        "평균속도(km/h)": "traffic_speed_km_h",
        "value": "river_level_m",
        "rain_1h_mm": "rain_mm",
        "relative_humidity": "humidity_percent",
        "wind_speed": "wind_speed_m_s",
        "eastward_wind": "wind_eastward_m_s",
        "northward_wind": "wind_northward_m_s",
        "air_temperature_k": "temperature_c",
    }
    frame = frame.rename({old: new for old, new in words.items() if old in frame.columns})
    if feed == "weather":
        frame = frame.with_columns(pl.col("temperature_c") - 273.15)
    numbers = [name for name in frame.columns if name in _metrics()]
    return frame.select("asset_id", "at", *(pl.col(n).cast(pl.Float64, strict=False) for n in numbers)).unique()


def _instant(column: str, feed: str) -> pl.Expr:
    """The END of the reading's hour, null where the stamp is broken."""
    if feed == "weather":
        return pl.col(column)
    stamp = pl.col(column).str.slice(0, 16).str.replace("T", " ")
    local = stamp.str.to_datetime("%Y-%m-%d %H:%M", strict=False, time_unit="us")
    end = local + timedelta(hours=1) if feed in ("traffic", "crowd") else local
    return end.dt.replace_time_zone("Asia/Seoul").dt.convert_time_zone("UTC")


def _metrics() -> set[str]:
    return set(load_pilot(ROOT / "pilots" / "ulsan").metrics)


@pytest.mark.parametrize(("partner", "feed"), list(FORMS))
def test_every_sensor_fault_shows_in_the_readings(
    drop: tuple[Path, SimulationSummary, list[str]], faults: pl.DataFrame, partner: str, feed: str
) -> None:
    readings = _readings(drop, partner, feed)
    planted = faults.filter((pl.col("partner") == partner) & (pl.col("feed") == feed) & pl.col("metric").is_not_null())
    assert not planted.is_empty()
    for fault in planted.iter_rows(named=True):
        own = readings.filter(pl.col("asset_id") == fault["asset_id"])
        _assert_shows(fault, own.select("at", pl.col(fault["metric"]).alias("value")).drop_nulls("at").sort("at"))


def _assert_shows(fault: dict[str, Any], series: pl.DataFrame) -> None:
    inside = series.filter(pl.col("at").is_between(fault["first_at"], fault["last_at"]))
    values = inside["value"].drop_nulls().filter(inside["value"].drop_nulls() < 1e7)
    if fault["kind"] == "silent":
        assert values.is_empty(), fault
    elif fault["kind"] == "stuck":
        assert values.len() > 2, fault
        assert values.round(3).n_unique() == 1 or _converted(values), fault
    elif fault["kind"] == "unit_mixup":
        outside = series.join(inside, on="at", how="anti")["value"].drop_nulls()
        outside = outside.filter(outside < 1000)
        assert values.median() == pytest.approx(outside.median() * 1.8 + 32, rel=0.05), fault


def _converted(values: pl.Series) -> bool:
    """A stuck Celsius value inside the Fahrenheit month has two faces."""
    return bool(values.n_unique() <= 2)


@pytest.mark.parametrize(("partner", "feed"), list(FORMS))
def test_spikes_stand_out(
    drop: tuple[Path, SimulationSummary, list[str]], faults: pl.DataFrame, partner: str, feed: str
) -> None:
    """A spike is about its stated multiple of the readings around it (not for rain and wind, which jump anyway)."""
    readings = _readings(drop, partner, feed)
    steady = ~pl.col("metric").is_in(["rain_mm", "wind_eastward_m_s", "wind_northward_m_s"])
    mine = (pl.col("partner") == partner) & (pl.col("feed") == feed) & (pl.col("kind") == "spike")
    ratios = []
    for fault in faults.filter(mine & steady).iter_rows(named=True):
        near = readings.filter(
            (pl.col("asset_id") == fault["asset_id"])
            & pl.col("at").is_between(fault["first_at"] - timedelta(hours=2), fault["last_at"] + timedelta(hours=2))
        )
        here = near.filter(pl.col("at") == fault["first_at"])[fault["metric"]].drop_nulls()
        around = near.filter(pl.col("at") != fault["first_at"])[fault["metric"]].drop_nulls()
        if here.len() and around.len():
            ratios.append(here[0] / around.median() / float(fault["detail"].split()[1]))
    assert len(ratios) > 2
    assert np.mean([1 / 3 < ratio < 3 for ratio in ratios]) > 0.85


def test_late_files_come_late_and_by_the_end(
    drop: tuple[Path, SimulationSummary, list[str]], faults: pl.DataFrame
) -> None:
    late = faults.filter(pl.col("kind") == "late_file")
    assert set(late["partner"]) == {"university", "institute"}
    end = FIRST + timedelta(days=DAYS)
    weather = pl.read_parquet(_folder(drop, "university") / late.filter(pl.col("partner") == "university")["file"][0])
    assert ((weather["published"] - weather["time"]).dt.total_days() >= 7).all()
    assert weather["published"].max() <= end
    on_time = [pl.read_parquet(p) for p in _folder(drop, "university").glob("weather-????-??.parquet")]
    assert all((frame["published"] >= frame["time"]).all() for frame in on_time)


def _reports(drop: tuple[Path, SimulationSummary, list[str]]) -> pl.DataFrame:
    """All sound incident rows of both partners in common words."""
    frames = []
    for partner, words in (
        ("city", ("접수번호", "사고종류", "발생일시", "접수일시", "심각도")),
        ("plant", ("사고번호", "사고유형", "발생일시", "보고일시", "등급")),
    ):
        for path in sorted(_folder(drop, partner).glob("incidents-*.csv")):
            clean = "\n".join([_text(path).split("\n")[0], *(r for r in _rows(path) if r.isprintable())])
            frame = pl.read_csv(clean.encode(), infer_schema_length=0)
            frame = frame.rename(dict(zip(words, ("id", "hazard", "occurred", "known", "severity"), strict=True)))
            for place in ("경도", "위도", "설비구역"):
                if place not in frame.columns:
                    frame = frame.with_columns(pl.lit(None, pl.String).alias(place))
            frames.append(frame.select("id", "hazard", "occurred", "known", "severity", "경도", "위도", "설비구역"))
    form = "%Y-%m-%d %H:%M:%S"
    return (
        pl.concat(frames)
        .with_columns(
            pl.col("occurred", "known").str.to_datetime(form, strict=False),
            pl.col("severity").cast(pl.Int64, strict=False),
        )
        .drop_nulls(["id", "occurred", "known", "severity"])
        .filter(pl.col("severity") <= 5)
        .unique()
    )


def test_nothing_is_known_before_it_happens_or_after_the_end(drop: tuple[Path, SimulationSummary, list[str]]) -> None:
    reports = _reports(drop)
    assert (reports["known"] >= reports["occurred"]).all()
    end = (FIRST + timedelta(days=DAYS, hours=9)).replace(tzinfo=None)
    assert reports["known"].max() <= end
    truth = pl.read_parquet(drop[0] / "truth" / "ulsan" / "incidents.parquet")
    assert (truth["known_at"] >= truth["occurred_at"]).all()
    assert (truth["corrected_at"] >= truth["known_at"]).all()


def test_the_last_word_on_each_incident_is_the_truth(drop: tuple[Path, SimulationSummary, list[str]]) -> None:
    reports = _reports(drop).sort("known").group_by("id").last()
    truth = pl.read_parquet(drop[0] / "truth" / "ulsan" / "incidents.parquet")
    end = FIRST + timedelta(days=DAYS)
    settled = truth.filter(pl.col("corrected_at") <= end).join(reports, left_on="incident_id", right_on="id")
    assert settled.height > 0.97 * truth.filter(pl.col("corrected_at") <= end).height
    agree = settled.filter(pl.col("severity") == pl.col("severity_right"))
    assert agree.height > 0.99 * settled.height  # a broken row may have been the correction
    false = reports.filter(~pl.col("id").is_in(truth["incident_id"].to_list()))
    assert false["id"].str.starts_with("F").all()
    assert (false["severity"] == 0).mean() > 0.7
    placed = settled.filter(pl.col("경도").is_not_null()).sort("incident_id").sample(300, seed=1)
    there = [
        h3.latlng_to_cell(float(row["위도"]), float(row["경도"]), 7) == row["asset_id"]
        for row in placed.iter_rows(named=True)
    ]
    assert sum(there) >= 0.99 * len(there)


def test_reports_are_corrected_and_withdrawn(drop: tuple[Path, SimulationSummary, list[str]]) -> None:
    reports = _reports(drop)
    versions = reports.group_by("id").len()
    assert 0.04 < (versions["len"] > 1).mean() < 0.15
    assert (reports["severity"] == 0).sum() > 5


def test_work_injuries_are_known_weeks_late_and_fires_at_once(
    drop: tuple[Path, SimulationSummary, list[str]],
) -> None:
    truth = pl.read_parquet(drop[0] / "truth" / "ulsan" / "incidents.parquet")
    hours = truth.with_columns(delay=(pl.col("known_at") - pl.col("occurred_at")).dt.total_minutes() / 60)
    pilot = load_pilot(ROOT / "pilots" / "ulsan")
    for name, hazard in pilot.hazards.items():
        delays = hours.filter(pl.col("hazard") == name)["delay"]
        if delays.len():
            assert delays.max() <= hazard.reporting_delay_hours + 1e-9, name
    median = dict(hours.group_by("hazard").agg(pl.col("delay").median()).iter_rows())
    assert median["worker_injury"] > 72
    assert median["fire_explosion"] < 2


def test_korean_files_are_cp949_and_nothing_else(drop: tuple[Path, SimulationSummary, list[str]]) -> None:
    path = sorted(_folder(drop, "plant").glob("process-*.csv"))[0]
    assert "공정온도(℃)" in path.read_bytes().decode("cp949")
    with pytest.raises(UnicodeDecodeError):
        path.read_bytes().decode("utf-8")


def test_true_risk_covers_every_cell_and_hour(drop: tuple[Path, SimulationSummary, list[str]]) -> None:
    risk = true_risk(drop[0])
    assert risk.columns == ["asset_id", "as_of", *HAZARDS]
    assert risk.height == drop[1].cells * (DAYS * 24 + 1)
    assert risk["as_of"].min() == FIRST
    assert risk["as_of"].max() == FIRST + timedelta(days=DAYS)
    values = risk.select(HAZARDS).to_numpy()
    assert values.dtype == np.float32
    assert values.min() > 0
    assert values.max() < 1


def test_true_risk_and_true_incidents_fit_together(drop: tuple[Path, SimulationSummary, list[str]]) -> None:
    """Incidents in (as_of, as_of + 1 h] are as many as the risk at as_of says, and more where it is high."""
    risk = true_risk(drop[0]).filter(pl.col("as_of") < FIRST + timedelta(days=DAYS))
    truth = pl.read_parquet(drop[0] / "truth" / "ulsan" / "incidents.parquet")
    struck = truth.select(
        "asset_id", "hazard", (pl.col("occurred_at") - timedelta(microseconds=1)).dt.truncate("1h").alias("as_of")
    ).unique()
    for hazard in ("traffic_accident", "worker_injury"):
        mine = struck.filter(pl.col("hazard") == hazard).with_columns(y=pl.lit(1.0))
        joined = risk.join(mine, on=["asset_id", "as_of"], how="left").with_columns(pl.col("y").fill_null(0.0))
        expected = joined[hazard].cast(pl.Float64).sum()
        assert abs(joined["y"].sum() - expected) < 4 * np.sqrt(expected)
        top = joined.sort(hazard, descending=True).head(joined.height // 20)
        assert top["y"].sum() == pytest.approx(top[hazard].cast(pl.Float64).sum(), rel=0.2)


def test_progress_is_said_in_words(drop: tuple[Path, SimulationSummary, list[str]]) -> None:
    said = "\n".join(drop[2])
    assert "170 days of Ulsan" in said
    assert all(partner in said for partner in ("city", "plant", "university", "institute"))


def test_bad_parameters_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(BadPilot, match=r"first_day.*'2025-13-01' is not a day"):
        simulate(SimulateParams(first_day="2025-13-01"), tmp_path, lambda _: None)
    with pytest.raises(BadPilot, match="4000 days"):
        simulate(SimulateParams(days=4000), tmp_path, lambda _: None)
    assert not list(tmp_path.iterdir())
    with pytest.raises(NotFound, match="no simulated truth"):
        true_risk(tmp_path)
