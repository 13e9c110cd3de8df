"""Features of the newest hour from kept state: what comes in is read once, and history is not read again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from contracts.errors import ForesafeError
from contracts.pilot import Pilot
from contracts.results import Features, IntArray, Spine
from contracts.tables import ASSETS, INCIDENTS, READINGS, Tables
from features.build import fill, plan_of, positions_in
from features.hours import FOREVER, to_instants
from features.kept_incidents import KeptIncidents
from features.kept_readings import KeptReadings
from features.readings import Trail
from features.spine import cadence_hour, first_known, scoring_spine
from features.universe import Universe
from features.view import View

PLACE_COLUMNS = ("asset_id", "kind", "lon", "lat", "known_at")


def reads_from(pilot: Pilot, as_of: datetime) -> datetime:
    """Readings of moving metrics that were observed at or before this instant change no feature at `as_of` or later."""
    hour = cadence_hour(pilot, as_of) - plan_of(pilot).reach_hours - 1
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=hour)


class Kept:
    """What the scoring features of one hour need, ready to move on to a later one.

    `features()` are at every moment those of `build_features(every row so far, scoring_spine(..., as_of), pilot)`, bit
    for bit. Rows may come in any order, late, corrected, or twice; a row known after `as_of` waits until its time.
    It changes in place, and one thread at a time may use it.

    Attributes:
        touched: how many (metric, asset, hour) bins the last `advance` put rows into.
        seated: how often the layout was made: once at the start, and once whenever an asset appears.
    """

    touched: int
    seated: int

    def __init__(self, pilot: Pilot, *, as_of: datetime) -> None:
        self._pilot, self._plan, self._as_of = pilot, plan_of(pilot), as_of
        self._hour = cadence_hour(pilot, as_of)
        self._readings = KeptReadings(pilot, reach_hours=self._plan.reach_hours, hour=self._hour)
        self._incidents = KeptIncidents(pilot.hazards, zone=pilot.timezone, hour=self._hour)
        self._assets = ASSETS.empty().select(PLACE_COLUMNS)
        self._universe = Universe.at(first_known(self._assets), pilot, self._hour)
        self._next_asset = 0  # the hour from which there are more assets
        self._rows: tuple[Spine, tuple[IntArray, IntArray] | None] | None = None
        self.touched = self.seated = 0

    @staticmethod
    def start(tables: Tables, pilot: Pilot, *, as_of: datetime) -> Kept:
        """From a store's history, once. Of `tables.readings` it needs the static metrics and what was observed after
        `reads_from(pilot, as_of)`; of the incidents and assets all.

        Raises:
            BadPilot: a feature kind, statistic or key that does not exist, or one feature twice.
            ForesafeError: `as_of` has no zone.
        """
        kept = Kept(pilot, as_of=as_of)
        kept.advance(tables, as_of=as_of)
        return kept

    def advance(self, tables: Tables, *, as_of: datetime) -> None:
        """Move on to `as_of`, with the rows that came since, in any order.

        Raises:
            ForesafeError: `as_of` is before the one it stands at, or has no zone. Nothing has changed then.
        """
        hour = cadence_hour(self._pilot, as_of)
        if as_of < self._as_of:
            raise ForesafeError(
                f"as_of {as_of} is before {self._as_of}",
                where="kept features",
                allowed="the same instant or a later one",
                cause="kept state forgets what a correction replaced",
                fix="use build_features for the past, or start again from the store",
            )
        rows = self._readings.coded(tables.readings)
        self._as_of, self._hour = as_of, hour
        if len(tables.assets):
            together = pl.concat([self._assets, tables.assets.select(PLACE_COLUMNS)])
            self._assets = first_known(together).select(PLACE_COLUMNS)
        if len(tables.assets) or hour >= self._next_asset:
            self._settle()
        self.touched = self._readings.advance(rows, hour=hour)
        self._incidents.advance(tables.incidents, hour=hour)

    def features(self) -> Features:
        """The scoring spine's rows at the last cadence hour at or before `as_of`.

        Raises:
            NotEnoughData: no asset to forecast for. BadTable: a scored asset that is only a source for others.
        """
        spine, some = self._rows = self._rows or self._places()
        spine = Spine(spine.assets, spine.asset, np.repeat(to_instants(np.array([self._hour])), len(spine)))
        out = np.empty((len(spine), len(self._plan.infos)), np.float32, order="F")
        hourly = self._readings.hourly()
        view = self._view(hourly)
        for job in self._plan.jobs if len(spine) else ():
            fill(out, view, some, job)
        self._readings.keep_hourly(set(hourly))  # a view adds those that a feature asked for and that were not there
        return Features(spine, out, self._plan.infos, self._plan.spec_hash)

    def _settle(self) -> None:
        """Find out who is there now; where that has changed, lay out the bins and tallies anew from the kept rows."""
        known = first_known(self._assets)
        since = known["since"].to_numpy()
        self._next_asset = int(since[since > self._hour].min(initial=FOREVER))
        self._rows = None
        universe = Universe.at(known, self._pilot, self._hour)
        if not universe.same_as(self._universe):
            self._universe = universe
            self._readings.seat(universe)
            self._incidents.seat(universe.assets)
            self.seated += 1

    def _places(self) -> tuple[Spine, tuple[IntArray, IntArray] | None]:
        """The scoring spine, and where its rows stand among the assets (None: they are all assets in order)."""
        assets = Tables(READINGS.empty(), INCIDENTS.empty(), self._assets)
        spine = scoring_spine(assets, self._pilot, as_of=self._as_of)
        rows = np.arange(len(spine))
        place = positions_in(self._universe.assets, spine, rows)
        whole = np.array_equal(place, np.arange(len(self._universe.assets)))
        return spine, None if whole else (rows, place)

    def _view(self, hourly: dict[str, Mapping[str, Trail]]) -> View:
        universe = self._universe
        return View(
            pilot=self._pilot,
            hours=np.array([self._hour]),
            assets=universe.assets,
            lon=universe.lon,
            lat=universe.lat,
            trails=self._readings.trails(),
            sources=universe.sources,
            incidents=self._incidents.tallies,
            reach_hours=self._plan.reach_hours,
            _hourly=hourly,
        )
