"""The simulated city goes on: what was shared stays as it is, and only what a change touches is otherwise."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from contracts.errors import BadPilot, NotFound
from contracts.params import SimulateParams
from simulation import Changes, Opening, Recalibration, go_on, simulate, true_risk
from simulation.city import City, ulsan
from simulation.figures import CHEMICAL
from simulation.law import plants_standing
from simulation.partners.folder import by_known_month
from simulation.partners.plant import COLUMNS
from simulation.reports import reports, true_incidents
from simulation.timeline import Timeline
from simulation.world import World, simulate_world

FIRST, DAYS, MORE, SEED = date(2026, 4, 10), 40, 30, 6  # the second share begins within a month
PARAMS = SimulateParams(first_day=FIRST.isoformat(), days=DAYS, seed=SEED)
CELL = "8730c1223ffffff"  # homes beside the complexes
OPENING = Opening(CELL, plants=12, day=DAYS + 12)
RECALIBRATION = Recalibration(("voc_ppb", "h2s_ppb"), factor=2.5, day=DAYS + 10)


def shared(out: Path) -> dict[str, str]:
    files = (path for path in (out / "partners").rglob("*") if path.is_file())
    return {path.name + path.parent.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str], pl.DataFrame]:
    """A city after it went on, its files of before, and the risk as it was known before."""
    out = tmp_path_factory.mktemp("goes-on")
    simulate(PARAMS, out, lambda _: None)
    before, risk = shared(out), true_risk(out)
    summary = go_on(PARAMS, out, lambda _: None, days=MORE, changes=Changes(OPENING, RECALIBRATION))
    assert summary.hours == MORE * 24
    return out, before, risk


def process(out: Path) -> pl.DataFrame:
    """The plants' readings since the second share, numbers as they stand; rows that were broken on purpose left out."""
    paths = [out / "partners" / "ulsan" / "plant" / f"process-{part}.csv" for part in ("2026-05-20", "2026-06")]
    text = "\n".join(line for path in paths for line in path.read_bytes().decode("cp949").splitlines()[1:])
    frame = pl.read_csv(text.encode(), has_header=False, new_columns=["at", "cell", *COLUMNS], infer_schema=False)
    frame = frame.filter(pl.col("at").str.starts_with("2026")).unique(["at", "cell"], keep="first")
    return frame.with_columns(pl.col(name).cast(pl.Float64, strict=False) for name in COLUMNS)


def test_what_was_shared_stays_byte_for_byte(city: tuple[Path, dict[str, str], pl.DataFrame]) -> None:
    out, before, risk = city
    after = shared(out)
    assert {name: after[name] for name in before} == before
    new = sorted(set(after) - set(before))
    assert "process-2026-05-20.csvplant" in new, "the rest of a month is a file of its own"
    assert "process-2026-06.csvplant" in new
    assert not [name for name in new if name.startswith("places")]
    assert true_risk(out).head(risk.height).equals(risk), "nothing is otherwise before a change"


def test_the_same_again_gives_the_same_bytes(city: tuple[Path, dict[str, str], pl.DataFrame]) -> None:
    out, _, _ = city
    everything = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    go_on(PARAMS, out, lambda _: None, days=MORE, changes=Changes(OPENING, RECALIBRATION))
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == everything


def test_a_complex_sends_nothing_before_it_opens(city: tuple[Path, dict[str, str], pl.DataFrame]) -> None:
    opened = f"{date.fromordinal(FIRST.toordinal() + OPENING.day):%Y-%m-%d}"
    mine = process(city[0]).filter(pl.col("cell") == CELL).with_columns(open=pl.col("at").str.slice(0, 16) > opened)
    sent = mine.group_by("open").agg(pl.col("voc_ppb").is_not_null().mean()).sort("open")["voc_ppb"].to_list()
    assert sent[0] == 0.0
    assert sent[1] > 0.9


