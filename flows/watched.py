"""What a check of a pilot's models looks at: the store up to an instant, features of its last weeks, forecasts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from contracts.params import MonitorParams, Params
from contracts.pilot import Pilot
from contracts.results import Features, FloatArray, IntArray, QualityReport, RuleCount, Spine, instant_of
from contracts.tables import Tables
from flows.documents import read_json
from flows.history import History
from flows.outputs import Outputs

if TYPE_CHECKING:
    from models.risk_model import RiskModel
    from monitoring.check import Seen
    from monitoring.findings import Finding
    from monitoring.performance import Judged
    from monitoring.sensors import SensorReport

TENTHS_OF = 5  # most important features, as groups in which a retraining might find something
LATE = timedelta(days=7)  # of readings that the sensors' first day may hold
STALE = timedelta(days=2)


@dataclass(frozen=True)
class Material:
    """tables: what was known at `at`. features: of every scored asset in the last weeks."""

    pilot: Pilot
    params: MonitorParams
    at: datetime
    tables: Tables
    features: Features
    scores: pl.DataFrame
    stale: str


def load_watched(outputs: Outputs, pilot: Pilot, params: Params, *, at: datetime | None, now: datetime) -> Material:
    """The store as of `at`, by default as of the last instant at which anything arrived.

    Raises:
        NotEnoughData: the store is empty, or has no asset to forecast for.
    """
    from features import build_features, reads_from, training_spine

    past = timedelta(days=params.monitor.history_days) + LATE
    history = History.of(outputs.store, pilot)
    heard = history.until()
    at = at or heard
    first = at - _span(pilot, params.monitor)
    known = pl.col("known_at") <= at
    tables = Tables(
        _readings(history, min(reads_from(pilot, first), at - past), at).filter(known),
        history.tables.incidents.filter(known),
        history.tables.assets.filter(known),
    )
    spine = training_spine(tables, pilot, first=first, last=at, every_hours=params.spine.every_hours)
    stale = f"nothing has arrived since {heard:%Y-%m-%d %H:%M} UTC" if now - heard > STALE else ""
    scores = history.store.scores(first=first, last=at)
    return Material(pilot, params.monitor, at, tables, build_features(tables, spine, pilot), scores, stale)


def _readings(history: History, after: datetime, until: datetime) -> pl.DataFrame:
    """Whole readings of the last weeks, and every older attribute (without its partner: that is not read)."""
    recent = history.store.read_between("readings", after=after, until=until)
    older = history.tables.readings.filter(pl.col("observed_at") <= after)
    unread = [pl.lit("").alias(name) for name in ("partner", "feed", "batch")]
    return pl.concat([older.with_columns(unread).select(recent.columns).cast(dict(recent.schema)), recent])


def _span(pilot: Pilot, params: MonitorParams) -> timedelta:
    """Back to the first row whose label is ripe and counts."""
    ripening = max((rule.horizon_hours + rule.reporting_delay_hours for rule in pilot.hazards.values()), default=0)
    return timedelta(days=max(params.window_days, params.performance_days), hours=ripening)


def find_changes(given: Material, outputs: Outputs) -> SensorReport:
    """Everything that readings, incidents, assets and the last ingest show, whichever the model."""
    from monitoring.panel import sensor_days
    from monitoring.sensors import check_arrivals, check_refusals, check_sensors, unexplained

    metrics = given.pilot.metrics
    flowing = [name for name, metric in metrics.items() if not metric.static]
    days = given.params.history_days
    panel = sensor_days(given.tables.readings, until=given.at, days=days, metrics=flowing)
    report = check_sensors(panel, metrics, params=given.params)
    others: tuple[Finding, ...] = (
        *check_arrivals(given.tables, metrics, until=given.at, params=given.params),
        *check_refusals(_last_reports(outputs), since=given.at - timedelta(days=given.params.recent_days)),
    )
    return replace(report, findings=unexplained((*report.findings, *others)))


def _last_reports(outputs: Outputs) -> list[QualityReport]:
    found = [report for path in sorted(outputs.quality.glob("*.json")) for report in read_json(path, made_by="ingest")]
    return [QualityReport(**{**r, "rules": tuple(RuleCount(**rule) for rule in r["rules"])}) for r in found]


def see(given: Material, model: RiskModel, *, hazard: str, version: str, importance: FloatArray) -> Seen:
    """The model's newest window, and its forecasts whose labels are ripe. importance: of the model's features.

    Raises:
        BadTable: the pilot's features are no longer the model's, or hold an infinite value.
    """
    from monitoring.check import Seen

    features = model.aligned(given.features)
    hours = features.spine.as_of
    probability = model.predict(features)[0]
    newest = np.flatnonzero(hours > instant_of(given.at - timedelta(days=given.params.window_days)))
    judged, note = _judged(given, model, features, probability, importance, hazard=hazard)
    states = {"feeds": given.stale} if given.stale else {}
    return Seen(
        pilot=given.pilot.name,
        hazard=hazard,
        version=version,
        at=given.at,
        next_check=f"{given.at + timedelta(days=1):%Y-%m-%d}",
        features=features.take(newest),
        probability=probability[newest],
        judged=judged,
        states=states | ({"forecasts": note} if note else {}),
    )


def _judged(
    given: Material, model: RiskModel, features: Features, forecast: FloatArray, importance: FloatArray, *, hazard: str
) -> tuple[Judged, str]:
    """Ripe rows that the model was not fitted on: the forecasts that were issued, recomputed where none was kept."""
    from features import build_labels
    from monitoring.performance import Judged

    rule, spine = given.pilot.hazards[hazard], features.spine
    labels = build_labels(given.tables.incidents, spine, hazard=hazard, rule=rule, observed_until=given.at)
    as_of = spine.as_of[labels.rows]
    fitted_until = instant_of(datetime.fromisoformat(model.provenance["fitted_until"]))
    last = as_of.max() if len(as_of) else fitted_until
    recent = as_of > max(fitted_until, last - np.timedelta64(given.params.performance_days, "D"))
    rows, occurred = labels.rows[recent], labels.occurred[recent]
    issued = _issued(given.scores, spine.take(rows), hazard)
    kept = ~np.isnan(issued)
    note = "" if kept.all() else f"{(~kept).mean():.0%} of the judged forecasts were not kept and are made again"
    names, codes = _districts(given.tables.assets, spine.assets)
    return Judged(
        probability=np.where(kept, issued, forecast[rows]),
        occurred=occurred,
        as_of=spine.as_of[rows],
        district=names,
        district_code=codes[spine.asset[rows]],
        groups=_groups(features, rows, importance),
    ), note


def _issued(scores: pl.DataFrame, spine: Spine, hazard: str) -> FloatArray:
    """(n,) the probability that was issued for each row, the newest version's; NaN where none was kept."""
    newest = pl.col("version").cast(pl.Int64, strict=False).fill_null(-1)
    kept = scores.filter(pl.col("hazard") == hazard).sort(newest).unique(["asset_id", "as_of"], keep="last")
    rows = pl.DataFrame({"asset_id": np.asarray(spine.assets, dtype=object)[spine.asset].astype(str)})
    when = pl.Series("as_of", spine.as_of).dt.cast_time_unit("us").dt.replace_time_zone("UTC")
    found = rows.with_columns(when).join(kept, on=["asset_id", "as_of"], how="left", maintain_order="left")
    return found["probability"].cast(pl.Float64).fill_null(np.nan).to_numpy()


