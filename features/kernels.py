"""Compiled loops over dense (column, hour) arrays. A column is one asset's one metric; hours are contiguous.

Sums are fixed-point integers, so adding in any order, or from any starting hour, gives the same bits:
bulk and single-row builds agree exactly, and a row that is not yet known leaves no rounding trace.
"""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True)
def survey_rows(column, hour, minute, lag, metric, first_hour, seen, crowded, lag_counts):
    """One pass that finds bins with two rows for one minute (perhaps versions of one reading), and counts lags.

    seen: (columns, hours) uint64 bit sets; crowded: (columns, hours) bool; lag_counts: (metrics, lags).
    """
    most = lag_counts.shape[1] - 1
    for i in range(len(hour)):
        h = hour[i] - first_hour
        bit = np.uint64(1) << np.uint64(minute[i])
        c = column[i]
        if seen[c, h] & bit:
            crowded[c, h] = True
        seen[c, h] |= bit
        lag_counts[metric[i], min(lag[i], most)] += 1


@numba.njit(cache=True)
def fill_bins(
    layer, hour, fixed, coarse, value, observed, first_hour, total, rough, squares, count, high, low, last, last_at
):
    """Add rows into their layer's bins. layer: (n,) row of the (layers, hours) arrays."""
    for i in range(len(hour)):
        c, h = layer[i], hour[i] - first_hour
        total[c, h] += fixed[i]
        rough[c, h] += coarse[i]
        squares[c, h] += coarse[i] * coarse[i]
        count[c, h] += 1
        v = value[i]
        if v > high[c, h]:
            high[c, h] = v
        if v < low[c, h]:
            low[c, h] = v
        if observed[i] > last_at[c, h]:
            last_at[c, h] = observed[i]
            last[c, h] = v


@numba.njit(cache=True)
def add_window_sums(bins, out, lag, window, offset, reach):
    """out[c, t] += sum of bins in (T - offset - window, T - max(lag, offset)]; `out[c, 0]` stands at bin `reach`."""
    running = np.zeros(bins.shape[1] + 1, np.int64)
    stop = max(lag, offset)
    for c in range(bins.shape[0]):
        for h in range(bins.shape[1]):
            running[h + 1] = running[h] + bins[c, h]
        for t in range(out.shape[1]):
            upper, lower = reach + t - stop + 1, reach + t - offset - window + 1
            if upper > lower:
                out[c, t] += running[max(upper, 0)] - running[max(lower, 0)]


@numba.njit(cache=True)
def raise_window_max(bins, out, lag, window, offset, reach):
    """out[c, t] = max(out[c, t], bins in (T - offset - window, T - max(lag, offset)]), by a monotone queue."""
    stop = max(lag, offset)
    width = offset + window - stop
    if width <= 0:
        return
    queue = np.empty(bins.shape[1], np.int64)
    for c in range(bins.shape[0]):
        head = tail = 0
        done = max(reach - stop - width + 1, 0)
        for t in range(out.shape[1]):
            upper = reach + t - stop
            while done <= upper:
                value = bins[c, done]
                while tail > head and bins[c, queue[tail - 1]] <= value:
                    tail -= 1
                queue[tail] = done
                tail += 1
                done += 1
            while tail > head and queue[head] <= upper - width:
                head += 1
            if tail > head and bins[c, queue[head]] > out[c, t]:
                out[c, t] = bins[c, queue[head]]


@numba.njit(cache=True)
def follow_last(last, last_at, out, out_at, lag, window, offset, reach):
    """The newest value in the window, and when it was observed, kept where newer than what `out` holds."""
    stop = max(lag, offset)
    for c in range(last.shape[0]):
        newest = -1
        done = max(reach - offset - window + 1, 0)
        for t in range(out.shape[1]):
            upper, lower = reach + t - stop, reach + t - offset - window
            while done <= upper:
                if last_at[c, done] > np.iinfo(np.int64).min:
                    newest = done
                done += 1
            if newest > lower and newest >= 0 and last_at[c, newest] > out_at[c, t]:
                out[c, t], out_at[c, t] = last[c, newest], last_at[c, newest]


@numba.njit(cache=True)
def add_sparse_sums(column, hour, known, until, amount, out, first, window, offset):
    """Rows visible only in `known <= T < until`: add `amount` to every T whose window holds `hour`. By differences."""
    steps = np.zeros((out.shape[0], out.shape[1] + 1), np.int64)
    for i in range(len(hour)):
        start = max(max(known[i], hour[i] + offset) - first, 0)
        stop = min(min(until[i], hour[i] + offset + window) - first, out.shape[1])
        if start < stop:
            steps[column[i], start] += amount[i]
            steps[column[i], stop] -= amount[i]
    for c in range(out.shape[0]):
        running = np.int64(0)
        for t in range(out.shape[1]):
            running += steps[c, t]
            out[c, t] += running


@numba.njit(cache=True)
def raise_sparse_max(column, hour, known, until, value, out, first, window, offset):
    for i in range(len(hour)):
        start = max(max(known[i], hour[i] + offset) - first, 0)
        stop = min(min(until[i], hour[i] + offset + window) - first, out.shape[1])
        for t in range(start, stop):
            if value[i] > out[column[i], t]:
                out[column[i], t] = value[i]


@numba.njit(cache=True)
def follow_sparse_last(column, hour, known, until, value, observed, out, out_at, first, window, offset):
    for i in range(len(hour)):
        start = max(max(known[i], hour[i] + offset) - first, 0)
        stop = min(min(until[i], hour[i] + offset + window) - first, out.shape[1])
        for t in range(start, stop):
            if observed[i] > out_at[column[i], t]:
                out[column[i], t], out_at[column[i], t] = value[i], observed[i]


@numba.njit(cache=True)
def count_by_hour_of_week(
    event_hour, event_column, event_slot, event_sign, hours, slots, columns, own, by_column, by_slot
):
    """Walk through time once and read, at each hour, how many events each column had in that hour's slot before.

    Events (sorted by hour) add `event_sign` to (column, slot). own: (hours, columns) count in the hour's own slot;
    by_column: (hours, columns) count over all slots; by_slot: (hours,) count over all columns in the hour's slot.
    """
    counts = np.zeros((168, columns), np.int64)
    totals = np.zeros(columns, np.int64)
    slot_totals = np.zeros(counts.shape[0], np.int64)
    e = 0
    for t in range(len(hours)):
        while e < len(event_hour) and event_hour[e] <= hours[t]:
            counts[event_slot[e], event_column[e]] += event_sign[e]
            totals[event_column[e]] += event_sign[e]
            slot_totals[event_slot[e]] += event_sign[e]
            e += 1
        for c in range(columns):
            own[t, c] = counts[slots[t], c]
            by_column[t, c] = totals[c]
        by_slot[t] = slot_totals[slots[t]]
