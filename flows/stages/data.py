"""From partners' files to features and labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from contracts.params import SpineParams
from contracts.pilot import Pilot
from contracts.results import Spine
from contracts.tables import Tables
from flows.artefacts import TrainingSet, save_training_set, write_json
from flows.instants import data_instant, first_instant
from flows.places import outputs_of, params_of, pilot_of
from flows.settings import Settings

if TYPE_CHECKING:
    from ingest.store import Store

Summary = dict[str, Any]


def simulate(settings: Settings, name: str, *, progress: Callable[[str], None]) -> Summary:
    """Partners' drops and the truth, for the simulated pilot."""
    from simulation import simulate as run

    return asdict(run(params_of(settings, name).simulate, settings.state, progress))


def ingest_feed(settings: Settings, name: str, feed_name: str, *, now: datetime) -> list[Summary]:
    """Pull, gate and commit one feed; its quality reports, one a batch."""
    from contracts.feed import load_feeds
    from ingest import ingest_feed as run
    from ingest.store import Store

    pilot, outputs = pilot_of(settings, name), outputs_of(settings, name)
    feed = next(feed for feed in load_feeds(settings.pilots / name, pilot) if feed.name == feed_name)
    reports = run(feed, pilot, store=Store(outputs.store), roots=settings.roots, now=now, docs=outputs.docs)
    summary = [report.as_json() for report in reports]
    write_json(outputs.quality / f"{feed_name}.json", summary)
    return summary


def replay_feed(settings: Settings, name: str, feed_name: str, *, now: datetime) -> list[Summary]:
    """Judge the quarantined rows of one feed once more; a report for each batch that they came in."""
    from contracts.feed import load_feeds
    from ingest.replay import replay_feed as run
    from ingest.store import Store

    pilot = pilot_of(settings, name)
    feed = next(feed for feed in load_feeds(settings.pilots / name, pilot) if feed.name == feed_name)
    reports = run(feed, pilot, store=Store(outputs_of(settings, name).store), now=now)
    return [report.as_json() for report in reports]


def features(settings: Settings, name: str) -> Summary:
    """Features of every training row, and the ripe labels of every hazard."""
    from ingest.store import Store

    pilot, outputs = pilot_of(settings, name), outputs_of(settings, name)
    store = Store(outputs.store)
    training = training_set(store, pilot, params_of(settings, name).spine, versions=store.versions())
    save_training_set(training, outputs.features)
    return {
        "rows": len(training.features.spine),
        "features": len(training.features.infos),
        "observed_until": training.observed_until.isoformat(),
        "incidents": {hazard: int(found.occurred.sum()) for hazard, found in training.labels.items()},
    }


def training_set(store: Store, pilot: Pilot, params: SpineParams, *, versions: Mapping[str, int]) -> TrainingSet:
    """What the store held at these versions of its tables, as features and labels. A table without one held nothing.

    Raises:
        NotFound: the store has no such version any more. NotEnoughData: too short a time.
    """
    from features import build_features, build_labels, training_spine

    tables = store.snapshot(version=versions)
    absent = [table for table in ("readings", "incidents", "assets") if table not in versions]
    tables = replace(tables, **{table: getattr(tables, table).clear() for table in absent})
    until = data_instant(tables)
    first = first_instant(tables, pilot, history_days=params.history_days)
    spine = training_spine(tables, pilot, first=first, last=until, every_hours=params.every_hours)
    labels = {
        hazard: build_labels(tables.incidents, spine, hazard=hazard, rule=rule, observed_until=until)
        for hazard, rule in pilot.hazards.items()
    }
    return TrainingSet(build_features(tables, spine, pilot), labels, _districts(tables, spine), until, versions)


def _districts(tables: Tables, spine: Spine) -> tuple[str, ...]:
    """The latest known one of each asset; empty where there is none."""
    latest = tables.assets.sort("known_at").unique("asset_id", keep="last")
    known = dict(latest.select("asset_id", "district").drop_nulls().iter_rows())
    return tuple(known.get(asset, "") for asset in spine.assets)