def test_gauges_read_the_factor_more_from_their_day_on(
    city: tuple[Path, dict[str, str], pl.DataFrame], tmp_path: Path
) -> None:
    simulate(PARAMS, tmp_path, lambda _: None)
    go_on(PARAMS, tmp_path, lambda _: None, days=MORE, changes=Changes(OPENING))
    since = f"{date.fromordinal(FIRST.toordinal() + RECALIBRATION.day):%Y-%m-%d} 00:00"
    both = process(city[0]).join(process(tmp_path), on=["at", "cell"], suffix="_true").drop_nulls()
    late = pl.col("at") > since
    for metric in COLUMNS:
        ratio = pl.col(metric) / pl.col(f"{metric}_true")
        assert both.filter(~late & (pl.col(metric) != pl.col(f"{metric}_true"))).is_empty()
        usual = both.filter(late).select(ratio.median()).item()
        assert usual == pytest.approx(2.5 if metric in RECALIBRATION.metrics else 1.0, rel=0.01), metric
    truth = pl.read_parquet(city[0] / "truth" / "ulsan" / f"faults-after-day-{DAYS}.parquet")
    assert set(truth.filter(pl.col("kind") == "recalibrated")["metric"]) == set(RECALIBRATION.metrics)


def world(town: City, *, shared_days: int = 0, days: int = DAYS + MORE) -> World:
    return simulate_world(Timeline(FIRST, days, shared_days), town, SEED)


def test_an_opening_touches_nothing_before_it_and_brings_incidents_after() -> None:
    without, grown = world(ulsan()), world(replace(ulsan(), opening=OPENING))
    begin = grown.timeline.row_of_day(OPENING.day)
    for name in ("intensity", "counts", "voc_ppb", "h2s_ppb"):
        np.testing.assert_array_equal(getattr(grown, name)[:begin], getattr(without, name)[:begin], err_msg=name)
    cell = [each.asset_id for each in grown.city.cells].index(CELL)
    now, then = (each.intensity[begin + 48 :, CHEMICAL, cell].sum() for each in (grown, without))
    assert now > 1.3 * then
    standing = plants_standing(grown.timeline, grown.city)
    assert standing[begin, cell] - standing[begin - 1, cell] == OPENING.plants
    old = grown.city.plant_cells[:-1]
    np.testing.assert_array_equal(grown.process.pressure_bar[:, :-1], without.process.pressure_bar)
    assert list(old) == list(without.city.plant_cells)


def test_every_report_is_shared_once() -> None:
    """In the share in which it became known; false reports of the day before the seam are nobody's."""
    whole, first, second = world(ulsan()), world(ulsan(), days=DAYS), world(ulsan(), shared_days=DAYS)

    def ids(of: World) -> list[tuple[str, str, int]]:
        frames = [part for _, part in by_known_month(reports(true_incidents(of), of), of.timeline)]
        rows = pl.concat(frames).filter(pl.col("incident_id").str.starts_with("U"))
        return list(rows.select("incident_id", "known", "severity").iter_rows())

    told = ids(first) + ids(second)
    assert len(told) == len(set(told))
    assert sorted(told) == sorted(ids(whole))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (Changes(replace(OPENING, day=DAYS - 1)), "a change on day 39"),
        (Changes(recalibration=replace(RECALIBRATION, day=DAYS + MORE)), "a change on day 70"),
        (Changes(replace(OPENING, asset_id="8730c1205ffffff")), "a complex opens in '8730c1205ffffff'"),
        (Changes(recalibration=replace(RECALIBRATION, metrics=("voc",))), "did you mean 'voc_ppb'"),
    ],
)
def test_a_change_that_cannot_be_is_refused(
    city: tuple[Path, dict[str, str], pl.DataFrame], changes: Changes, said: str
) -> None:
    with pytest.raises(BadPilot, match=said):
        go_on(PARAMS, city[0], lambda _: None, days=MORE, changes=changes)


def test_nothing_goes_on_where_nothing_was_simulated(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="foresafe simulate"):
        go_on(PARAMS, tmp_path, lambda _: None, days=MORE, changes=Changes())
