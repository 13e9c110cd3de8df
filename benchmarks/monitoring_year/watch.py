"""One look of the monitoring room: what `foresafe monitor` does, on tables that are in memory already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
import polars as pl

from contracts.params import MonitorParams, Params
from contracts.pilot import Pilot
from contracts.results import Decision, Features, FloatArray, IntArray, instant_of
from contracts.tables import Tables
from features import build_features, training_spine
from flows.watched import Material, see
from models import RiskModel
from models.registry import registered_name
from monitoring import Finding, Reference, SensorDays, Window, check_arrivals, check_model, check_sensors, sensor_days

SCORES = {"asset_id": pl.String(), "hazard": pl.String(), "as_of": pl.Datetime("us", "UTC")}
SCORES |= {"version": pl.String(), "probability": pl.Float64()}
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LOOK = timedelta(hours=6)  # prefect.yaml looks every hour


@dataclass(frozen=True)
class Year:
    """A city's whole time: tables as they stand in the end, features of every hour, sensors by day.

    static: readings of attributes only, which are few; a look at arrivals needs no others. panels: hours before `last`
    (below a day) -> days that end so much earlier.
    """

    pilot: Pilot
    params: Params
    tables: Tables
    static: Tables
    features: Features
    panels: Mapping[int, SensorDays]
    first: datetime
    last: datetime

    @classmethod
    def of(cls, tables: Tables, pilot: Pilot, params: Params, *, first: datetime, last: datetime) -> Year:
        """first, last: of the days to watch; features begin when there is `history_days` of readings."""
        start = tables.readings.filter(pl.col("feed") != "places")["observed_at"].min()
        begin = start + timedelta(days=params.spine.history_days)  # type: ignore[operator]
        spine = training_spine(tables, pilot, first=begin, last=last, every_hours=params.spine.every_hours)
        flowing = [name for name, metric in pilot.metrics.items() if not metric.static]
        days = (last - first) // DAY + params.monitor.history_days
        static = tables.readings.filter(~pl.col("metric").is_in(flowing))
        return cls(
            pilot=pilot,
            params=params,
            tables=tables,
            static=Tables(static, tables.incidents, tables.assets),
            features=build_features(tables, spine, pilot),
            panels={
                hours: sensor_days(tables.readings, until=last - timedelta(hours=hours), days=days, metrics=flowing)
                for hours in range(0, 24, LOOK // HOUR)
            },
            first=first,
            last=last,
        )

    @cached_property
    def shared(self) -> Mapping[str, frozenset[str]]:
        """Partner -> the metrics of its readings."""
        pairs = self.tables.readings.select("partner", "metric").unique().iter_rows()
        metrics: dict[str, set[str]] = {}
        for partner, metric in pairs:
            metrics.setdefault(partner, set()).add(metric)
        return {partner: frozenset(of) for partner, of in metrics.items()}

    def days(self) -> Iterator[datetime]:
        """When the monitor runs: once a day, the first time after one day."""
        at = self.first
        while (at := at + DAY) <= self.last:
            yield at

    def looks(self, day: datetime) -> Iterator[datetime]:
        """When sensors and arrivals are looked at in the day that ends then; the last time is its end."""
        at = day - DAY
        while (at := at + LOOK) <= day:
            yield at

    def rows(self, after: datetime, until: datetime) -> IntArray:
        """Rows of the features with `after < as_of <= until`."""
        when = self.features.spine.as_of
        low, high = (np.searchsorted(when, instant_of(at), side="right") for at in (after, until))
        return np.arange(low, high, dtype=np.int64)


def findings_of(year: Year, at: datetime) -> tuple[Finding, ...]:
    """What sensors, incidents and attributes show at `at`."""
    days, hours = divmod(year.last - at, DAY)
    whole = year.panels[hours // HOUR]
    panel = whole.before(len(whole.day) - days).last(year.params.monitor.history_days).that_sent()
    sensors = check_sensors(panel, year.pilot.metrics, params=year.params.monitor).findings
    return (*sensors, *check_arrivals(year.static, year.pilot.metrics, until=at, params=year.params.monitor))


@dataclass(frozen=True)
class Released:
    """A model in use, its reference, and since when."""

    version: str
    model: RiskModel
    reference: Reference
    since: datetime


def look(year: Year, at: datetime, released: Released, scores: pl.DataFrame, findings: tuple[Finding, ...]) -> Window:
    """The window of one model: what `flows.stages.watch` records."""
    monitor, hazard = year.params.monitor, released.model.hazard
    rows = year.rows(at - span(year.pilot, monitor), at)
    known = pl.col("known_at") <= at
    occurred = pl.col("occurred_at") > at - span(year.pilot, monitor) - DAY
    tables = Tables(year.static.readings, year.tables.incidents.filter(known & occurred), year.tables.assets)
    given = Material(year.pilot, monitor, at, tables, year.features.take(rows), scores, "")
    importance = released.reference.importance[:-1]
    seen = see(given, released.model, hazard=hazard, version=released.version, importance=importance)
    return check_model(seen, released.reference, findings=findings, params=monitor).window


def span(pilot: Pilot, params: MonitorParams) -> timedelta:
    """Back to the first row that a check looks at."""
    ripening = max(rule.horizon_hours + rule.reporting_delay_hours for rule in pilot.hazards.values())
    return timedelta(days=max(params.window_days, params.performance_days), hours=ripening)


def forecast(year: Year, released: Released, after: datetime, until: datetime) -> pl.DataFrame:
    """The scores that this model issues in `(after, until]`."""
    features = year.features.take(year.rows(after, until))
    return scores_of(features, released.model.predict(features)[0], released)


def scores_of(features: Features, probability: FloatArray, released: Released) -> pl.DataFrame:
    spine = features.spine
    names = pl.Series(spine.assets).gather(spine.asset)
    when = pl.Series("as_of", spine.as_of).dt.cast_time_unit("us").dt.replace_time_zone("UTC")
    frame = pl.DataFrame({"asset_id": names, "as_of": when, "probability": probability})
    said = {"hazard": pl.lit(released.model.hazard), "version": pl.lit(released.version)}
    return frame.with_columns(**said).select(list(SCORES)).cast(SCORES)  # type: ignore[arg-type]


def subject_of(pilot: Pilot, hazard: str) -> str:
    return registered_name(pilot.name, hazard)


@dataclass(frozen=True)
class Watched:
    """What a year of watching left behind: decisions of every model, findings by day, scores that were issued, and how
    many new models went into use."""

    decisions: Sequence[Decision]
    findings: Mapping[datetime, tuple[Finding, ...]]
    scores: pl.DataFrame
    released: int
