"""From partners' files to features and labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from contracts.params import Params
from contracts.results import Features, Spine
from contracts.tables import Tables
from flows.artefacts import TrainingSet, save_training_set
from flows.compute import Compute, computing
from flows.documents import write_json
from flows.places import outputs_of, params_of, pilot_of
from flows.settings import Settings

if TYPE_CHECKING:
    from flows.history import History
    from simulation import Changes

Summary = dict[str, Any]


def simulate(settings: Settings, name: str, *, progress: Callable[[str], None]) -> Summary:
    """Partners' drops and the truth, for the simulated pilot."""
    from simulation import simulate as run

    return asdict(run(params_of(settings, name).simulate, settings.state, progress))


def go_on(settings: Settings, name: str, *, days: int, changes: Changes, progress: Callable[[str], None]) -> Summary:
    """More days of the simulated pilot, with what is planted in them; the days before stay as they were shared."""
    from simulation import go_on as run

    return asdict(run(params_of(settings, name).simulate, settings.state, progress, days=days, changes=changes))


def ingest_feed(settings: Settings, name: str, feed_name: str, *, now: datetime) -> list[Summary]:
    """Pull, gate and commit one feed; its quality reports, one a batch."""
    from contracts.feed import load_feeds
    from ingest import ingest_feed as run
    from ingest.docs import Docs
    from ingest.store import Store

    pilot, outputs = pilot_of(settings, name), outputs_of(settings, name)
    docs = Docs(outputs.docs, kept=params_of(settings, name).ingest.docs_kept)
    feed = next(feed for feed in load_feeds(settings.pilots / name, pilot) if feed.name == feed_name)
    reports = run(feed, pilot, store=Store(outputs.store), roots=settings.roots, now=now, docs=docs)
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
    """Features of every training row, slice by slice, and the ripe labels of every hazard."""
    from flows.history import History

    pilot, params, outputs = pilot_of(settings, name), params_of(settings, name), outputs_of(settings, name)
    with computing(params.compute, sees=settings.state) as compute:
        training = write_training_set(History.of(outputs.store, pilot), params, outputs.features, compute=compute)
    return {
        "rows": len(training.features.spine),
        "features": len(training.features.infos),
        "observed_until": training.observed_until.isoformat(),
        "incidents": {hazard: int(found.occurred.sum()) for hazard, found in training.labels.items()},
    }


def write_training_set(history: History, params: Params, folder: Path, *, compute: Compute) -> TrainingSet:
    """What one version of a store holds, as features and labels, in a folder; the values stay there alone.

    Raises:
        NotFound: the store has no such version any more. NotEnoughData: too short a time.
    """
    from features import build_labels, feature_infos, plan_slices, spec_hash, training_spine

    pilot, known, until = history.pilot, history.tables, history.until()
    first = history.first(history_days=params.spine.history_days, until=until)
    spine = training_spine(known, pilot, first=first, last=until, every_hours=params.spine.every_hours)
    labels = {
        hazard: build_labels(known.incidents, spine, hazard=hazard, rule=rule, observed_until=until)
        for hazard, rule in pilot.hazards.items()
    }
    infos = feature_infos(pilot)
    unfilled = Features(spine, np.empty((0, len(infos)), np.float32), infos, spec_hash(pilot))
    training = TrainingSet(unfilled, labels, _districts(known, spine), until, history.versions)
    parts = list(plan_slices(spine, pilot, hours_a_slice=params.compute.hours_a_slice))
    portions = zip((part.rows for part in parts), compute.map(history.values, parts), strict=True)
    save_training_set(training, folder, portions=portions)
    return training


def _districts(tables: Tables, spine: Spine) -> tuple[str, ...]:
    """The latest known one of each asset; empty where there is none."""
    latest = tables.assets.sort("known_at").unique("asset_id", keep="last")
    known = dict(latest.select("asset_id", "district").drop_nulls().iter_rows())
    return tuple(known.get(asset, "") for asset in spine.assets)
