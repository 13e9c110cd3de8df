"""One city's incidents as they are known at one hour that only moves on.

Each incident keeps its versions. What it adds to the tallies follows from them and the hour alone; when a version comes
or an hour passes at which that changes, what it added is taken back and put in anew. Nothing else is looked at.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import polars as pl

from contracts.pilot import Hazard
from contracts.results import Float32Array, IntArray
from features.hours import FOREVER, HOUR_US, LocalTime
from features.incidents import Rates

NEVER_MORE = int(FOREVER)


class Version(NamedTuple):
    """One version of an incident; versions compare as `versions.in_force` sorts them. Instants in µs."""

    known: int
    occurred: int
    asset_id: str
    hazard: str
    not_a_number: bool  # polars sorts NaN last
    severity: float

    @property
    def since(self) -> int:
        return -(-self.known // HOUR_US)

    @property
    def hour(self) -> int:
        return -(-self.occurred // HOUR_US)


class Share(NamedTuple):
    """What an incident adds at some hour.

    Attributes:
        counts: the version in force, where it counts.
        ripe: whether that is older than the reporting delay.
        first: (hazard, hour) of each version that ever counted and has ripened.
    """

    counts: Version | None
    ripe: bool
    first: tuple[tuple[str, int], ...]


NO_SHARE = Share(None, ripe=False, first=())


class KeptIncidents:
    """Versions by incident, and each hazard's tallies."""

    def __init__(self, hazards: Mapping[str, Hazard], *, zone: str, hour: int) -> None:
        self._rules, self._zone, self._hour = hazards, zone, hour
        self._versions: dict[str, list[Version]] = {}
        self.seat(())

    def seat(self, assets: tuple[str, ...]) -> None:
        """Tally everything anew for these assets."""
        self._position = {asset: i for i, asset in enumerate(assets)}
        self.tallies = {name: Tally(len(assets)) for name in self._rules}
        self._shares: dict[str, Share] = {}
        self._changes: list[tuple[int, str]] = []  # a heap of (hour, incident)
        self._look_again(self._versions)

    def advance(self, incidents: pl.DataFrame, *, hour: int) -> None:
        """Move on to `hour`, with rows that became known or will."""
        self._hour = hour
        touched = {name: None for name, version in _versions(incidents) if self._is_new(name, version)}
        while self._changes and self._changes[0][0] <= hour:
            touched[heapq.heappop(self._changes)[1]] = None
        self._look_again(touched)

    def _is_new(self, name: str, version: Version) -> bool:
        versions = self._versions.setdefault(name, [])
        if version in versions:
            return False
        insort(versions, version)
        return True

    def _look_again(self, names: Iterable[str]) -> None:
        ripened: list[tuple[Version, int]] = []
        for name in names:
            old, new = self._shares.get(name, NO_SHARE), self._share(name)
            if new != old:
                ripened += [
                    (share.counts, sign) for share, sign in ((old, -1), (new, 1)) if share.ripe and share.counts
                ]
                self._change(old, -1)
                self._change(new, 1)
                self._shares[name] = new
        if ripened:
            slots = LocalTime(np.array([version.hour - 1 for version, _ in ripened]), self._zone).hour_of_week
            for (version, sign), slot in zip(ripened, slots.tolist(), strict=True):
                self.tallies[version.hazard].ripen(self._position[version.asset_id], slot, sign)

    def _share(self, name: str) -> Share:
        """What this incident adds now. Puts the next hour at which that may change on the heap."""
        in_force: dict[int, Version] = {}
        coming = NEVER_MORE
        for version in self._versions[name]:
            if version.since <= self._hour:
                in_force[version.since] = version  # of versions with one `since` only the last is ever in force
            else:
                coming = min(coming, version.since)
        first, newest, ripe = [], None, False
        for version in in_force.values():
            newest = version if self._counts(version) else None
            if newest:
                ripe_from = max(version.since, version.hour + self._rules[version.hazard].reporting_delay_hours)
                ripe = ripe_from <= self._hour
                if ripe:
                    first.append((version.hazard, version.hour))
                else:
                    coming = min(coming, ripe_from)
        if coming < NEVER_MORE:
            heapq.heappush(self._changes, (coming, name))
        return Share(newest, ripe=newest is not None and ripe, first=tuple(first))

    def _counts(self, version: Version) -> bool:
        rule = self._rules.get(version.hazard)
        if rule is None or version.asset_id not in self._position:
            return False
        return version.not_a_number or version.severity >= rule.min_severity

    def _change(self, share: Share, sign: int) -> None:
        if share.counts:
            tally = self.tallies[share.counts.hazard]
            tally.happen(self._position[share.counts.asset_id], share.counts.occurred, sign)
        for hazard, hour in share.first:
            self.tallies[hazard].begin(hour, sign)


