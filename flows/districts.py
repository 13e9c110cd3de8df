"""The district of every place of a spine, as the store's assets now say."""

from __future__ import annotations

from contracts.results import Spine
from flows.places import outputs_of
from flows.settings import Settings


def districts_of(settings: Settings, name: str, spine: Spine) -> tuple[str, ...]:
    """One text for each of `spine.assets`; empty where a place has no district."""
    from ingest.store import Store

    assets = Store(outputs_of(settings, name).store).read("assets")
    latest = assets.sort("known_at").unique("asset_id", keep="last")
    known = dict(zip(latest["asset_id"], latest["district"], strict=True))
    return tuple(known.get(asset) or "" for asset in spine.assets)
