"""Incidents as the forecaster knew them: counts over windows, time since the last one, and past-only rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars as pl

from contracts.pilot import Hazard
from contracts.results import Float32Array, FloatArray, IntArray
from features import kernels
from features.hours import FOREVER, HOUR_US, LocalTime, ceil_hour
from features.kernels import NEVER
from features.versions import at_assets, in_force

ASSET_SHAPE, PROFILE_SHAPE = 2.0, 5.0  # incidents that the city's rate, and a flat week, weigh as much as


class History(Protocol):
    """What a view asks of one hazard's incidents, for consecutive hours T."""

    def counts(self, *, hours: IntArray, window: int, offset: int = 0) -> IntArray: ...

    def hours_since(self, *, hours: IntArray, window: int) -> Float32Array: ...

    def rates(self, *, hours: IntArray, delay: int, local: LocalTime) -> Rates: ...


@dataclass(frozen=True)
class Known:
    """Every version of one hazard's incidents that counts, with the hours `since <= as_of < until` it is in force."""

    asset: IntArray
    hour: IntArray
    occurred: IntArray  # µs
    since: IntArray
    until: IntArray
    assets: int

    def counts(self, *, hours: IntArray, window: int, offset: int = 0) -> IntArray:
        """(len(hours), assets) incidents in (T - offset - window, T - offset] known by T, for consecutive hours T."""
        counts = np.empty((len(hours), self.assets), np.int64)
        starts, event = kernels.window_events(
            self.asset, self.hour, self.since, self.until, int(hours[0]), len(hours), window, offset
        )
        kernels.count_events(starts, event, self.asset, counts)
        return counts

    def hours_since(self, *, hours: IntArray, window: int) -> Float32Array:
        """(len(hours), assets) hours from the last known incident to T; NaN where none in the window."""
        last = np.full((len(hours), self.assets), np.nan, np.float32)
        last_at = np.full(last.shape, NEVER, np.int64)
        newest_first = np.lexsort((self.occurred, self.asset))[::-1]
        until = kernels.until_outdone(newest_first, self.asset, self.hour, self.since, self.until)
        kernels.follow_sparse_last(
            self.asset, self.hour, self.since, until, np.zeros(len(self.asset), np.float32), self.occurred,
            last, last_at, int(hours[0]), window, 0,
        )  # fmt: skip
        elapsed = ((hours * HOUR_US)[:, None] - last_at) / HOUR_US
        return np.where(np.isnan(last), np.nan, elapsed).astype(np.float32)

    def rates(self, *, hours: IntArray, delay: int, local: LocalTime) -> Rates:
        """Counts known by each hour T, for the hour of the week that `local` gives for it."""
        return hour_of_week_rates(self, hours=hours, delay=delay, local=local)


def counting_versions(incidents: pl.DataFrame, *, assets: tuple[str, ...], hazard: str, rule: Hazard) -> pl.DataFrame:
    """One hazard's incidents at these assets, in the versions that count: columns asset, severity, occurred (µs),
    since, until. A version with less than `min_severity`, another hazard or another asset supersedes the one before
    it, and does not count itself."""
    frame = incidents.with_columns(
        known_us=pl.col("known_at").dt.timestamp("us"), occurred=pl.col("occurred_at").dt.timestamp("us")
    )
    versions = in_force(frame, key=["incident_id"], content=["occurred", "asset_id", "hazard", "severity"])
    counts = (pl.col("hazard") == hazard) & (pl.col("severity") >= rule.min_severity)
    return at_assets(versions.filter(counts), assets)


def known_incidents(incidents: pl.DataFrame, *, assets: tuple[str, ...], hazard: str, rule: Hazard) -> Known:
    """One hazard's incidents as they were known, hour by hour."""
    counting = counting_versions(incidents, assets=assets, hazard=hazard, rule=rule)
    occurred = counting["occurred"].to_numpy()
    return Known(
        asset=counting["asset"].to_numpy(),
        hour=ceil_hour(occurred),
        occurred=occurred,
        since=counting["since"].to_numpy(),
        until=counting["until"].to_numpy(),
        assets=len(assets),
    )


@dataclass(frozen=True)
class Rates:
    """Past-only counts at each hour T, of incidents older than the reporting delay, so that rates are not biased low.

    own: (hours, assets) in T's hour of the week; by_asset: (hours, assets); by_slot: (hours,) over all assets in T's
    hour of the week. weeks and elapsed: (hours,) exposure since the first known incident.
    """

    own: IntArray
    by_asset: IntArray
    by_slot: IntArray
    weeks: FloatArray
    elapsed: FloatArray


def hour_of_week_rates(known: Known, *, hours: IntArray, delay: int, local: LocalTime) -> Rates:
    """Counts known by each hour T, for the hour of the week that `local` gives for it."""
    slots = local.hour_of_week
    begins = LocalTime(known.hour - 1, local.zone).hour_of_week
    ripe_from = np.maximum(known.since, known.hour + delay)
    alive = ripe_from < known.until
    event_hour = np.concatenate([ripe_from[alive], known.until[alive]])
    order = np.argsort(event_hour, kind="stable")
    twice = np.tile(np.flatnonzero(alive), 2)[order]
    signs = np.repeat(np.array([1, -1]), alive.sum())[order]
    shape = (len(hours), known.assets)
    own, by_asset, by_slot = np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(len(hours), np.int64)
    kernels.count_by_hour_of_week(
        event_hour[order], known.asset[twice], begins[twice], signs, hours, slots, own, by_asset,
        by_slot,
    )  # fmt: skip
    elapsed = np.maximum(hours - delay - _first_known(known, ripe_from, hours), 0).astype(np.float64)
    return Rates(own, by_asset, by_slot, elapsed / 168.0, elapsed)


def _first_known(known: Known, ripe_from: IntArray, hours: IntArray) -> IntArray:
    """(hours,) the earliest incident hour that was known at each T; T itself where none was."""
    order = np.argsort(ripe_from, kind="stable")
    earliest = np.minimum.accumulate(known.hour[order]) if len(order) else order
    seen = np.searchsorted(ripe_from[order], hours, side="right")
    return np.where(seen > 0, np.append(earliest, FOREVER)[seen - 1], hours)


def smoothed_rate(rates: Rates, *, shrinkage: float) -> FloatArray:
    """(hours, assets) incidents per hour at each asset in T's hour of the week, past-only.

    A ladder of Gamma-Poisson estimates (Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.6), each
    `(incidents + shape) / (exposure + shape / prior rate)`: the city's rate is the prior of each asset's, both times
    the city's profile over the week that of each asset's hour of the week. `shrinkage` is the last shape: how many
    incidents the prior weighs as much as. A rare hazard so leans on its prior, a frequent one on its own count.
    With nothing known yet it is NaN.
    """
    assets = rates.own.shape[1]
    elapsed, weeks = rates.elapsed[:, None], rates.weeks[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        city = rates.by_asset.sum(axis=1, keepdims=True) / (elapsed * assets)
        asset = (rates.by_asset + ASSET_SHAPE) / (elapsed + ASSET_SHAPE / city)
        profile = (rates.by_slot[:, None] + PROFILE_SHAPE) / (city * assets * weeks + PROFILE_SHAPE)
        rate = (rates.own + shrinkage) / (weeks + shrinkage / (asset * profile))
    return np.where(np.isfinite(rate), rate, np.nan)
