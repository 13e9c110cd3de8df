"""Incidents as the forecaster knew them: counts over windows, time since the last one, and past-only rates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from contracts.pilot import Hazard
from contracts.results import Float32Array, FloatArray, IntArray
from features import kernels
from features.hours import FOREVER, HOUR_US, LocalTime, ceil_hour
from features.kernels import NEVER
from features.versions import at_assets, in_force


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
        out = np.zeros((len(hours), self.assets), np.int64)
        ones = np.ones(len(self.asset), np.int64)
        kernels.add_sparse_sums(self.asset, self.hour, self.since, self.until, ones, out, int(hours[0]), window, offset)
        return out

    def hours_since(self, *, hours: IntArray, window: int) -> Float32Array:
        """(len(hours), assets) hours from the last known incident to T; NaN where none in the window."""
        last = np.full((len(hours), self.assets), np.nan, np.float32)
        last_at = np.full(last.shape, NEVER, np.int64)
        kernels.follow_sparse_last(
            self.asset, self.hour, self.since, self.until, np.zeros(len(self.asset), np.float32), self.occurred,
            last, last_at, int(hours[0]), window, 0,
        )  # fmt: skip
        elapsed = ((hours * HOUR_US)[:, None] - last_at) / HOUR_US
        return np.where(np.isnan(last), np.nan, elapsed).astype(np.float32)


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

    An empirical-Bayes ladder: the city's rate by hour of the week shapes each asset's own overall rate, and the
    asset's own count in that hour of the week moves the result by its exposure:
    `(n + shrinkage * prior) / (weeks + shrinkage)`. With nothing known yet it is NaN.
    """
    assets = rates.own.shape[1]
    elapsed, weeks = rates.elapsed[:, None], rates.weeks[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        city = rates.by_asset.sum(axis=1, keepdims=True) / (elapsed * assets)
        asset = (rates.by_asset + 168.0 * city) / (elapsed + 168.0)
        profile = (rates.by_slot[:, None] / assets + 4.0 * city) / (weeks + 4.0) / city
        rate = (rates.own + shrinkage * asset * profile) / (weeks + shrinkage)
    return np.where(np.isfinite(rate), rate, np.nan)
