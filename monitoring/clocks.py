"""Clocks that are wrong, and rows that become known later or earlier than they used to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby

import numpy as np
import polars as pl

from contracts.results import BoolArray, FloatArray, IntArray
from monitoring.findings import Finding, listed
from monitoring.levels import across_sensors
from monitoring.panel import SensorDays

REGULAR = 0.7  # correlation of most past days with the usual daily course, for a sensor to tell the time
FITS, GAINS = 0.8, 0.3  # the moved course must fit so well, and so much better than the one that is not moved
CATCHING_UP_DAYS = 7
WHOLE_DAY = 20  # hours of it
SHARE = 0.7  # of a partner's sensors that tell the time
TELLING_LEAST = 3  # sensors; one or two have an odd day by themselves, and a clock is the partner's
LEAST_DELAY_HOURS = 1.0
TIMES_DELAY = 1.5
DELAYED_ROWS = 12  # incidents known in the recent days, for their delay to say something
DELAY_SPREADS = 5.0  # robust standard errors


def clock_skews(panel: SensorDays, *, recent_days: int) -> Iterator[Finding]:
    """Partners most of whose sensors have their usual daily course some hours early or late, by the same number.

    A skew of an hour or two is within what days differ by and is not seen; a wrong time zone is.
    """
    lag, telling = _lags(panel, recent_days)
    for partner, group in _by_partner(panel, np.flatnonzero(telling)):
        hours, counts = np.unique(lag[group], return_counts=True)
        most = int(hours[counts.argmax()])
        late = group[lag[group] == most]
        if most == 0 or len(group) < TELLING_LEAST or len(late) < SHARE * len(group):
            continue
        metrics = sorted({panel.sensors[s].metric for s in late})
        course = f"{abs(most)} h {'late' if most > 0 else 'early'}"
        words = f"{partner}: the daily course of {listed(metrics)} is {course} on {len(late)} of {len(group)} sensors"
        yield Finding("clock_skew", words, panel.begin(-recent_days), partner)


def reading_delays(panel: SensorDays, *, recent_days: int) -> Iterator[Finding]:
    """Partners whose readings take otherwise long to become known than on any past day."""
    for partner, group in _by_partner(panel, np.arange(len(panel.sensors))):
        day = across_sensors(panel.delay_hours[:, group])
        past, now = day[:-recent_days], day[-recent_days:]
        past = past[~np.isnan(past)]
        if len(past) < 2 or np.isnan(day[-recent_days - CATCHING_UP_DAYS :]).any():
            continue  # after a silence, what was held back comes late: that is not how long rows take
        usual, reach = float(np.median(past)), float(np.ptp(past))
        away = now - usual
        if (np.abs(away) > max(LEAST_DELAY_HOURS, 2 * reach)).all() and (np.sign(away) == np.sign(away[0])).all():
            words = f"{partner}: readings become known {now[-1]:.1f} h after they were observed; usually {usual:.1f} h"
            yield Finding("delay_changed", words, panel.begin(-recent_days), partner)


def incident_delays(
    incidents: pl.DataFrame, *, until: datetime, recent_days: int, history_days: int
) -> Iterator[Finding]:
    """Partners and hazards whose incidents become known later or earlier than they used to.

    Incidents are taken by the day they became known, in their first version. Right after delays grow, what arrives is
    what happened before and was quick; the change shows when the first slow ones arrive. Where incidents are many, half
    of the recent days are enough to tell.

    Args:
        incidents: columns of `contracts.tables.INCIDENTS`.
    """
    known = incidents.filter(pl.col("known_at") <= until).sort("known_at").unique("incident_id", keep="first")
    age = (pl.lit(until) - pl.col("known_at")).dt.total_hours() / 24
    delay = (pl.col("known_at") - pl.col("occurred_at")).dt.total_minutes() / 60
    known = known.select("partner", "hazard", age=age, delay=delay).filter(pl.col("age") < history_days)
    for (partner, hazard), rows in sorted(known.group_by("partner", "hazard"), key=lambda group: str(group[0])):
        age_days, hours = rows["age"].to_numpy(), rows["delay"].to_numpy()
        past = hours[age_days >= recent_days]
        words = _delay_words(past, hours[age_days < recent_days]) or _delay_words(
            past, hours[age_days < recent_days / 2]
        )
        if words:
            since = until - timedelta(days=recent_days)
            yield Finding("delay_changed", f"{partner}: {hazard} {words}", since, str(partner), str(hazard))


def _delay_words(past: FloatArray, now: FloatArray) -> str:
    if len(now) < DELAYED_ROWS or len(past) < 2 * DELAYED_ROWS:
        return ""
    logs = np.log(np.maximum(past, 0.1))
    spread = max(float(np.subtract(*np.quantile(logs, [0.75, 0.25]))) / 1.349, 0.05)
    usual, is_now = float(np.median(past)), float(np.median(now))
    error = 1.2533 * spread * np.sqrt(1 / len(now) + 1 / len(past))  # of a difference of medians
    away = abs(float(np.median(np.log(np.maximum(now, 0.1)))) - float(np.median(logs)))
    large = away > np.log(TIMES_DELAY) and abs(is_now - usual) >= LEAST_DELAY_HOURS
    if not large or away < DELAY_SPREADS * error:
        return ""
    return f"becomes known {is_now:.0f} h after it happened, usually {usual:.0f} h ({len(now)} incidents)"


def _lags(panel: SensorDays, recent_days: int) -> tuple[IntArray, BoolArray]:
    """(S,) hours by which the recent course is late, and (S,) whether the sensor tells the time."""
    whole = ~np.isnan(panel.hourly)
    hourly = np.where(whole, panel.hourly, 0.0)
    known = whole.sum(axis=1)
    centred = np.where(whole, hourly - (hourly.sum(axis=1) / np.maximum(known, 1))[:, None], 0.0)
    past, now = centred[:-recent_days], centred[-recent_days:]
    course = past.sum(axis=0) / np.maximum(whole[:-recent_days].sum(axis=0), 1)
    regular = _correlation(past, course[None])
    enough = (known[:-recent_days] >= WHOLE_DAY).mean(axis=0) >= 0.5
    telling = enough & (known[-recent_days:] >= WHOLE_DAY).all(axis=0) & (np.median(regular, axis=0) >= REGULAR)
    recent = now.mean(axis=0)[None]
    fits = np.stack([_correlation(recent, np.roll(course, lag, axis=0)[None])[0] for lag in range(24)])
    best = fits.argmax(axis=0)
    clear = (fits.max(axis=0) >= FITS) & (fits.max(axis=0) - fits[0] >= GAINS)
    lag = np.where(best > 12, best - 24, best)
    return np.where(clear, lag, 0).astype(np.int64), telling


def _correlation(days: FloatArray, course: FloatArray) -> FloatArray:
    """(D, S) of centred (D, 24, S) with (1, 24, S) over the hours; 0 where either is flat."""
    norm = np.sqrt((days**2).sum(axis=1) * (course**2).sum(axis=1))
    return np.asarray(np.where(norm > 0, (days * course).sum(axis=1) / np.maximum(norm, 1e-12), 0.0))


def _by_partner(panel: SensorDays, sensors: IntArray) -> Iterator[tuple[str, IntArray]]:
    ordered = sorted(sensors.tolist(), key=lambda s: panel.sensors[s].partner)
    for partner, group in groupby(ordered, key=lambda s: panel.sensors[s].partner):
        yield partner, np.array(list(group), dtype=np.int64)
