"""Good DuckDB: one statement from the Parquet files to the 245 columns, named windows over a wide hourly table."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.feature_job.built import Built, Values
from benchmarks.feature_job.job import (
    CHANGE_HOURS,
    COUNTS_HOURS,
    HAZARD,
    NEIGHBOURS,
    START,
    STATS,
    WINDOWS_HOURS,
    Job,
    columns,
    neighbours,
)

FUNCTIONS = {"mean": "avg", "max": "max", "std": "stddev_pop"}
START_US = int(START.timestamp()) * 1_000_000


def build(folder: Path, job: Job) -> Built:
    near = neighbours(folder)
    ids = np.array(job.asset_ids)
    pairs = pa.table({"asset_id": ids.repeat(NEIGHBOURS).tolist(), "other": ids[near.ravel()].tolist()})
    with duckdb.connect() as connection:
        connection.register("pairs", pairs)
        connection.register("assets", pa.table({"asset_id": list(job.asset_ids)}))
        out = connection.sql(_query(folder, job)).to_arrow_table()
    return Built(tuple(out.column_names), lambda rows, names: _look(out, rows, names))


def _look(out: pa.Table, rows: npt.NDArray[np.int64], names: tuple[str, ...]) -> Values:
    picked = out.select(names).take(pa.array(rows))
    return np.column_stack([column.to_numpy().astype(np.float32) for column in picked.columns])


def _bin(instant: str) -> str:
    return f"((epoch_us({instant}) - {START_US} - 1) // 3600000000)::INTEGER"


def _query(folder: Path, job: Job) -> str:
    now = [f"{metric}_{stat}_1h" for metric in job.metric_names for stat in STATS]
    pivoted = ",\n".join(
        f"max({stat}) FILTER (metric = '{metric}') AS {metric}_{stat}_1h"
        for metric in job.metric_names
        for stat in STATS
    )
    windows = ",\n".join(window for name in now for window in _windows(name))
    frames = ",\n".join(
        f"w{hours} AS (PARTITION BY asset_id ORDER BY hour ROWS {hours - 1} PRECEDING)" for hours in WINDOWS_HOURS
    )
    counts = ",\n".join(
        f"sum(coalesce(step_{hours}, 0)) OVER past AS {HAZARD}_count_{hours}h" for hours in COUNTS_HOURS
    )
    return f"""
    WITH grid AS (SELECT asset_id, hour::INTEGER AS hour FROM assets, range({job.hours}) AS hours(hour)),
    long AS (
        SELECT asset_id, metric, {_bin("observed_at")} AS hour,
        {", ".join(f"{function}(value) AS {stat}" for stat, function in FUNCTIONS.items())}
        FROM '{folder}/readings.parquet' GROUP BY ALL
    ),
    wide AS (SELECT asset_id, hour, {pivoted} FROM long GROUP BY ALL),
    hourly AS (SELECT * FROM grid LEFT JOIN wide USING (asset_id, hour)),
    rolled AS (
        SELECT asset_id, hour, {", ".join(f"{name}::FLOAT AS {name}" for name in now)}, {windows}
        FROM hourly WINDOW {frames}, one AS (PARTITION BY asset_id ORDER BY hour)
    ),
    known AS (
        SELECT asset_id, occurred_at, {_bin("occurred_at")} AS hour,
        greatest({_bin("occurred_at")}, {_bin("known_at")}) AS start FROM '{folder}/incidents.parquet'
    ),
    {_steps()},
    newest AS (SELECT asset_id, start AS hour, max(epoch_us(occurred_at)) AS last_us FROM known GROUP BY ALL),
    counted AS (
        SELECT asset_id, hour, {counts},
        ({START_US} + (hour + 1) * 3600000000 - max(last_us) OVER past) / 3.6e9 AS {HAZARD}_hours_since
        FROM grid LEFT JOIN steps USING (asset_id, hour) LEFT JOIN newest USING (asset_id, hour)
        WINDOW past AS (PARTITION BY asset_id ORDER BY hour ROWS UNBOUNDED PRECEDING)
    ),
    nearby AS (
        SELECT pairs.asset_id, hour, avg({HAZARD}_count_24h) AS {HAZARD}_count_24h_near{NEIGHBOURS}
        FROM pairs JOIN counted ON counted.asset_id = pairs.other GROUP BY ALL
    )
    SELECT {", ".join(_as_float(name, now) for name in columns(job))}
    FROM rolled JOIN counted USING (asset_id, hour) JOIN nearby USING (asset_id, hour) ORDER BY asset_id, hour
    """


def _windows(name: str) -> list[str]:
    trailing = [
        f"CAST({function}({name}) OVER w{hours} AS FLOAT) AS {name}_{trail}_{hours}h"
        for hours in WINDOWS_HOURS
        for trail, function in (("mean", "avg"), ("max", "max"))
    ]
    change = f"({name} - lag({name}, {CHANGE_HOURS}) OVER one)::FLOAT AS {name}_change_{CHANGE_HOURS}h"
    return [*trailing, change]


def _steps() -> str:
    """Each incident steps a count up when it is known, and down when it leaves the window."""
    sums = ", ".join(f"sum(step_{hours}) AS step_{hours}" for hours in COUNTS_HOURS)
    up = ", ".join(f"1 AS step_{hours}" for hours in COUNTS_HOURS)
    down = " UNION ALL ".join(
        "SELECT asset_id, greatest(hour + {w}, start) AS hour, {steps} FROM known".format(
            w=w, steps=", ".join(f"{-int(w == other)} AS step_{other}" for other in COUNTS_HOURS)
        )
        for w in COUNTS_HOURS
    )
    return f"""steps AS (
        SELECT asset_id, hour, {sums}
        FROM (SELECT asset_id, start AS hour, {up} FROM known UNION ALL {down}) GROUP BY ALL
    )"""


def _as_float(name: str, done: list[str]) -> str:
    return name if any(name.startswith(prefix) for prefix in done) else f"{name}::FLOAT AS {name}"
