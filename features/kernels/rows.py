"""Rows that are kept one by one, each in force in `known <= T < until`: when they matter, and what they change."""

from __future__ import annotations

import numpy as np

from features.kernels.compiled import FOREVER, compiled

BLOCK = 32  # hours


@compiled
def window_events(asset, hour, known, until, first, hours, window, offset):
    """When rows in force in `known <= T < until` enter and leave the window, sorted by T (counting sort).

    Returns starts (hours + 1,) and event: hour t's are `event[starts[t] : starts[t + 1]]`, row i as i + 1 where it
    enters and as -(i + 1) where it leaves.
    """
    starts = np.zeros(hours + 1, np.int64)
    enters, leaves = np.empty(len(hour), np.int64), np.empty(len(hour), np.int64)
    for i in range(len(hour)):
        enters[i] = max(max(known[i], hour[i] + offset) - first, 0)
        leaves[i] = min(min(until[i], hour[i] + offset + window) - first, hours)
        if enters[i] < leaves[i]:
            starts[enters[i]] += 1
            if leaves[i] < hours:
                starts[leaves[i]] += 1
    for t in range(1, hours + 1):
        starts[t] += starts[t - 1]
    event = np.empty(starts[hours], np.int64)
    for i in range(len(hour)):
        if enters[i] < leaves[i]:
            starts[enters[i]] -= 1
            event[starts[enters[i]]] = i + 1
            if leaves[i] < hours:
                starts[leaves[i]] -= 1
                event[starts[leaves[i]]] = -(i + 1)
    return starts, event


@compiled
def _floors(out):
    """(blocks, assets) the lowest value of each block of hours."""
    floor = np.full((out.shape[0] // BLOCK + 1, out.shape[1]), np.inf, np.float32)
    for t in range(out.shape[0]):
        low, row = floor[t // BLOCK], out[t]
        for a in range(len(row)):
            low[a] = min(low[a], row[a])
    return floor


@compiled
def raise_sparse_max(asset, hour, known, until, value, out, first, window, offset):
    """Raise `out` by rows in force. Long windows pass over blocks of hours that a row's value cannot raise."""
    if not len(hour):
        return
    hours, long = out.shape[0], window > BLOCK
    floor = _floors(out) if long else np.empty((0, 0), np.float32)
    for i in range(len(hour)):
        t = max(max(known[i], hour[i] + offset) - first, 0)
        stop = min(min(until[i], hour[i] + offset + window) - first, hours)
        a, v = asset[i], value[i]
        while t < stop:
            end = min((t // BLOCK + 1) * BLOCK, stop)
            if not long or v > floor[t // BLOCK, a]:
                for u in range(t, end):
                    out[u, a] = max(out[u, a], v)
            t = end


@compiled
def follow_sparse_last(asset, hour, known, until, value, observed, out, out_at, first, window, offset):
    for i in range(len(hour)):
        start = max(max(known[i], hour[i] + offset) - first, 0)
        stop = min(min(until[i], hour[i] + offset + window) - first, out.shape[0])
        for t in range(start, stop):
            if observed[i] > out_at[t, asset[i]]:
                out[t, asset[i]], out_at[t, asset[i]] = value[i], observed[i]


@compiled
def until_outdone(newest_first, asset, hour, known, until):
    """`until`, or sooner: the hour at which a newer row of the same asset is known for good. Nobody asks after that."""
    out = until.copy()
    of, outdone = -1, FOREVER
    for i in newest_first:
        if asset[i] != of:
            of, outdone = asset[i], FOREVER
        out[i] = min(out[i], outdone)
        if until[i] == FOREVER:
            outdone = min(outdone, max(known[i], hour[i]))
    return out


@compiled
def count_by_hour_of_week(event_hour, event_asset, event_slot, event_sign, hours, slots, own, by_asset, by_slot):
    """Walk through time once and read, at each hour, how many events each asset had in that hour's slot before.

    Events (sorted by hour) add `event_sign` to (asset, slot). own: (hours, assets) count in the hour's own slot;
    by_asset: (hours, assets) count over all slots; by_slot: (hours,) count over all assets in the hour's slot.
    """
    assets = own.shape[1]
    counts = np.zeros((168, assets), np.int64)
    totals = np.zeros(assets, np.int64)
    slot_totals = np.zeros(168, np.int64)
    e = 0
    for t in range(len(hours)):
        while e < len(event_hour) and event_hour[e] <= hours[t]:
            counts[event_slot[e], event_asset[e]] += event_sign[e]
            totals[event_asset[e]] += event_sign[e]
            slot_totals[event_slot[e]] += event_sign[e]
            e += 1
        for a in range(assets):
            own[t, a] = counts[slots[t], a]
            by_asset[t, a] = totals[a]
        by_slot[t] = slot_totals[slots[t]]
