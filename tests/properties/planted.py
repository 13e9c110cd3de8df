"""Leaks that people have built into forecasts, each with the clean twin it should have been.

A planted build is the platform's own, with one more column. `city` holds what each leak needs in order to show: late
and corrected readings, late, re-assigned and withdrawn incidents, a moved asset, a changed attribute, a gap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from contracts.pilot import FeatureChoice
from contracts.results import FeatureInfo, Features, FloatArray, Spine
from contracts.tables import ASSETS, Tables
from features import build_features, training_spine
from features.leaks import Build, Check
from features.view import great_circle_km
from tests.properties import worlds
from tests.properties.worlds import known_by

Row = Callable[[Tables, str, datetime], float]
Values = Callable[[Tables, Spine], FloatArray]
HOURS = 48
PILOT = worlds.pilot((FeatureChoice(kind="latest", metrics=("voc_ppb",)),))
DELETED: tuple[Check, ...] = ("future deleted",)
ALONE: tuple[Check, ...] = ("row alone",)


@dataclass(frozen=True)
class Planted:
    """A leak: what was done wrong, the column it makes, the column that was meant, and which checks see it."""

    name: str
    wrong: str
    leaky: Values
    clean: Values
    seen_by: tuple[Check, ...] = DELETED


def with_column(name: str, values: Values) -> Build:
    """The platform's build with one column more."""

    def build(tables: Tables, spine: Spine) -> Features:
        honest = build_features(tables, spine, PILOT)
        column = values(tables, spine).astype(np.float32)[:, None]
        info = FeatureInfo(name, "planted", name, "", "more than it may")
        return replace(honest, values=np.hstack([honest.values, column]), infos=(*honest.infos, info))

    return build


def city() -> Tables:
    """Two days of three cells, with one of each of the things that leaks feed on. Deterministic."""
    return Tables(_readings(), _incidents(), _assets())


def spine_of(tables: Tables) -> Spine:
    return training_spine(tables, PILOT, first=_at(4), last=_at(HOURS - 4), every_hours=8)


def _at(hour: float) -> datetime:
    return worlds.at(60 * hour)


def _readings() -> pl.DataFrame:
    rows = [
        ("a", "voc_ppb", 11.75, 21, 90.0),
        ("a", "voc_ppb", 15.5, 22, 3.0),  # corrects the reading of that half hour
        ("c", "voc_ppb", 45.75, 45.75, 99.0),
        ("a", "population", 10, 30, 5000.0),
    ]
    for number, asset in enumerate("abc"):
        rows.append((asset, "population", 0, 0, 1000.0 * (number + 1)))
        for half_hour in range(2 * HOURS):
            if asset != "b" or not 38 <= half_hour < 54:  # b's sensor is silent from hour 19 to 27
                value = 20 + 10 * np.sin(half_hour / 7 + number) + half_hour / 10
                rows.append((asset, "voc_ppb", half_hour / 2, half_hour / 2, value))
    return worlds.readings_of(*rows)


def _incidents() -> pl.DataFrame:
    return worlds.incidents_of(
        ("prompt", "a", 5, 5, 1.0),
        ("late", "a", 10, 20, 1.0),
        ("graver", "b", 8, 9, 1.0),
        ("graver", "b", 8, 25, 3.0),
        ("elsewhere", "a", 14, 15, 1.0),
        ("elsewhere", "b", 14, 28, 1.0),
        ("withdrawn", "c", 18, 19, 1.0),
        ("withdrawn", "c", 18, 33, 0.0),
        ("last", "b", 40, 40, 2.0),
    )


def _assets() -> pl.DataFrame:
    there = worlds.assets()
    moved = there.filter(pl.col("asset_id") == "a").with_columns(known_at=pl.lit(_at(26)), lon=pl.lit(129.45))
    depot = moved.with_columns(asset_id=pl.lit("depot"), kind=pl.lit("a depot"), known_at=pl.lit(_at(35)))
    return ASSETS.conform(pl.concat([there, moved, depot], how="vertical_relaxed"))


def each_row(value: Row) -> Values:
    """A column from a function of one row, which is given all the tables."""
    return lambda tables, spine: np.array(
        [value(tables, asset, as_of) for asset, as_of in spine.frame().itertuples(index=False)], np.float64
    )


