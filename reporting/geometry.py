"""Where an asset is: its H3 cell's outline, or its point."""

from __future__ import annotations

import json
import math
from typing import Any

import h3
import pandas as pd

Ring = list[tuple[float, float]]  # (lon, lat), first point not repeated


def outline(asset_id: str, lon: float, lat: float) -> dict[str, Any] | None:
    """GeoJSON geometry (RFC 7946): a polygon for an H3 cell, else a point, else None where no place is known."""
    if h3.is_valid_cell(asset_id):
        ring = cell_ring(asset_id)
        return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    if math.isnan(lon) or math.isnan(lat):
        return None
    return {"type": "Point", "coordinates": [lon, lat]}


def cell_ring(asset_id: str) -> Ring:
    return [(lon, lat) for lat, lon in h3.cell_to_boundary(asset_id)]


def geojson(scores: pd.DataFrame, assets: pd.DataFrame) -> str:
    """A FeatureCollection with one feature per score: all score columns as properties, the asset's name and place.

    scores: the columns of SCORES. assets: asset_id, name, district, lon, lat, one row an asset.
    """
    placed = scores.merge(assets[["asset_id", "name", "district", "lon", "lat"]], on="asset_id", how="left")
    features = [
        {
            "type": "Feature",
            "geometry": outline(row["asset_id"], float(row["lon"]), float(row["lat"])),
            "properties": {key: _plain(value) for key, value in row.items() if key not in ("lon", "lat")},
        }
        for row in placed.to_dict("records")
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False, indent=1)


def _plain(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return None if isinstance(value, float) and math.isnan(value) else value
