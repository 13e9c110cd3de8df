"""What the gate is shown beside forecasts: where the judged rows are, and the same rows without one partner's data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    settings: Settings, name: str, given: Material, challenger: RiskModel, champion: RiskModel | None, *, fault: str
) -> Surroundings:
    """Districts, every partner left out, and why the champion that there is could not be asked (`fault`)."""
    from ingest.store import Store
    from models.promote import Surroundings

    store, versions = Store(outputs_of(settings, name).store), given.provenance["store_versions"]
    incidents = store.read("incidents", version=versions.get("incidents"))
    pilot = pilot_of(settings, name)
    metrics = metrics_of_partners(settings, pilot)
    partners = sorted({*metrics, *incidents["partner"].unique().to_list()})
    test = given.parts.test
    kept = {partner: known_without(partner, incidents, given, pilot, part=test) for partner in partners}
    return Surroundings(
        districts=_districts(given),
        without=dict(_without(kept, metrics, given, challenger, champion)),
        champion_fault=fault,
    )


def _without(
    kept: Mapping[str, BoolArray],
    metrics: Mapping[str, frozenset[str]],
    given: Material,
    challenger: RiskModel,
    champion: RiskModel | None,
) -> Iterator[tuple[str, WithoutPartner]]:
    """Against a champion, which loses the same readings. Climatology reads none: against it only incidents are left
    out, or else a hazard that only one partner's sensors can see would never get its first model."""
    from models.influence import WithoutPartner, unknown_readings

    rows = given.labels.rows[given.parts.test]
    test = given.features.take(rows)
    if champion is None:
        from models.baselines import climatology

        rate = float(given.labels.occurred[given.parts.train].mean())
        rival = climatology(test, given.labels.hazard, np.arange(len(rows), dtype=np.int64), base_rate=rate)
        forecast = challenger.predict(test)[0]
        for partner, rest in kept.items():
            yield partner, WithoutPartner(rest, forecast, rival)
        return
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
