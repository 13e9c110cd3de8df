"""What was known at each hour: the only thing a feature function sees.

Every method answers for all hours T of the view at once, from rows with `known_at <= T` alone. A feature written
against it cannot look ahead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
import polars as pl

from contracts.errors import ForesafeError
from contracts.pilot import Hazard, Pilot
from contracts.results import Float32Array, FloatArray, IntArray
from features import kernels
from features.hourly import HOURLY_STATS, hourly_trails
from features.hours import LocalTime
from features.incidents import History, smoothed_rate
from features.readings import Trail, newest

EARTH_KM = 6371.0088


@dataclass(frozen=True)
class View:
    """Consecutive `hours` (T,), and the assets (A,) that were known at the first of them. Values are (T, A).

    trails: metric -> readings of its source assets; sources: metric -> (A,) row of the trail, -1 for none.
    """

    pilot: Pilot
    hours: IntArray
    assets: tuple[str, ...]
    lon: FloatArray
    lat: FloatArray
    trails: Mapping[str, Trail]
    sources: Mapping[str, IntArray]
    incidents: Mapping[str, History]
    reach_hours: int  # how far back the trails hold readings
    asked: dict[str, dict[str, int]] = field(default_factory=dict, repr=False)  # metric -> statistic -> hours back
    _hourly: dict[str, Mapping[str, Trail]] = field(default_factory=dict, repr=False)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.hours), len(self.assets)

    @cached_property
    def local(self) -> LocalTime:
        return self.local_at(0)

    def local_at(self, ahead: int) -> LocalTime:
        """Wall-clock facts of the hour that begins at T + ahead."""
        return LocalTime(self.hours + ahead, self.pilot.timezone, self.pilot.country, self.pilot.subdivision)

    def window(
        self, metric: str, stat: str, *, hours: int, ago: int = 0, out: Float32Array | None = None
    ) -> Float32Array:
        """(T, A) of `stat` (mean, max, min, std, last, count) over (T - ago - hours, T - ago]; NaN where no reading.

        out: where to write it, else a new array.
        """
        self._ask(metric, (stat,), ago + hours)
        return self._at_assets(metric, self.trails[metric], stat, hours, ago, out)

    def hourly_window(
        self, metric: str, hourly: str, stat: str, *, hours: int, ago: int = 0, out: Float32Array | None = None
    ) -> Float32Array:
        """(T, A) mean or max, over the hours of (T - ago - hours, T - ago] with readings, of their mean, max or std.

        out: where to write it, else a new array.
        """
        self._ask(metric, HOURLY_STATS, ago + hours)
        if metric not in self._hourly:
            self._hourly[metric] = hourly_trails(self.trails[metric])
        return self._at_assets(metric, self._hourly[metric][hourly], stat, hours, ago, out)

    def _ask(self, metric: str, stats: tuple[str, ...], hours: int) -> None:
        """Note what is looked at, and refuse to look at what is not there.

        Raises:
            ForesafeError: further back than the readings that were binned.
        """
        if hours > self.reach_hours:
            raise ForesafeError(
                f"a window of {metric} that begins {hours} h ago, where readings were read {self.reach_hours} h back",
                where="features",
                cause="a feature that looks further back in some cities than in others",
                fix="let it ask for the same windows whatever the view holds",
            )
        asked = self.asked.setdefault(metric, {})
        asked.update({stat: max(hours, asked.get(stat, 0)) for stat in stats})

    def attribute(self, metric: str) -> Float32Array:
        """(T, A) the newest known value of a static metric, however old."""
        return self._spread(metric, newest(self.trails[metric], self.hours))

    @cached_property
    def _own(self) -> frozenset[str]:
        """Metrics that every asset has its own readings of."""
        return frozenset(
            name for name, source in self.sources.items() if np.array_equal(source, np.arange(self.trails[name].assets))
        )

    def _at_assets(
        self, metric: str, trail: Trail, stat: str, hours: int, ago: int, out: Float32Array | None
    ) -> Float32Array:
        if metric in self._own:
            return trail.window(stat, hours=self.hours, window=hours, offset=ago, out=out)
        values = self._spread(metric, trail.window(stat, hours=self.hours, window=hours, offset=ago))
        if out is None:
            return values
        out[...] = values
        return out

    def _spread(self, metric: str, values: Float32Array) -> Float32Array:
        """From one column a source to one column an asset."""
        source = self.sources[metric]
        if metric in self._own:
            return values
        if not values.shape[1]:
            return np.full((len(values), len(source)), np.nan, np.float32)
        return np.where(source >= 0, values[:, source], np.float32(np.nan))

    def incident_count(self, hazard: str, *, hours: int, ago: int = 0) -> Float32Array:
        """(T, A) incidents in (T - ago - hours, T - ago] that were known by T."""
        counts = self.incidents[hazard].counts(hours=self.hours, window=hours, offset=ago)
        return counts.astype(np.float32)

    def hours_since_incident(self, hazard: str, *, within: int) -> Float32Array:
        """(T, A) hours since the last known incident; NaN where none within so many hours."""
        return self.incidents[hazard].hours_since(hours=self.hours, window=within)

    def climatology(self, hazard: str, *, shrinkage: float) -> Float32Array:
        """(T, A) past-only P(at least one incident in the horizon) of this asset in these hours of the week."""
        rule, known = self.pilot.hazards[hazard], self.incidents[hazard]
        expected = np.zeros((len(self.hours), len(self.assets)))
        for ahead in range(rule.horizon_hours):
            rates = known.rates(hours=self.hours, delay=rule.reporting_delay_hours, local=self.local_at(ahead))
            expected += smoothed_rate(rates, shrinkage=shrinkage)
        return _probability(expected)

    def recent_rate(self, hazard: str, *, days: int) -> Float32Array:
        """(T, A) past-only P(at least one incident in the horizon) from the asset's own last days.

        The days that the reporting delay hides are left out; one pseudo-month of the city's rate is added to each.
        """
        rule: Hazard = self.pilot.hazards[hazard]
        hours = days * 24
        own = self.incidents[hazard].counts(hours=self.hours, window=hours, offset=rule.reporting_delay_hours)
        city = own.mean(axis=1, keepdims=True) / hours if len(self.assets) else own
        rate = (own + 720.0 * city) / (hours + 720.0)
        return _probability(rate * rule.horizon_hours)

    def neighbours(self, count: int) -> tuple[IntArray, npt.NDArray[np.bool_]]:
        """(A, count) positions of the nearest other assets, ties to the lower id, and which of them exist."""
        return _nearest_others(self.lon.tobytes(), self.lat.tobytes(), count)

    def neighbour_mean(self, values: Float32Array, count: int) -> Float32Array:
        """(T, A) mean of the nearest assets' values, over those that have one."""
        nearest, exists = self.neighbours(count)
        out = np.empty(values.shape, np.float32)
        kernels.mean_of_some(np.ascontiguousarray(values), nearest, exists, out)
        return out


