"""Rows into hourly bins, and what each bin makes of its hour."""

from __future__ import annotations

import numpy as np

from features.kernels.compiled import FOREVER, HOUR_US, MINUTE_US, compiled


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
def add_to_bins(
    place, observed, value, middle, fine, coarse, trusted, seen, crowded, batch, touched_by, touched, total, rough,
    squares, count, highest, lowest, last, last_at,
):  # fmt: skip
    """Add readings to flat bins, and list each bin that they touch in `touched`; return how many those are.

    As in `bin_rows`, a second row for the same minute marks a bin as crowded, unless the rows are `trusted` to be one
    version of each reading.
    """
    n_touched = 0
    for i in range(len(place)):
        p = place[i]
        if touched_by[p] != batch:
            touched_by[p] = batch
            touched[n_touched] = p
            n_touched += 1
        bit = np.uint64(1) << np.uint64((observed[i] % HOUR_US) // MINUTE_US)
        if not trusted and seen[p] & bit:
            crowded[p] = True
        seen[p] |= bit
        centred = value[i] - middle
        c = np.int64(np.rint(centred * coarse))
        total[p] += np.int64(np.rint(centred * fine))
        rough[p] += c
        squares[p] += c * c
        count[p] += 1
        v32 = np.float32(value[i])
        highest[p] = max(highest[p], v32)
        lowest[p] = min(lowest[p], v32)
        if observed[i] > last_at[p]:
            last_at[p], last[p] = observed[i], v32
    return n_touched


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