def _districts(assets: pl.DataFrame, ids: tuple[str, ...]) -> tuple[tuple[str, ...], IntArray]:
    """Names, and the code of each asset's district; `-` where it has none."""
    newest = assets.sort("known_at").unique("asset_id", keep="last")
    of = dict(zip(newest["asset_id"].to_list(), newest["district"].fill_null("-").to_list(), strict=True))
    names, codes = np.unique([of.get(asset, "-") for asset in ids], return_inverse=True)
    return tuple(names.tolist()), codes.astype(np.int64)


def _groups(features: Features, rows: IntArray, importance: FloatArray) -> dict[str, IntArray]:
    """The asset, the hour of the day, and tenths of the most important features (the last code: not known)."""
    spine = features.spine.take(rows)
    hour = spine.as_of.astype("datetime64[h]").astype(np.int64) % 24
    groups = {"the asset": spine.asset, "the hour of the day": hour}
    for position in np.argsort(-importance, kind="stable")[:TENTHS_OF]:
        values = features.values[rows, position]
        known = ~np.isnan(values)
        if known.any():
            edges = np.unique(np.quantile(values[known], np.linspace(0.1, 0.9, 9)))
            codes = np.where(known, np.searchsorted(edges, np.where(known, values, 0.0)), len(edges) + 1)
            groups[features.infos[position].words] = codes.astype(np.int64)
    return groups
