"""The one clock face of the room: whole UTC hours, counted from 1970.

Bin `h` holds what happened in `(h-1, h]`; an `as_of` is a whole hour. So "known by as_of" and "inside the window"
are exact comparisons of integers, and a row can never slip a bin by rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.errors import ForesafeError
from contracts.results import BoolArray, InstantArray, IntArray
from features.kernels import FOREVER, HOUR_US

__all__ = ["FOREVER", "HOUR_US", "LocalTime", "as_of_hours", "ceil_hour", "hour_of", "to_instants"]


def ceil_hour(instants_us: IntArray) -> IntArray:
    """The first whole hour at or after each instant (µs since 1970)."""
    return -(-instants_us // HOUR_US)


def as_of_hours(as_of: InstantArray) -> IntArray:
    """Whole hours of `as_of`.

    Raises:
        ForesafeError: an `as_of` that is not a whole hour.
    """
    micros = as_of.astype("datetime64[us]").astype(np.int64)
    if len(micros) and (micros % HOUR_US).any():
        bad = as_of[np.flatnonzero(micros % HOUR_US)[0]]
        raise ForesafeError(f"as_of {bad} is not a whole hour", allowed="whole UTC hours", fix="round it down")
    return micros // HOUR_US


def to_instants(hours: IntArray) -> InstantArray:
    return (hours * HOUR_US).astype("datetime64[us]")


def hour_of(instant: datetime) -> int:
    """The last whole hour at or before an instant.

    Raises:
        ForesafeError: the instant has no zone.
    """
    if instant.tzinfo is None:
        raise ForesafeError(f"{instant} has no zone", allowed="an aware instant, such as one with tzinfo=UTC")
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(hours=1)


@dataclass(frozen=True)
class LocalTime:
    """Wall-clock facts of the hour that begins at each `as_of` hour, in the pilot's zone. All arrays are (n,)."""

    hours: IntArray
    zone: str
    country: str | None = None
    subdivision: str | None = None

    @cached_property
    def _wall(self) -> pd.DatetimeIndex:
        return pd.DatetimeIndex(to_instants(self.hours)).tz_localize("UTC").tz_convert(self.zone)

    @cached_property
    def hour_of_week(self) -> IntArray:
        """0 is Monday 00:00, 167 is Sunday 23:00."""
        return np.asarray(self._wall.dayofweek, np.int64) * 24 + np.asarray(self._wall.hour, np.int64)

    @cached_property
    def hour_of_day(self) -> IntArray:
        return np.asarray(self._wall.hour, np.int64)

    @cached_property
    def weekday(self) -> IntArray:
        return np.asarray(self._wall.dayofweek, np.int64)

    @cached_property
    def year_fraction(self) -> npt.NDArray[np.float64]:
        return np.asarray(self._wall.dayofyear, np.float64) / 366.0

    def holiday(self, days_ahead: int = 0) -> BoolArray:
        """Whether the local day, `days_ahead` days on, is a public holiday of the country."""
        if self.country is None or not len(self.hours):
            return np.zeros(len(self.hours), bool)
        days = (self._wall + pd.Timedelta(days=days_ahead)).normalize()
        unique, where = np.unique(days.tz_localize(None).to_numpy("datetime64[D]"), return_inverse=True)
        known = _holidays(self.country, self.subdivision, tuple(int(y) + 1970 for y in _years(unique)))
        return np.array([day.item() in known for day in unique], bool)[where]


def _years(days: npt.NDArray[np.datetime64]) -> IntArray:
    return np.unique(days.astype("datetime64[Y]").astype(np.int64))


def _holidays(country: str, subdivision: str | None, years: tuple[int, ...]) -> frozenset[date]:
    import holidays

    return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=years))
