"""From the newest data and the released models to scores, and to the page that shows everything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import polars as pl

from contracts.errors import BadSource, BadTable, NotFound
from contracts.pilot import Pilot
from contracts.results import Features
from flows.artefacts import replaced
from flows.documents import write_json, write_text
from flows.fallback import climatology_scores
from flows.places import hazard_names, outputs_of, pilot_of
from flows.settings import Settings
from flows.shown import report_inputs
from flows.tracking import tracking_of

if TYPE_CHECKING:
    from models.registry import Tracking, Version
    from models.risk_model import RiskModel

Summary = dict[str, Any]
Champions = Mapping[str, "tuple[RiskModel, Version] | str"]  # hazard -> its model, or why there is none
UNRELEASED = "unreleased"


def score(
    settings: Settings, name: str, *, now: datetime, as_of: datetime | None = None, released: bool = True
) -> Summary:
    """Forecast every asset and hazard as of an instant (by default the store's last); the table and three files.

    Args:
        released: use the registry's champions, and keep the scores in the store; else the models that training left
            on disk, and leave the store alone: what a data scientist's rerun wants.

    Raises:
        NotEnoughData: the store knows nothing by then. NotFound: with `released=False`, nothing was trained.
    """
    from features import build_features, scoring_spine
    from flows.history import History
    from reporting import combined_risk, geojson

    pilot, outputs = pilot_of(settings, name), outputs_of(settings, name)
    history = History.of(outputs.store, pilot)
    at = as_of or history.until()
    tables = history.recent(at)
    built = build_features(tables, scoring_spine(tables, pilot, as_of=at), pilot)
    scored = _with_champions(settings, name, built) if released else _with_trained(settings, name, built)
    assets = latest_assets(tables.assets)
    summary = _summary(scored, assets)
    with replaced(outputs.scores) as draft:
        scored.to_parquet(draft / "scores.parquet", index=False)
        scored.to_csv(draft / "scores.csv", index=False)
        combined_risk(scored).to_csv(draft / "combined.csv", index=False)
        assets.to_parquet(draft / "assets.parquet", index=False)
        write_text(draft / "scores.geojson", geojson(scored, assets))
        write_json(draft / "scores.json", summary)
    if released:
        run = run_id(scored["as_of"].max(), scored["model"] + " " + scored["version"])
        history.store.append_scores(pl.from_pandas(scored), run=run, at=now)
    return summary


def report(settings: Settings, name: str, *, now: datetime) -> Summary:
    """The self-contained page of everything that the other stages left."""
    from reporting import render_report

    outputs = outputs_of(settings, name)
    write_text(outputs.report, render_report(report_inputs(settings, name, now=now)))
    return {"report": str(outputs.report)}


def latest_assets(assets: pl.DataFrame) -> pd.DataFrame:
    """One row an asset: its latest version."""
    return assets.sort("known_at").unique("asset_id", keep="last").sort("asset_id").to_pandas()


def _with_champions(settings: Settings, name: str, built: Features) -> pd.DataFrame:
    return forecast(champions(settings, name), pilot_of(settings, name), built)


def champions(settings: Settings, name: str) -> Champions:
    """Each hazard's released model, loaded, and the version; where there is none that loads, why."""
    from models.registry import registered_name

    tracking = tracking_of(settings)
    return {hazard: _champion(tracking, registered_name(name, hazard)) for hazard in pilot_of(settings, name).hazards}


def _champion(tracking: Tracking, model_name: str) -> tuple[RiskModel, Version] | str:
    from models.registry import champion_version, load_version

    version = champion_version(tracking, model_name)
    if version is None:
        return "no model is released for this hazard: climatology"
    try:
        return load_version(tracking, version), version
    except BadSource as fault:
        return f"{version.label} does not load ({fault.what}): climatology"


def forecast(released: Champions, pilot: Pilot, built: Features) -> pd.DataFrame:
    """Rows of the scores table: every hazard by its champion, or else by climatology, which says so."""
    return pd.concat([_of_hazard(hazard, found, pilot, built) for hazard, found in released.items()], ignore_index=True)


def _of_hazard(hazard: str, found: tuple[RiskModel, Version] | str, pilot: Pilot, built: Features) -> pd.DataFrame:
    from models.risk_model import score as run

    if not isinstance(found, str):
        model, version = found
        try:
            return run(model, built, name=version.name, version=version.version)
        except BadTable as fault:
            found = f"{version.label} cannot score these features ({fault.what}): climatology"
    horizon = pilot.hazards[hazard].horizon_hours
    return climatology_scores(built, hazard=hazard, horizon_hours=horizon, why=found)


def _with_trained(settings: Settings, name: str, built: Features) -> pd.DataFrame:
    from models.registry import registered_name
    from models.risk_model import RiskModel
    from models.risk_model import score as run

    outputs = outputs_of(settings, name)
    trained = [hazard for hazard in hazard_names(settings, name) if outputs.model(hazard).is_dir()]
    if not trained:
        raise NotFound("no trained model", where=str(Path("models") / name), fix="run the train stage first")
    frames = [
        run(RiskModel.load(outputs.model(hazard)), built, name=registered_name(name, hazard), version=UNRELEASED)
        for hazard in trained
    ]
    return pd.concat(frames, ignore_index=True)


def run_id(as_of: datetime, models: Iterable[str]) -> str:
    """The same models as of the same instant are the same forecast: kept once. models: `NAME VERSION`."""
    return f"score {as_of.isoformat()} {'; '.join(sorted(set(models)))}"


def _summary(scored: pd.DataFrame, assets: pd.DataFrame) -> Summary:
    """as_of, rows, and each hazard's model, highest risk, where it is, and why."""
    highest = scored.loc[scored.groupby("hazard")["probability"].idxmax()]
    highest = highest.merge(assets[["asset_id", "name"]].rename(columns={"name": "place"}), on="asset_id", how="left")
    shown = ["hazard", "asset_id", "place", "probability", "low", "high", "band", "drivers"]
    shown += ["model", "version", "degraded"]
    return {
        "as_of": scored["as_of"].max().isoformat(),
        "rows": len(scored),
        "hazards": highest[shown].to_dict("records"),
    }