def great_circle_km(lon: FloatArray, lat: FloatArray, to_lon: FloatArray, to_lat: FloatArray) -> FloatArray:
    """(n, m) distances by the haversine formula on a sphere; inf where a place is missing. Degrees in."""
    here_lon, here_lat, there_lon, there_lat = (np.radians(np.asarray(x, float)) for x in (lon, lat, to_lon, to_lat))
    half = np.sin((here_lat[:, None] - there_lat) / 2) ** 2
    half += np.cos(here_lat[:, None]) * np.cos(there_lat) * np.sin((here_lon[:, None] - there_lon) / 2) ** 2
    distance = 2 * EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1)))
    return np.where(np.isnan(distance), np.inf, distance)


@lru_cache(maxsize=8)  # the same city is asked again at every hour
def _nearest_others(lon: bytes, lat: bytes, count: int) -> tuple[IntArray, npt.NDArray[np.bool_]]:
    east, north = np.frombuffer(lon, np.float64), np.frombuffer(lat, np.float64)
    distance = great_circle_km(east, north, east, north)
    np.fill_diagonal(distance, np.inf)
    nearest = np.argsort(np.round(distance, 6), axis=1, kind="stable")[:, :count]
    return nearest, np.isfinite(np.take_along_axis(distance, nearest, axis=1))


def nearest_of(assets: pl.DataFrame, stations: pl.DataFrame) -> IntArray:
    """(n,) the nearest station of each asset, ties to the lower id; -1 where either has no place."""
    if stations.is_empty() or assets.is_empty():
        return np.full(len(assets), -1, np.int64)
    places = (frame[axis].to_numpy() for frame in (assets, stations) for axis in ("lon", "lat"))
    distance = np.round(great_circle_km(*places), 6)
    return np.where(np.isfinite(distance.min(axis=1)), distance.argmin(axis=1), -1)


def _probability(expected: FloatArray) -> Float32Array:
    """1 - exp(-expected), kept inside (0, 1) so that a logarithm of it is finite. NaN stays NaN."""
    return np.clip(-np.expm1(-expected), 1e-7, 1 - 1e-6).astype(np.float32)
