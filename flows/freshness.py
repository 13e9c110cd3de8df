"""How fresh each feed is, by its own habit: one that sends hourly is late after hours, one that sends weekly is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from ingest.store import Store

OBSERVED = {"readings": "observed_at", "incidents": "occurred_at", "assets": "known_at"}
RECENT = 200  # arrivals whose gaps tell the habit
PATIENCE = 3.0  # times the usual gap
QUANTILE = 0.95


@dataclass(frozen=True)
class Freshness:
    """One feed's last row. usual_hours: 95 of 100 gaps between arrivals are no longer; None where it came once only."""

    observed: datetime
    known: datetime
    usual_hours: float | None

    def silent_hours(self, at: datetime) -> float | None:
        """Hours since anything was known of it; 0 where its data is ahead of the clock, as a simulation's may be.

        None where it came once only: a register is not silent.
        """
        return None if self.usual_hours is None else round(max(0.0, (at - self.known).total_seconds() / 3600), 1)

    def late(self, at: datetime) -> bool:
        """Silent for longer than PATIENCE times its usual gap."""
        silent, usual = self.silent_hours(at), self.usual_hours
        return bool(silent and usual and silent > PATIENCE * usual)


def freshness(folder: Path) -> Mapping[str, Freshness]:
    """Feed -> how fresh it is, for the feeds that the store in `folder` has rows of."""
    store = Store(folder)
    arrivals = pl.concat([_arrivals(store, table) for table in OBSERVED])
    found = {}
    for (feed,), rows in arrivals.group_by("feed"):
        hours = rows["known"].unique().sort().tail(RECENT).diff().drop_nulls().dt.total_seconds() / 3600
        usual = hours.quantile(QUANTILE, "higher") if len(hours) else None
        found[str(feed)] = Freshness(rows["observed"].max(), rows["last"].max(), usual)  # type: ignore[arg-type]
    return found


def _arrivals(store: Store, table: str) -> pl.DataFrame:
    """feed, known (to the hour), last (known, exactly), observed (the latest): a row a feed and hour of arrival."""
    columns = list(dict.fromkeys(("feed", "known_at", OBSERVED[table])))
    empty = pl.DataFrame(schema={"feed": pl.String, **dict.fromkeys(("known", "last", "observed"), _INSTANT)})
    hours = [_by_hour(frame, OBSERVED[table]) for frame in store.scan(table, columns)]
    return pl.concat([empty, *hours]).group_by("feed", "known").agg(pl.col("last").max(), pl.col("observed").max())


def _by_hour(frame: pl.DataFrame, observed: str) -> pl.DataFrame:
    grouped = frame.group_by("feed", pl.col("known_at").dt.truncate("1h").alias("known"))
    return grouped.agg(pl.col("known_at").max().alias("last"), pl.col(observed).max().alias("observed"))


_INSTANT = pl.Datetime("us", "UTC")
