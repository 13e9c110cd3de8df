"""What the gate is shown beside forecasts: where the judged rows are, and the same rows without one partner's data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from contracts.feed import load_feeds
from contracts.pilot import Pilot
from contracts.results import BoolArray, IntArray
from flows.material import Material
from flows.places import outputs_of, pilot_of
from flows.settings import Settings

if TYPE_CHECKING:
    from models.influence import TextArray, WithoutPartner
    from models.promote import Surroundings
    from models.risk_model import RiskModel


def surroundings(
    settings: Settings,
    name: str,
    given: Material,
    challenger: RiskModel,
    champion: RiskModel | None,
    *,
    changed: bool,
    fault: str,
) -> Surroundings:
    """Districts, every partner left out, and why the champion that there is could not be asked (`fault`).

    changed: the challenger was asked for because the world, or what is shared, is otherwise.
    """
    from ingest.store import Store

    store, versions = Store(outputs_of(settings, name).store), given.provenance["store_versions"]
    incidents = store.read("incidents", version=versions.get("incidents"))
    pilot = pilot_of(settings, name)
    metrics = metrics_of_partners(settings, pilot)
    found = surroundings_of(incidents, pilot, metrics, given, challenger, champion, changed=changed)
    return replace(found, champion_fault=fault)


def surroundings_of(
    incidents: pl.DataFrame,
    pilot: Pilot,
    metrics: Mapping[str, frozenset[str]],
    given: Material,
    challenger: RiskModel,
    champion: RiskModel | None,
    *,
    changed: bool,
) -> Surroundings:
    """The same, of tables. metrics: partner -> what its readings are of. After a change the gain over the champion may
    rest on the readings of whoever it was: it must stand on everybody's incidents, and nobody's silence may turn it."""
    from models.promote import Surroundings

    partners = sorted({*metrics, *incidents["partner"].unique().to_list()})
    test = given.parts.test
    kept = {partner: known_without(partner, incidents, given, pilot, part=test) for partner in partners}
    if champion is None:
        return Surroundings(districts=_districts(given), without=dict(_unreported(kept, given, challenger, None)))
    silent = dict(_silent(kept, metrics, given, challenger, champion))
    if not changed:
        return Surroundings(districts=_districts(given), without=silent)
    unreported = dict(_unreported(kept, given, challenger, champion))
    return Surroundings(districts=_districts(given), without=unreported, silent=silent)


def _unreported(
    kept: Mapping[str, BoolArray], given: Material, challenger: RiskModel, champion: RiskModel | None
) -> Iterator[tuple[str, WithoutPartner]]:
    """Only incidents are left out. Climatology, where there is no champion, reads no sensors: or else a hazard that
    only one partner's sensors can see would never get its first model."""
    from models.baselines import climatology
    from models.influence import WithoutPartner

    rows = given.labels.rows[given.parts.test]
    test = given.features.take(rows)
    forecast = challenger.predict(test)[0]
    if champion is None:
        rate = float(given.labels.occurred[given.parts.train].mean())
        rival = climatology(test, given.labels.hazard, np.arange(len(rows), dtype=np.int64), base_rate=rate)
    else:
        rival = champion.predict(test)[0]
    for partner, rest in kept.items():
        yield partner, WithoutPartner(rest, forecast, rival)


def _silent(
    kept: Mapping[str, BoolArray],
    metrics: Mapping[str, frozenset[str]],
    given: Material,
    challenger: RiskModel,
    champion: RiskModel,
) -> Iterator[tuple[str, WithoutPartner]]:
    """Incidents and readings are left out, the readings for both models alike."""
    from models.influence import WithoutPartner, unknown_readings

    test = given.features.take(given.labels.rows[given.parts.test])
    for partner, rest in kept.items():
        silent = unknown_readings(test, metrics.get(partner, frozenset()))
        yield partner, WithoutPartner(rest, challenger.predict(silent)[0], champion.predict(silent)[0])


def metrics_of_partners(settings: Settings, pilot: Pilot) -> dict[str, frozenset[str]]:
    """Partner -> the metrics that its feeds may carry. One that several partners share counts for each of them."""
    out: dict[str, frozenset[str]] = {}
    for feed in load_feeds(settings.pilots / pilot.name, pilot):
        if feed.table == "incidents":
            continue
        columns = {column.name for column in feed.metric_columns(pilot)}
        long = feed.table == "readings" and feed.layout != "wide_metrics"
        stated = {metric for metric in pilot.metrics if feed.states(metric)} if long else set()
        out[feed.partner] = out.get(feed.partner, frozenset()) | columns | stated
    return out


def known_without(partner: str, incidents: pl.DataFrame, given: Material, pilot: Pilot, *, part: IntArray) -> BoolArray:
    """(len(part),) False for a labelled row whose incident nobody but this partner reported."""
    from features import build_labels

    hazard = given.labels.hazard
    others = build_labels(
        incidents.filter(pl.col("partner") != partner),
        given.features.spine.take(given.labels.rows[part]),
        hazard=hazard,
        rule=pilot.hazards[hazard],
        observed_until=datetime.fromisoformat(given.provenance["observed_until"]),
    )
    kept: BoolArray = ~given.labels.occurred[part] | others.occurred
    return kept


def _districts(given: Material) -> TextArray | None:
    """(m,) the district of each judged row's asset; None where no asset has one."""
    if not any(given.districts):
        return None
    names: TextArray = np.array(given.districts, dtype=object)
    return names[given.features.spine.asset[given.labels.rows[given.parts.test]]]
