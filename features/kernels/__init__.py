"""Compiled loops over dense (hour, asset) arrays; they hold no lock, so two threads may share the assets of a city.

Sums are fixed-point integers, so adding in any order, or from any starting hour, gives the same bits:
bulk and single-row builds agree exactly, and a row that is not yet known leaves no rounding trace.
"""

from features.kernels.bins import BINNED, add_to_bins, bin_rows, hourly_states, hourly_values
from features.kernels.compiled import FOREVER, HOUR_US, NEVER
from features.kernels.rows import (
    count_by_hour_of_week,
    follow_sparse_last,
    raise_sparse_max,
    until_outdone,
    window_events,
)
from features.kernels.windows import (
    add_window_steps,
    count_events,
    follow_last,
    mean_of_some,
    raise_window_max,
    settle_max,
    window_counts,
    window_means,
    window_spreads,
)

__all__ = [
    "BINNED",
    "FOREVER",
    "HOUR_US",
    "NEVER",
    "add_to_bins",
    "add_window_steps",
    "bin_rows",
    "count_by_hour_of_week",
    "count_events",
    "follow_last",
    "follow_sparse_last",
    "hourly_states",
    "hourly_values",
    "mean_of_some",
    "raise_sparse_max",
    "raise_window_max",
    "settle_max",
    "until_outdone",
    "window_counts",
    "window_events",
    "window_means",
    "window_spreads",
]
