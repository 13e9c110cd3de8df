"""Rows into hourly bins, and what each bin makes of its hour."""

from __future__ import annotations

import numpy as np

from features.kernels.compiled import FOREVER, HOUR_US, MINUTE_US, compiled

# What the pass must know of a metric, by its code; `start` and `seen` are where its bins begin in the flat arrays, the
# first in its layer of lag 0 (-1: it has none). One record a metric lies in one piece of memory.
BINNED = np.dtype(
    [
        ("wanted", np.bool_), ("spread", np.bool_), ("highest", np.bool_), ("lowest", np.bool_), ("last", np.bool_),
        ("low", np.float64), ("high", np.float64), ("middle", np.float64), ("fine", np.float64),
        ("coarse", np.float64), ("universe", np.uint64), ("width", np.uint64), ("seen", np.uint64), ("start", np.int64),
    ],
    align=True,
)  # fmt: skip


@compiled
def bin_rows(
    first_row, metric_code, asset_code, observed, known, value, from_bin, to_bin, metrics, asset_of, starts, first_bin,
    bins, seen, crowded, total, rough, squares, count, highest, lowest, last, last_at, sparse, n_sparse,
):  # fmt: skip
    """Put every usable row of the bins `from_bin .. to_bin - 1` into its bin; return how many are in `sparse` by now.

    A row is usable when metric and asset are wanted, its value is a number within limits, and it is known by the last
    bin. It is sparse when its lag has no layer: its number, counted from `first_row`, is put there. A second row for
    the same minute marks the bin as crowded: perhaps two versions of one reading, which the caller sorts out.
    metrics: of BINNED, by metric code. starts: (metric codes, lags) where the layer of a lag begins, -1 for none.

    Rows mostly come in the order of time, so an hour and a minute are looked up once for all that share them; places
    are unsigned, since a signed one is first asked whether it counts from the end.
    """
    lags = starts.shape[1] - 1
    origin = (first_bin - 1) * HOUR_US + 1  # bin 0 begins here: an hour owns its end, not its beginning
    begin, end = origin + from_bin * HOUR_US, origin + to_bin * HOUR_US
    h, hour, minute, bit = np.int64(0), origin, origin - MINUTE_US, np.uint64(0)
    for i in range(len(value)):
        at = observed[i]
        if at < begin or at >= end:
            continue
        metric = metrics[metric_code[i]]
        if not metric.wanted:
            continue
        a, v = asset_of[metric.universe, asset_code[i]], value[i]
        if a < 0 or not (metric.low <= v <= metric.high):
            continue
        if at < minute or at - minute >= MINUTE_US:
            h = (at - origin) // HOUR_US
            hour = origin + h * HOUR_US
            minute = hour + (at - hour) // MINUTE_US * MINUTE_US
            bit = np.uint64(1) << np.uint64((minute - hour) // MINUTE_US)
        start = metric.start
        if known[i] - hour >= HOUR_US:
            s = (known[i] - origin) // HOUR_US
            if s >= bins:
                continue
            start = starts[metric_code[i], min(s - h, lags)]
        place = np.uint64(h) * metric.width + np.uint64(a)
        mark = metric.seen + place
        if seen[mark] & bit:
            crowded[mark] = True
        seen[mark] |= bit
        if start < 0:
            sparse[n_sparse] = first_row + i
            n_sparse += 1
            continue
        place += np.uint64(start)
        centred = v - metric.middle
        total[place] += np.int64(np.rint(centred * metric.fine))
        count[place] += 1
        if metric.spread:
            c = np.int64(np.rint(centred * metric.coarse))
            rough[place] += c
            squares[place] += c * c
        v32 = np.float32(v)
        if metric.highest:
            highest[place] = max(highest[place], v32)
        if metric.lowest:
            lowest[place] = min(lowest[place], v32)
        if metric.last and at > last_at[place]:
            last_at[place] = at
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
def _mean(total, n, middle, unit):
    return np.float32(total / n * unit + middle)


@compiled
def _fixed(value, middle, fine):
    return np.int64(np.rint((np.float64(value) - middle) * fine))


@compiled
def _spread(rough, squares, n, per):
    centred = rough / n
    variance = squares / n - centred * centred
    return np.float32(np.sqrt(0.0 if variance < 0.0 else variance) * per)


@compiled
def hourly_values(total, rough, squares, count, highest, middle, fine, coarse, skip, fixed, there, value):
    """Each bin's mean, max and std, as values and in fixed point: (3, hours, assets) each; bins in `skip` stay empty.

    there: (hours, assets) 1 for a bin with a value, which is -inf in the others.
    """
    unit, per = 1.0 / fine, 1.0 / coarse  # powers of two: the same bits as by division
    for h in range(count.shape[0]):
        sums, r, q, n, top, some = total[h], rough[h], squares[h], count[h], highest[h], there[h]
        for a in range(len(n)):
            some[a] = 1 if n[a] > 0 else 0
        for a in range(skip.shape[1]):
            some[a] = 0 if skip[h, a] else some[a]
        v, f = value[0, h], fixed[0, h]
        for a in range(len(n)):
            mean = _mean(sums[a], n[a], middle, unit)
            v[a], f[a] = mean if some[a] else -np.inf, _fixed(mean, middle, fine) if some[a] else 0
        v, f = value[1, h], fixed[1, h]
        for a in range(len(n)):
            v[a], f[a] = top[a] if some[a] else -np.inf, _fixed(top[a], middle, fine) if some[a] else 0
        v, f = value[2, h], fixed[2, h]
        for a in range(len(n)):
            spread = _spread(r[a], q[a], n[a], per)
            v[a], f[a] = spread if some[a] else -np.inf, _fixed(spread, middle, fine) if some[a] else 0


@compiled
def _sort(times):
    """In place; most bins have a few times only."""
    if len(times) > 32:
        times.sort()
        return
    for i in range(1, len(times)):
        t, k = times[i], i
        while k > 0 and times[k - 1] > t:
            times[k] = times[k - 1]
            k -= 1
        times[k] = t


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
    at_hand = np.empty(most, np.int64)
    for g in range(len(starts) - 1):
        begin, end = starts[g], starts[g + 1]
        b = hour[begin]
        times = at_hand[: 2 * (end - begin) + len(lags)]
        for k in range(len(lags)):
            times[k] = b + lags[k]
        for i in range(begin, end):
            times[len(lags) + 2 * (i - begin)] = max(since[i], b)
            times[len(lags) + 2 * (i - begin) + 1] = until[i]
        _sort(times)
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
                out_value[0, n_out] = _mean(s, n, middle, 1.0 / fine)
                out_value[1, n_out] = top
                out_value[2, n_out] = _spread(r, q, n, 1.0 / coarse)
                n_out += 1
    return out_asset[:n_out], out_hour[:n_out], out_since[:n_out], out_until[:n_out], out_value[:, :n_out]
