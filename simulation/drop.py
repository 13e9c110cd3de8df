"""From parameters to partners' files and the truth about them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from contracts.errors import BadPilot, NotFound, nearest
from contracts.params import SimulateParams
from simulation.changes import Changes
from simulation.city import ulsan
from simulation.faults import Fault, fault_table
from simulation.figures import HAZARDS
from simulation.knowable import knowable_intensity
from simulation.noise import Floats
from simulation.partners.city import share_city
from simulation.partners.folder import Folder
from simulation.partners.institute import share_institute
from simulation.partners.plant import COLUMNS, share_plant
from simulation.partners.university import share_university
from simulation.reports import reports, true_incidents
from simulation.timeline import Timeline
from simulation.world import World, simulate_world

PILOT = "ulsan"
LONGEST_DAYS = 3660


@dataclass(frozen=True)
class SimulationSummary:
    """What was simulated."""

    cells: int
    hours: int
    incidents: dict[str, int]
    reports: int
    faults: int
    partners: Path
    truth: Path


def simulate(params: SimulateParams, out: Path, progress: Callable[[str], None]) -> SimulationSummary:
    """Simulate Ulsan and write what partners drop, and the truth.

    Under `out/partners/ulsan/PARTNER/` lie the files of city, plant, university and institute; under `out/truth/ulsan/`
    `risk.parquet`, `incidents.parquet` and `faults.parquet`. What lay there before is replaced. The same parameters
    always give the same bytes.

    Raises:
        BadPilot: `first_day` is no day such as 2025-01-01, or `days` is more than ten years.
    """
    timeline = _timeline(params)
    progress(f"Simulating {params.days} days of Ulsan from {params.first_day}")
    for folder in _folders(out):
        shutil.rmtree(folder, ignore_errors=True)
    return _drop(simulate_world(timeline, ulsan(), params.seed), Changes(), out, progress)


def go_on(
    params: SimulateParams, out: Path, progress: Callable[[str], None], *, days: int, changes: Changes
) -> SimulationSummary:
    """So many days more of the city that `simulate` wrote under `out`, with changes planted in them.

    Only the new days' files are written: those that are there stay as they are, and the truth is then about all days.
    The register of places is not shared again. Nothing that happens before a change is otherwise than without it.
    The same again gives the same bytes.

    Args:
        params: as `simulate` had them.
        changes: of days after `params.days`.

    Raises:
        NotFound: nothing was simulated there. BadPilot: as `simulate`, or a change of what is past, of a cell that has
            plants or is not in the city, or of a metric that plants do not share.
    """
    if not (out / "truth" / PILOT / "risk.parquet").is_file():
        raise NotFound("no simulated city", where=str(out), fix="run `foresafe simulate` first")
    timeline = replace(_timeline(params.model_copy(update={"days": params.days + days})), shared_days=params.days)
    _check(changes, timeline)
    progress(f"{days} days more of Ulsan")
    world = simulate_world(timeline, replace(ulsan(), opening=changes.opening), params.seed)
    return _drop(world, changes, out, progress)


def _check(changes: Changes, timeline: Timeline) -> None:
    opening, recalibration = changes.opening, changes.recalibration
    for change in (opening, recalibration):
        if change and not timeline.shared_days <= change.day < timeline.days:
            allowed = f"{timeline.shared_days} .. {timeline.days - 1}"
            raise BadPilot(f"a change on day {change.day}", where="simulation.changes", allowed=allowed)
    free = [cell.asset_id for cell in ulsan().cells if not cell.plant_count]
    if opening and opening.asset_id not in free:
        allowed = nearest(opening.asset_id, free)
        raise BadPilot(f"a complex opens in {opening.asset_id!r}", where="simulation.changes", allowed=allowed)
    for metric in recalibration.metrics if recalibration else ():
        if metric not in COLUMNS:
            allowed = nearest(metric, COLUMNS)
            raise BadPilot(f"{metric!r} is recalibrated", where="simulation.changes", allowed=allowed)


def _folders(out: Path) -> tuple[Path, Path]:
    """Of what partners share, and of the truth."""
    return out / "partners" / PILOT, out / "truth" / PILOT


def _drop(world: World, changes: Changes, out: Path, progress: Callable[[str], None]) -> SimulationSummary:
    """Write what is shared now, and the truth about all that was ever shared."""
    partners, truth = _folders(out)
    truth.mkdir(parents=True, exist_ok=True)
    incidents = true_incidents(world)
    known = reports(incidents, world)
    faults = _share(world, known, changes, partners, progress)
    later = f"-after-day-{world.timeline.shared_days}" if world.timeline.shared_days else ""
    fault_table(faults).write_parquet(truth / f"faults{later}.parquet")
    _write_incidents(incidents, known, truth)
    _risk_table(world, world.risk).write_parquet(truth / "risk.parquet")
    new = incidents.filter(pl.col("occurred_s") > int(world.timeline.first_instant.timestamp()))
    counts = {name: new.filter(pl.col("hazard") == name).height for name in HAZARDS}
    progress("  incidents  " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    shown = world.timeline.shown
    return SimulationSummary(
        cells=len(world.city.cells),
        hours=shown.stop - shown.start,
        incidents=counts,
        reports=known.height,
        faults=len(faults),
        partners=partners,
        truth=truth,
    )


def _share(
    world: World, known: pl.DataFrame, changes: Changes, partners: Path, progress: Callable[[str], None]
) -> list[Fault]:
    """Let every partner write its files; the faults planted in them."""
    shares: dict[str, Callable[[Folder], list[Fault]]] = {
        "city": lambda folder: share_city(world, known, folder),
        "plant": lambda folder: share_plant(world, known, folder, recalibration=changes.recalibration),
        "university": lambda folder: share_university(world, folder),
        "institute": lambda folder: share_institute(world, folder),
    }
    faults: list[Fault] = []
    for name, share in shares.items():
        found = share(Folder(partners / name, name, world.seed, world.timeline.shared_days))
        sizes = [file.stat().st_size for file in (partners / name).iterdir()]
        progress(f"  {name:<10} {len(sizes):>4} files {sum(sizes) / 1e6:>7.1f} MB, {len(found)} faults planted")
        faults += found
    return faults


def true_risk(out: Path) -> pl.DataFrame:
    """The true risk that `simulate` wrote under `out`.

    Columns `asset_id`, `as_of` (UTC) and one float32 for each hazard: P(at least one incident in (as_of, as_of + 1 h])
    as a perfect forecaster states it at `as_of`. Sorted by `as_of`, then by cell.

    Raises:
        NotFound: nothing was simulated there.
    """
    path = out / "truth" / PILOT / "risk.parquet"
    if not path.is_file():
        raise NotFound("no simulated truth", where=str(path.parent), fix="run `foresafe simulate` first")
    return pl.read_parquet(path)


def knowable_risk(params: SimulateParams) -> pl.DataFrame:
    """The same table for who knows the law but is told an incident only once it is reported (`simulation.knowable`);
    simulated anew, because only a comparison needs it. Raises BadPilot as `simulate`."""
    world = simulate_world(_timeline(params), ulsan(), params.seed)
    return _risk_table(world, -np.expm1(-knowable_intensity(world)))


def _timeline(params: SimulateParams) -> Timeline:
    try:
        first_day = date.fromisoformat(params.first_day)
    except ValueError as fault:
        raise BadPilot(
            f"{params.first_day!r} is not a day", where="simulate.first_day", allowed="a day such as 2025-01-01"
        ) from fault
    if params.days > LONGEST_DAYS:
        raise BadPilot(f"{params.days} days", where="simulate.days", allowed=f"7 .. {LONGEST_DAYS}")
    return Timeline(first_day, params.days)


def _risk_table(world: World, risk: Floats) -> pl.DataFrame:
    """Row `j`'s risk was fixed at its start: its `as_of`. One row more than hours on record: the risk at the end."""
    timeline = world.timeline
    rows = slice(timeline.recorded.start, timeline.recorded.stop + 1)
    risk = risk[rows].astype(np.float32)
    cells = np.array([cell.asset_id for cell in world.city.cells])
    starts = timeline.start_s[rows]
    as_of = pl.from_epoch(pl.Series(np.repeat(starts, cells.size)), time_unit="s").dt.cast_time_unit("us")
    return pl.DataFrame(
        {
            "asset_id": np.tile(cells, starts.size),
            "as_of": as_of.dt.replace_time_zone("UTC"),
            **{name: risk[:, i].ravel() for i, name in enumerate(HAZARDS)},
        }
    )


def _write_incidents(incidents: pl.DataFrame, known: pl.DataFrame, truth: Path) -> None:
    """The complete true incidents, also those that nobody knows of yet; and when the truth of each is known."""
    final = known.group_by("incident_id").agg(final_known_s=pl.col("known_s").max())

    def instant(column: str) -> pl.Expr:
        return pl.from_epoch(pl.col(column), time_unit="s").dt.cast_time_unit("us").dt.replace_time_zone("UTC")

    incidents.join(final, on="incident_id", how="left", maintain_order="left").select(
        "incident_id",
        "asset_id",
        "hazard",
        instant("occurred_s").alias("occurred_at"),
        instant("known_s").alias("known_at"),
        instant("final_known_s").alias("corrected_at"),
        "severity",
        "lon",
        "lat",
        "partner",
    ).write_parquet(truth / "incidents.parquet")