class Tally:
    """One hazard's incidents as known at one hour: an `incidents.History` that answers for that hour alone.

    Counts over any window are two look-ups an asset; rates are sums that are kept.
    """

    def __init__(self, assets: int) -> None:
        self._occurred: list[list[int]] = [[] for _ in range(assets)]  # µs, each sorted
        self._in_slot = np.zeros((168, assets), np.int64)
        self._first: Counter[int] = Counter()
        self._earliest: int | None = None

    def happen(self, asset: int, occurred: int, sign: int) -> None:
        times = self._occurred[asset]
        if sign > 0:
            insort(times, occurred)
        else:
            del times[bisect_left(times, occurred)]

    def ripen(self, asset: int, slot: int, sign: int) -> None:
        self._in_slot[slot, asset] += sign

    def begin(self, hour: int, sign: int) -> None:
        self._first[hour] += sign
        if sign > 0:
            self._earliest = hour if self._earliest is None else min(self._earliest, hour)
        elif not self._first[hour]:
            del self._first[hour]
            if hour == self._earliest:
                self._earliest = min(self._first, default=None)

    def counts(self, *, hours: IntArray, window: int, offset: int = 0) -> IntArray:
        """(1, assets) incidents in (hour - offset - window, hour - offset]."""
        stop = (int(hours[0]) - offset) * HOUR_US
        start = stop - window * HOUR_US
        return np.array(
            [[bisect_right(times, stop) - bisect_right(times, start) for times in self._occurred]], np.int64
        )

    def hours_since(self, *, hours: IntArray, window: int) -> Float32Array:
        """(1, assets) hours from the last incident; NaN where none in the window."""
        now = int(hours[0]) * HOUR_US
        last = [times[at - 1] if (at := bisect_right(times, now)) else None for times in self._occurred]
        elapsed = [np.nan if t is None or t <= now - window * HOUR_US else (now - t) / HOUR_US for t in last]
        return np.array([elapsed], np.float32)

    def rates(self, *, hours: IntArray, delay: int, local: LocalTime) -> Rates:
        """Counts for the hour of the week that `local` gives. delay: the hazard's own, by which incidents ripened."""
        slots = local.hour_of_week
        first = hours if self._earliest is None else np.array([self._earliest])
        elapsed = np.maximum(hours - delay - first, 0).astype(np.float64)
        own, by_asset = self._in_slot[slots], self._in_slot.sum(axis=0, keepdims=True)
        return Rates(own, by_asset, own.sum(axis=1), elapsed / 168.0, elapsed)


def _versions(incidents: pl.DataFrame) -> Iterable[tuple[str, Version]]:
    instants = (incidents[name].to_physical().to_list() for name in ("known_at", "occurred_at"))  # µs
    others = (incidents[name].to_list() for name in ("incident_id", "asset_id", "hazard", "severity"))
    for known, occurred, name, asset_id, hazard, severity in zip(*instants, *others, strict=True):
        yield name, Version(known, occurred, asset_id, hazard, severity != severity, severity)
