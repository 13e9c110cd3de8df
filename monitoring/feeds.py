"""Feeds of incidents that fall silent. No sensor tells: an hour without an accident is what everybody hopes for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from scipy.stats import gamma

from contracts.results import FloatArray
from monitoring.findings import Finding

LEAST_ARRIVALS = 8  # fewer gaps than that tell no habit
PAST_DAYS = 365  # a year, so that a season without incidents is part of the habit
BEYOND_LONGEST = 1.5  # times the longest gap before
_MOST_REGULAR = 10.0  # a gap's mean over its standard deviation, squared: no feed is taken for a clock


def silent_feeds(incidents: pl.DataFrame, *, until: datetime, chance: float) -> Iterator[Finding]:
    """An `outage` for each feed of incidents whose silence up to `until` its own past makes implausible.

    Its arrivals are the hours in which any row of it became known. The gaps between those of the last year are taken
    for draws from a gamma distribution with their mean and variance: for incidents that come one by one by chance that
    is nearly the exponential one, so that the silence is a Poisson process's without an event; for a weekly delivery
    it is far narrower, for one that comes in bursts wider. The silence is named when a gap as long or longer has a
    probability below `chance`, and it is `BEYOND_LONGEST` times as long as any before.

    Args:
        incidents: columns of `contracts.tables.INCIDENTS`.
    """
    since = until - timedelta(days=PAST_DAYS)
    known = incidents.filter((pl.col("known_at") > since) & (pl.col("known_at") <= until))
    for (partner, feed), rows in known.group_by("partner", "feed", maintain_order=True):
        arrivals = rows["known_at"].dt.truncate("1h").unique().sort()
        gaps = (arrivals.diff().drop_nulls().dt.total_seconds() / 86_400).to_numpy()
        last = rows["known_at"].max()
        silent_days = (until - last) / timedelta(days=1)  # type: ignore[operator]
        if len(arrivals) >= LEAST_ARRIVALS and implausible(silent_days, gaps, chance):
            usual = f"usually every {gaps.mean():.1f} days, never more than {gaps.max():.1f}"
            words = f"{feed} ({partner}): no incident has arrived for {silent_days:.1f} days; {usual}"
            yield Finding("outage", words, last, str(partner), str(feed))  # type: ignore[arg-type]


def implausible(silent_days: float, gaps: FloatArray, chance: float) -> bool:
    """Whether a silence is too long for a feed with these (n,) gaps in days; see `silent_feeds`."""
    mean, spread = float(gaps.mean()), float(gaps.std(ddof=1))
    shape = min((mean / spread) ** 2 if spread else np.inf, _MOST_REGULAR)
    return silent_days > BEYOND_LONGEST * float(gaps.max()) and bool(
        gamma.sf(silent_days, shape, scale=mean / shape) < chance
    )
