"""Compiled loops over dense (hour, asset) arrays; they hold no lock, so two threads may share the assets of a city.

Sums are fixed-point integers, so adding in any order, or from any starting hour, gives the same bits:
bulk and single-row builds agree exactly, and a row that is not yet known leaves no rounding trace.
A window is `(T - offset - window, T - offset]`, of which `(.., T - lag]` can be known; `reach` is the first T's bin.
"""

from __future__ import annotations

import numba
import numpy as np

HOUR_US = 3_600_000_000
MINUTE_US = 60_000_000
NEVER = np.iinfo(np.int64).min
FOREVER = np.int64(2**40)  # an hour far beyond any data
BLOCK = 32  # hours
compiled = numba.njit(cache=True, nogil=True, error_model="numpy")  # 0 / 0 is NaN: a window without readings


@compiled
def bin_rows(
    start, metric_code, asset_code, observed, known, value, from_bin, to_bin, metric_of, asset_of, universe, widths,
    low, high, middle, fine, coarse, kept, layer_of, layer_start, seen_start, first_bin, bins, seen, crowded, total,
    rough, squares, count, highest, lowest, last, last_at, sparse, n_sparse,
):  # fmt: skip
    """Put every usable row of the bins `from_bin .. to_bin - 1` into its bin; return how many are in `sparse` by now.

    A row is usable when metric and asset are wanted, its value is a number within limits, and it is known by the last
    bin. It is sparse when its lag has no layer: its number, counted from `start`, is put there. A second row for the
    same minute marks the bin as crowded: perhaps two versions of one reading, which the caller sorts out.
    kept: (metrics, 4) whether somebody will ask for a metric's spread, highest, lowest, last.
    """
    lags = layer_of.shape[1] - 1
    origin = (first_bin - 1) * HOUR_US + 1  # bin 0 begins here: an hour owns its end, not its beginning
    from_us, to_us = from_bin * HOUR_US, to_bin * HOUR_US
    for i in range(len(value)):
        since = observed[i] - origin
        if since < from_us or since >= to_us:
            continue
        m = metric_of[metric_code[i]]
        if m < 0:
            continue
        a = asset_of[universe[m], asset_code[i]]
        v = value[i]
        s = (known[i] - origin) // HOUR_US
        if a < 0 or s >= bins or not (low[m] <= v <= high[m]):
            continue
        h = since // HOUR_US
        place = h * widths[m] + a
        bit = np.uint64(1) << np.uint64((since - h * HOUR_US) // MINUTE_US)
        mark = seen_start[m] + place
        if seen[mark] & bit:
            crowded[mark] = True
        seen[mark] |= bit
        layer = layer_of[m, min(max(s - h, 0), lags)]
        if layer < 0:
            sparse[n_sparse] = start + i
            n_sparse += 1
            continue
        place += layer_start[layer]
        centred = v - middle[m]
        total[place] += np.int64(np.rint(centred * fine[m]))
        count[place] += 1
        if kept[m, 0]:
            c = np.int64(np.rint(centred * coarse[m]))
            rough[place] += c
            squares[place] += c * c
        v32 = np.float32(v)
        if kept[m, 1] and v32 > highest[place]:
            highest[place] = v32
        if kept[m, 2] and v32 < lowest[place]:
            lowest[place] = v32
        if kept[m, 3] and observed[i] > last_at[place]:
            last_at[place] = observed[i]
            last[place] = v32
    return n_sparse


@compiled
def _fill_first(running, bins, enters, width):
    """The window of the first hour, all but its newest bin."""
    for h in range(max(enters - width + 1, 0), enters):
        for a in range(len(running)):
            running[a] += bins[h, a]


@compiled
def _roll(running, bins, more, t, enters, width):
    """One hour on: the newest bin enters, the oldest leaves, and what `more` (hours, assets), if any, says changes."""
    if width > 0 and enters >= 0:
        leaves = enters - width
        if t > 0 and leaves >= 0:
            for a in range(len(running)):
                running[a] += bins[enters, a] - bins[leaves, a]
        else:
            for a in range(len(running)):
                running[a] += bins[enters, a]
    if more.size:
        for a in range(len(running)):
            running[a] += more[t, a]


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
def _happen(running, t, starts, event, asset, amount):
    """The events of hour t."""
    for e in range(starts[t], starts[t + 1]):
        i = abs(event[e]) - 1
        running[asset[i]] += amount[i] if event[e] > 0 else -amount[i]


@compiled
def count_events(starts, event, asset, out):
    """out[t, a] = rows in the window."""
    running, ones = np.zeros(out.shape[1], np.int64), np.ones(len(asset), np.int64)
    for t in range(out.shape[0]):
        _happen(running, t, starts, event, asset, ones)
        for a in range(out.shape[1]):
            out[t, a] = running[a]


@compiled
def window_means(
    total, count, more_total, more_count, starts, event, asset, own_total, own_count, lag, window, offset, reach,
    middle, fine, out,
):  # fmt: skip
    """out[t, a] = the window's mean, NaN without readings, from bins (hours, assets), changes, and rows' events.

    `fine` is a power of two.
    """
    stop = max(lag, offset)
    width = max(offset + window - stop, 0)
    sums, n = np.zeros(out.shape[1], np.int64), np.zeros(out.shape[1], np.int64)
    _fill_first(sums, total, reach - stop, width)
    _fill_first(n, count, reach - stop, width)
    unit = 1.0 / fine
    for t in range(out.shape[0]):
        _roll(sums, total, more_total, t, reach + t - stop, width)
        _roll(n, count, more_count, t, reach + t - stop, width)
        _happen(sums, t, starts, event, asset, own_total)
        _happen(n, t, starts, event, asset, own_count)
        for a in range(out.shape[1]):
            out[t, a] = np.float32(sums[a] / n[a] * unit + middle)


@compiled
def window_spreads(
    rough, squares, count, more_rough, more_squares, more_count, starts, event, asset, own_rough, own_squares,
    own_count, lag, window, offset, reach, coarse, out,
):  # fmt: skip
    """out[t, a] = the window's population standard deviation, NaN without readings."""
    stop = max(lag, offset)
    width = max(offset + window - stop, 0)
    assets = out.shape[1]
    sums, second, n = np.zeros(assets, np.int64), np.zeros(assets, np.int64), np.zeros(assets, np.int64)
    _fill_first(sums, rough, reach - stop, width)
    _fill_first(second, squares, reach - stop, width)
    _fill_first(n, count, reach - stop, width)
    for t in range(out.shape[0]):
        _roll(sums, rough, more_rough, t, reach + t - stop, width)
        _roll(second, squares, more_squares, t, reach + t - stop, width)
        _roll(n, count, more_count, t, reach + t - stop, width)
        _happen(sums, t, starts, event, asset, own_rough)
        _happen(second, t, starts, event, asset, own_squares)
        _happen(n, t, starts, event, asset, own_count)
        for a in range(assets):
            centred = sums[a] / n[a]
            variance = second[a] / n[a] - centred * centred
            out[t, a] = np.float32(np.sqrt(0.0 if variance < 0.0 else variance) / coarse)


@compiled
def window_counts(count, more_count, starts, event, asset, own_count, lag, window, offset, reach, out):
    """out[t, a] = how many readings the window holds."""
    stop = max(lag, offset)
    width = max(offset + window - stop, 0)
    n = np.zeros(out.shape[1], np.int64)
    _fill_first(n, count, reach - stop, width)
    for t in range(out.shape[0]):
        _roll(n, count, more_count, t, reach + t - stop, width)
        _happen(n, t, starts, event, asset, own_count)
        for a in range(out.shape[1]):
            out[t, a] = n[a]


@compiled
def add_window_steps(bins, steps, lag, window, offset, reach):
    """steps[t, a] += what changes in the window's sum from t - 1 to t; at t = 0 the whole sum."""
    stop = max(lag, offset)
    width = max(offset + window - stop, 0)
    nothing = np.zeros((0, 0), np.int64)
    _fill_first(steps[0], bins, reach - stop, width)
    for t in range(steps.shape[0]):
        _roll(steps[t], bins, nothing, t, reach + t - stop, width)


@compiled
def raise_window_max(bins, out, lag, window, offset, reach, sign):
    """out[t, a] = max(out[t, a], the window's bins times sign), by maxima over powers of two hours."""
    stop = max(lag, offset)
    width = offset + window - stop
    if width <= 0:
        return
    assets = bins.shape[1]
    rows = out.shape[0] + width - 1
    first = reach - stop - width + 1
    level = np.empty((rows, assets), np.float32)
    level[: min(max(-first, 0), rows)] = -np.inf
    for h in range(max(-first, 0), rows):
        for a in range(assets):
            level[h, a] = sign * bins[first + h, a]
    span = 1
    while 2 * span <= width:
        for h in range(rows - 1, span - 1, -1):
            for a in range(assets):
                level[h, a] = max(level[h, a], level[h - span, a])
        span *= 2
    for t in range(out.shape[0]):
        for a in range(assets):
            out[t, a] = max(out[t, a], max(level[t + width - 1, a], level[t + span - 1, a]))


@compiled
def settle_max(out, sign):
    """What no reading has raised is NaN; a lowest value gets its sign back."""
    for t in range(out.shape[0]):
        for a in range(out.shape[1]):
            out[t, a] = np.nan if out[t, a] == -np.inf else sign * out[t, a]


@compiled
def follow_last(last, last_at, out, out_at, lag, window, offset, reach):
    """The newest value in the window, and when it was observed, kept where newer than what `out` holds."""
    stop = max(lag, offset)
    assets = last.shape[1]
    newest = np.full(assets, -1, np.int64)
    for h in range(max(reach - offset - window + 1, 0), reach - stop + out.shape[0]):
        t = h - reach + stop
        for a in range(assets):
            if last_at[h, a] != NEVER:
                newest[a] = h
            if t >= 0:
                n = newest[a]
                if n > reach + t - offset - window and n >= 0 and last_at[n, a] > out_at[t, a]:
                    out[t, a] = last[n, a]
                    out_at[t, a] = last_at[n, a]


@compiled
def raise_sparse_max(asset, hour, known, until, value, out, first, window, offset):
    """Raise `out` by rows in force. A block of hours that is nowhere lower than a row's value is passed over."""
    hours, assets = out.shape
    floor = np.full((hours // BLOCK + 1, assets), np.inf, np.float32)
    for t in range(hours if len(hour) else 0):
        for a in range(assets):
            floor[t // BLOCK, a] = min(floor[t // BLOCK, a], out[t, a])
    for i in range(len(hour)):
        t = max(max(known[i], hour[i] + offset) - first, 0)
        stop = min(min(until[i], hour[i] + offset + window) - first, hours)
        a, v = asset[i], value[i]
        while t < stop:
            end = min((t // BLOCK + 1) * BLOCK, stop)
            if v > floor[t // BLOCK, a]:
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


@compiled
def _hourly_stats(total, rough, squares, n, highest, middle, fine, coarse):
    """(mean, max, std) of a bin with n readings."""
    centred = rough / n
    variance = squares / n - centred * centred
    spread = np.sqrt(0.0 if variance < 0.0 else variance) / coarse
    return np.float32(total / n / fine + middle), highest, np.float32(spread)


@compiled
def hourly_values(total, rough, squares, count, highest, middle, fine, coarse, skip, fixed, there, value):
    """Each bin's mean, max and std, as values and in fixed point: (3, hours, assets) each; bins in `skip` stay empty.

    there: (hours, assets) 1 for a bin with a value, which is -inf in the others.
    """
    for h in range(count.shape[0]):
        for a in range(count.shape[1]):
            n = count[h, a]
            if n == 0 or (skip.size and skip[h, a]):
                value[0, h, a] = value[1, h, a] = value[2, h, a] = -np.inf
                continue
            there[h, a] = 1
            stats = _hourly_stats(total[h, a], rough[h, a], squares[h, a], n, highest[h, a], middle, fine, coarse)
            for k in range(3):
                value[k, h, a] = stats[k]
                fixed[k, h, a] = np.int64(np.rint((np.float64(stats[k]) - middle) * fine))


@compiled
def hourly_states(
    starts, asset, hour, since, until, value, lags, total, rough, squares, count, highest, middle, fine, coarse
):
    """The statistics of each touched bin over time: (asset, hour, since, until, values) of every state with a reading.

    Rows `starts[g] .. starts[g+1]` are bin g's own; total .. highest (bins, lags) are what its layers add, each from
    the age `lags[k]` on. values: (3, n) mean, max and std.
    """
    most = 2 * len(asset) + (len(starts) - 1) * (len(lags) + 1)
    out_asset, out_hour = np.empty(most, np.int64), np.empty(most, np.int64)
    out_since, out_until = np.empty(most, np.int64), np.empty(most, np.int64)
    out_value = np.empty((3, most), np.float64)
    n_out = 0
    for g in range(len(starts) - 1):
        begin, end = starts[g], starts[g + 1]
        b = hour[begin]
        times = np.empty(2 * (end - begin) + len(lags), np.int64)
        for k in range(len(lags)):
            times[k] = b + lags[k]
        for i in range(begin, end):
            times[len(lags) + 2 * (i - begin)] = max(since[i], b)
            times[len(lags) + 2 * (i - begin) + 1] = until[i]
        times.sort()
        for e in range(len(times)):
            t = times[e]
            if t >= FOREVER or (e + 1 < len(times) and times[e + 1] == t):
                continue
            s, r, q, n, top = np.int64(0), np.int64(0), np.int64(0), np.int64(0), np.float32(-np.inf)
            for k in range(len(lags)):
                if b + lags[k] <= t:
                    s += total[g, k]
                    r += rough[g, k]
                    q += squares[g, k]
                    n += count[g, k]
                    top = max(top, highest[g, k])
            for i in range(begin, end):
                if max(since[i], b) <= t < until[i]:
                    centred = value[i] - middle
                    c = np.int64(np.rint(centred * coarse))
                    s += np.int64(np.rint(centred * fine))
                    r += c
                    q += c * c
                    n += 1
                    top = max(top, np.float32(value[i]))
            if n > 0:
                out_asset[n_out], out_hour[n_out] = asset[begin], b
                out_since[n_out] = t
                out_until[n_out] = times[e + 1] if e + 1 < len(times) else FOREVER
                stats = _hourly_stats(s, r, q, n, top, middle, fine, coarse)
                for k in range(3):
                    out_value[k, n_out] = stats[k]
                n_out += 1
    return out_asset[:n_out], out_hour[:n_out], out_since[:n_out], out_until[:n_out], out_value[:, :n_out]
