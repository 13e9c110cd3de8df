"""Scores as GeoJSON: hexagons where assets are H3 cells, points elsewhere. WGS 84, longitude first (RFC 7946)."""

from __future__ import annotations

from typing import Any

import h3
import pandas as pd
import polars as pl

_PROPERTIES = ("hazard", "probability", "low", "high", "baseline", "band", "drivers", "model", "version", "degraded")


def feature_collection(scores: pd.DataFrame, assets: pl.DataFrame) -> dict[str, Any]:
    """One feature an asset and hazard; assets without a place are left out, as GeoJSON allows no geometry to be made up.

    Args:
        scores: columns of `contracts.tables.SCORES`. assets: of ASSETS, any number of versions of each.
    """
    latest = assets.sort("known_at").unique("asset_id", keep="last").sort("asset_id")
    places = {row["asset_id"]: row for row in latest.iter_rows(named=True)}
    rows = scores.to_dict("records")
    return {
        "type": "FeatureCollection",
        "features": [_feature(row, places[row["asset_id"]]) for row in rows if _has_place(places.get(row["asset_id"]))],
    }


def _has_place(asset: dict[str, Any] | None) -> bool:
    return asset is not None and (h3.is_valid_cell(asset["asset_id"]) or asset["lon"] is not None)


def _feature(score: dict[str, Any], asset: dict[str, Any]) -> dict[str, Any]:
    as_of = score["as_of"].isoformat()
    properties = {"asset_id": score["asset_id"], "name": asset["name"], "district": asset["district"], "as_of": as_of}
    shown = {key: score[key] for key in _PROPERTIES}
    return {"type": "Feature", "geometry": _geometry(asset), "properties": {**properties, **shown}}


def _geometry(asset: dict[str, Any]) -> dict[str, Any]:
    if not h3.is_valid_cell(asset["asset_id"]):
        return {"type": "Point", "coordinates": [asset["lon"], asset["lat"]]}
    ring = [[round(lon, 6), round(lat, 6)] for lat, lon in h3.cell_to_boundary(asset["asset_id"])]
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
