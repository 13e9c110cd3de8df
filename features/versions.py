"""Versions of one row: which of them is in force at which hour.

A correction is a new row with the same key and a later `known_at`. A version is in force from the first whole hour at
or after its `known_at` until the next version's. Of two versions known at the same instant the one that sorts last by
content wins, so the order in which rows arrive never matters.
"""

from __future__ import annotations

import polars as pl

from features.hours import FOREVER, ceil_hour


def in_force(frame: pl.DataFrame, *, key: list[str], content: list[str]) -> pl.DataFrame:
    """Every version that is ever in force, with int64 `since` and `until` hours (`since <= as_of < until`).

    frame: an int64 column `known_us` beside the key and content columns. The result is sorted by key and `since`;
    a version that another one supersedes before a whole hour has passed is left out.
    """
    ordered = frame.sort([*key, "known_us", *content])
    ordered = ordered.with_columns(since=pl.Series(ceil_hour(ordered["known_us"].to_numpy()), dtype=pl.Int64))
    followed = pl.all_horizontal(pl.col(name) == pl.col(name).shift(-1) for name in key).fill_null(value=False)
    until = pl.when(followed).then(pl.col("since").shift(-1)).otherwise(int(FOREVER))
    return ordered.with_columns(until=until).filter(pl.col("since") < pl.col("until"))


def at_hour(versions: pl.DataFrame, hour: int) -> pl.DataFrame:
    """The versions in force at one hour."""
    return versions.filter((pl.col("since") <= hour) & (hour < pl.col("until")))


def at_assets(frame: pl.DataFrame, assets: tuple[str, ...]) -> pl.DataFrame:
    """The rows of these assets, with int64 `asset`, the position of each in `assets`."""
    schema: dict[str, pl.DataType] = {"asset_id": pl.String(), "asset": pl.Int64()}
    positions = pl.DataFrame({"asset_id": list(assets), "asset": list(range(len(assets)))}, schema=schema)
    return frame.join(positions, on="asset_id", how="inner")