def as_known(value: Row) -> Values:
    """The same, given only what was known at the row's `as_of`."""
    return each_row(lambda tables, asset, as_of: value(known_by(tables, as_of), asset, as_of))


# incidents


def newest(frame: pl.DataFrame, key: str = "incident_id") -> pl.DataFrame:
    return frame.sort("known_at").unique(key, keep="last")


def of_last_day(frame: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    return frame.filter(pl.col("occurred_at").is_between(as_of - timedelta(hours=24), as_of, closed="right"))


def first_reports(tables: Tables, asset: str, as_of: datetime) -> float:
    reports = tables.incidents.sort("known_at").unique("incident_id", keep="first")
    return len(of_last_day(reports, as_of).filter(pl.col("asset_id") == asset))


def known_ids(tables: Tables, as_of: datetime) -> list[str]:
    return tables.incidents.filter(pl.col("known_at") <= as_of)["incident_id"].to_list()


def severity(tables: Tables, asset: str, as_of: datetime) -> float:
    """Of incidents known by as_of; in their newest version of whatever is in the tables."""
    rows = newest(tables.incidents).filter(pl.col("incident_id").is_in(known_ids(tables, as_of)))
    return float(
        of_last_day(rows, as_of).filter(pl.col("asset_id").eq(asset) | pl.col("severity").eq(0))["severity"].sum()
    )


def not_withdrawn(tables: Tables, asset: str, as_of: datetime) -> float:
    rows = newest(tables.incidents).filter(pl.col("incident_id").is_in(known_ids(tables, as_of)))
    return len(of_last_day(rows, as_of).filter(pl.col("severity") > 0, pl.col("hazard") == "fire"))


def at_asset(tables: Tables, asset: str, as_of: datetime) -> float:
    rows = newest(tables.incidents).filter(pl.col("incident_id").is_in(known_ids(tables, as_of)))
    return len(of_last_day(rows, as_of).filter(pl.col("asset_id") == asset))


def hours_to_nearest(tables: Tables, asset: str, as_of: datetime) -> float:
    """Hours between as_of and the nearest incident at the asset, before or after."""
    rows = tables.incidents.filter(pl.col("asset_id") == asset)["occurred_at"].to_list()
    return min((abs((as_of - one).total_seconds()) / 3600 for one in rows), default=np.nan)


def usual_rate(tables: Tables, asset: str, as_of: datetime) -> float:
    """Incidents at the asset in this hour of the day, over all that the tables hold."""
    hours = tables.incidents.filter(pl.col("asset_id") == asset)["occurred_at"].dt.hour().to_list()
    return float(sum(abs(hour - as_of.hour) <= 3 for hour in hours))


def came_true(tables: Tables, spine: Spine) -> FloatArray:
    """What the labels say of each row: an incident within 4 h."""
    return each_row(
        lambda tables, asset, as_of: float(
            tables.incidents.filter(
                pl.col("asset_id") == asset,
                pl.col("occurred_at").is_between(as_of, as_of + timedelta(hours=4), closed="right"),
            ).height
            > 0
        )
    )(tables, spine)


def target_encoding(tables: Tables, spine: Spine) -> FloatArray:
    labels = came_true(tables, spine)
    return np.array([labels[spine.asset == asset].mean() for asset in spine.asset])


def past_target_encoding(tables: Tables, asset: str, as_of: datetime) -> float:
    """The share of ripe 4 h windows with an incident: those that ended, and were known, by as_of."""
    occurred = tables.incidents.filter(pl.col("asset_id") == asset)["occurred_at"].to_list()
    starts = [as_of - timedelta(hours=4 * k) for k in range(1, 6)]
    return float(np.mean([any(start < one <= start + timedelta(hours=4) for one in occurred) for start in starts]))


# readings


def voc(tables: Tables, asset: str) -> pl.DataFrame:
    return tables.readings.filter(pl.col("metric") == "voc_ppb", pl.col("asset_id") == asset).sort(
        "observed_at", "known_at"
    )


def mean_between(frame: pl.DataFrame, start: datetime, stop: datetime) -> float:
    inside = frame.filter(pl.col("observed_at").is_between(start, stop, closed="right"))["value"]
    return float(inside.mean()) if len(inside) else np.nan


def window_mean(asset_of: Callable[[str], str], *, start: float, stop: float) -> Row:
    """The mean over (as_of + start, as_of + stop] hours of the readings as first sent and known within the hour."""

    def value(tables: Tables, asset: str, as_of: datetime) -> float:
        prompt = voc(tables, asset_of(asset)).filter(pl.col("known_at") - pl.col("observed_at") < timedelta(hours=1))
        return mean_between(prompt, as_of + timedelta(hours=start), as_of + timedelta(hours=stop))

    return value


def itself(asset: str) -> str:
    return asset


def neighbour(asset: str) -> str:
    return {"a": "b", "b": "a", "c": "b"}[asset]


def highest_of_day(tables: Tables, asset: str, as_of: datetime) -> float:
    rows = voc(tables, asset).unique(["observed_at"], keep="first", maintain_order=True)
    inside = rows.filter(pl.col("observed_at").is_between(as_of - timedelta(hours=24), as_of, closed="right"))["value"]
    return float(inside.max()) if len(inside) else np.nan


def newest_version_mean(tables: Tables, asset: str, as_of: datetime) -> float:
    on_time = voc(tables, asset).unique(["observed_at"], keep="first").filter(pl.col("known_at") <= as_of)
    versions = voc(tables, asset).unique(["observed_at"], keep="last").join(on_time, on="observed_at", how="semi")
    return mean_between(versions, as_of - timedelta(hours=12), as_of)


def filled(strategy: str) -> Row:
    def value(tables: Tables, asset: str, as_of: datetime) -> float:
        rows = voc(tables, asset).filter(pl.col("observed_at") == pl.col("known_at"))
        before, after = (
            rows.filter(side)["value"] for side in (pl.col("observed_at") <= as_of, pl.col("observed_at") > as_of)
        )
        recent = mean_between(rows, as_of - timedelta(hours=1), as_of)
        if not np.isnan(recent):
            return recent
        return float(after[0]) if strategy == "backward" and len(after) else float(before[-1])

    return value


def share_of_highest(tables: Tables, asset: str, as_of: datetime) -> float:
    return float(
        voc(known_by(tables, as_of), asset)["value"][-1] / tables.readings.filter(metric="voc_ppb")["value"].max()
    )


def latest_voc(tables: Tables, spine: Spine) -> FloatArray:
    return as_known(lambda tables, asset, as_of: float(voc(tables, asset)["value"][-1]))(tables, spine)


def scaled_by_rows(tables: Tables, spine: Spine) -> FloatArray:
    values = latest_voc(tables, spine)
    return (values - values.mean()) / (values.std() + 1e-9)


def scaled_by_limits(tables: Tables, spine: Spine) -> FloatArray:
    limits = worlds.METRICS["voc_ppb"]
    return (latest_voc(tables, spine) - limits.low) / (limits.high - limits.low)


def rank_in_request(tables: Tables, spine: Spine) -> FloatArray:
    values = latest_voc(tables, spine)
    return np.array([(values[spine.as_of == as_of] < v).mean() for v, as_of in zip(values, spine.as_of, strict=True)])


def rank_in_city(tables: Tables, asset: str, as_of: datetime) -> float:
    mine, *others = (float(voc(tables, one)["value"][-1]) for one in (asset, *(x for x in "abc" if x != asset)))
    return float(np.mean([other < mine for other in others]))


def next_row_fills(tables: Tables, spine: Spine) -> FloatArray:
    """An empty row takes the value of the asset's next row in the table of features."""
    values = each_row(window_mean(itself, start=-1, stop=0))(tables, spine)
    for row in np.flatnonzero(np.isnan(values)):
        later = np.flatnonzero((spine.asset == spine.asset[row]) & (spine.as_of > spine.as_of[row]) & ~np.isnan(values))
        values[row] = values[later[0]] if len(later) else np.nan
    return values


# assets, attributes, the calendar


def population(tables: Tables, asset: str, as_of: datetime) -> float:
    rows = tables.readings.filter(pl.col("metric") == "population", pl.col("asset_id") == asset).sort("known_at")
    return float(rows["value"][-1])


def km_to_station(tables: Tables, asset: str, as_of: datetime) -> float:
    places = {row["asset_id"]: row for row in tables.assets.sort("known_at").to_dicts()}
    here, there = (np.array([[places[name]["lon"]], [places[name]["lat"]]]) for name in (asset, "station"))
    return float(great_circle_km(*here, *there)[0, 0])


def kind_code(tables: Tables, asset: str, as_of: datetime) -> float:
    """The number of the asset's kind among all kinds there are, in alphabetical order."""
    return float(sorted(set(tables.assets["kind"].to_list())).index("cell"))


def fixed_kind_code(tables: Tables, asset: str, as_of: datetime) -> float:
    return float(("cell", "station").index("cell"))


def days_to_holiday(tables: Tables, asset: str, as_of: datetime) -> float:
    """Days to the next of a published list of holidays, all of them after as_of. The list is no table: it was known."""
    holidays = [worlds.START + timedelta(days=days) for days in (3, 9)]
    return min((day - as_of) / timedelta(days=1) for day in holidays if day > as_of)


def hours_to_next_spike(tables: Tables, asset: str, as_of: datetime) -> float:
    """The same question asked of the readings: how long until the next high one."""
    high = tables.readings.filter(pl.col("value") > 28, pl.col("metric") == "voc_ppb", pl.col("observed_at") > as_of)
    return float((high["observed_at"].min() - as_of) / timedelta(hours=1)) if len(high) else -1.0


def planted(name: str, wrong: str, leaky: Row, clean: Row | None = None, *, clean_sees_all: bool = False) -> Planted:
    """A leak that a function of one row has; the clean twin is the same function, or another, of what was known."""
    twin = (each_row if clean_sees_all else as_known)(clean or leaky)
    return Planted(name, wrong, each_row(leaky), twin)


PLANTED = (
    planted("late_label", "an incident counts from when it occurred, not from when it was reported", first_reports),
    planted("corrected_severity", "severity in the version of today", severity),
    planted("withdrawn_later", "an incident that was withdrawn later never counted", not_withdrawn),
    planted("reassigned_incident", "an incident counts where it was found to belong later", at_asset),
    planted("distance_to_incident", "hours to the nearest incident, also the next", hours_to_nearest),
    planted("climatology_over_all_time", "the usual rate of this hour of the day includes later days", usual_rate),
    Planted(
        "target_encoding",
        "an asset's share of positive labels, over all rows built together",
        target_encoding,
        as_known(past_target_encoding),
        seen_by=DELETED + ALONE,
    ),
    planted(
        "same_hour_reading",
        "an hour's bin is stamped by its start, so the hour after as_of is joined",
        window_mean(itself, start=0, stop=1),
        window_mean(itself, start=-1, stop=0),
    ),
    planted(
        "centred_window",
        "a rolling mean centred on as_of",
        window_mean(itself, start=-3, stop=3),
        window_mean(itself, start=-6, stop=0),
    ),
    planted(
        "neighbours_future",
        "the neighbour's reading one hour ahead",
        window_mean(neighbour, start=0, stop=1),
        window_mean(neighbour, start=-1, stop=0),
    ),
    planted("late_reading", "a reading counts from when it was observed, not from when it arrived", highest_of_day),
    planted("corrected_reading", "a reading in its corrected form before it was corrected", newest_version_mean),
    planted("gap_filled_from_future", "a gap takes the next value", filled("backward"), filled("forward")),
    planted("share_of_highest", "divided by the highest reading of the whole period", share_of_highest),
    Planted(
        "scaler_fitted_on_all",
        "standardised over all rows built together",
        scaled_by_rows,
        scaled_by_limits,
        seen_by=DELETED + ALONE,
    ),
    Planted(
        "rank_in_request",
        "ranked among the rows that happen to be asked for: no future, yet one live row gets another value",
        rank_in_request,
        as_known(rank_in_city),
        seen_by=ALONE,
    ),
    Planted(
        "next_row_fills",
        "an empty row takes the asset's next one in the table of features",
        next_row_fills,
        as_known(filled("forward")),
        seen_by=DELETED + ALONE,
    ),
    planted("changed_attribute", "the population of today, joined by asset alone", population),
    planted("moved_asset", "the distance from where the asset stands today", km_to_station),
    planted("category_codes", "numbers for kinds, from all kinds there will be", kind_code, fixed_kind_code),
    planted(
        "looks_like_a_calendar",
        "time to the next high reading, as if it stood in a calendar",
        hours_to_next_spike,
        days_to_holiday,
        clean_sees_all=True,
    ),
)
