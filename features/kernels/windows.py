"""Statistics over `(T - offset - window, T - offset]` for consecutive hours T, of which `(.., T - lag]` can be known.

`reach` is the first T's bin. Rows that are kept one by one come as events (`rows.window_events`).
"""

from __future__ import annotations

import numpy as np

from features.kernels.compiled import NEVER, compiled


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
        newest = bins[enters]
        if t > 0 and enters >= width:
            oldest = bins[enters - width]
            for a in range(len(running)):
                running[a] += newest[a] - oldest[a]
        else:
            for a in range(len(running)):
                running[a] += newest[a]
    if more.size:
        for a in range(len(running)):
            running[a] += more[t, a]


@compiled
def count_events(starts, event, asset, out):
    """out[t, a] = rows in the window."""
    running = np.zeros(out.shape[1], np.int64)
    for t in range(out.shape[0]):
        for e in range(starts[t], starts[t + 1]):
            running[asset[abs(event[e]) - 1]] += 1 if event[e] > 0 else -1
        for a in range(out.shape[1]):
            out[t, a] = running[a]


@compiled
def window_means(
    total, count, more_total, more_count, starts, event, asset, own_total, lag, window, offset, reach,
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
        for e in range(starts[t], starts[t + 1]):
            sign, i = (1, event[e] - 1) if event[e] > 0 else (-1, -event[e] - 1)
            sums[asset[i]] += sign * own_total[i]
            n[asset[i]] += sign
        mean = out[t]
        for a in range(len(mean)):
            mean[a] = np.float32(sums[a] / n[a] * unit + middle)


@compiled
def window_spreads(
    rough, squares, count, more_rough, more_squares, more_count, starts, event, asset, own_rough, own_squares,
    lag, window, offset, reach, coarse, out,
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
        for e in range(starts[t], starts[t + 1]):
            sign, i = (1, event[e] - 1) if event[e] > 0 else (-1, -event[e] - 1)
            sums[asset[i]] += sign * own_rough[i]
            second[asset[i]] += sign * own_squares[i]
            n[asset[i]] += sign
        spread = out[t]
        for a in range(assets):
            centred = sums[a] / n[a]
            variance = second[a] / n[a] - centred * centred
            spread[a] = np.float32(np.sqrt(0.0 if variance < 0.0 else variance) / coarse)


@compiled
def window_counts(count, more_count, starts, event, asset, lag, window, offset, reach, out):
    """out[t, a] = how many readings the window holds."""
    stop = max(lag, offset)
    width = max(offset + window - stop, 0)
    n = np.zeros(out.shape[1], np.int64)
    _fill_first(n, count, reach - stop, width)
    for t in range(out.shape[0]):
        _roll(n, count, more_count, t, reach + t - stop, width)
        for e in range(starts[t], starts[t + 1]):
            n[asset[abs(event[e]) - 1]] += 1 if event[e] > 0 else -1
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
def _raise_by(highest, bins, h, sign):
    """highest = max(highest, bin h times sign), where there is such a bin."""
    if h >= 0:
        other = bins[h]
        for a in range(len(highest)):
            highest[a] = max(highest[a], sign * other[a])


@compiled
def raise_window_max(bins, out, lag, window, offset, reach, sign):
    """out[t, a] = max(out[t, a], the window's bins times sign), at the same cost whatever the window's length.

    Hours are cut into blocks as long as the window. A window is the end of one block and the beginning of the next,
    and the maxima of both grow by one bin at a time (van Herk 1992; Gil and Werman 1993).
    """
    stop = max(lag, offset)
    width = offset + window - stop
    if width <= 0:
        return
    hours, assets = out.shape
    ends, begun = np.empty((min(width, hours) + 1, assets), np.float32), np.empty(assets, np.float32)
    for t in range(0, hours, width):
        first = reach + t - stop - width + 1  # the bin at which this block begins
        some = min(width, hours - t)
        ends[some] = -np.inf
        for k in range(width - 1, some - 1, -1):
            _raise_by(ends[some], bins, first + k, sign)
        for k in range(some - 1, -1, -1):
            ends[k] = ends[k + 1]
            _raise_by(ends[k], bins, first + k, sign)
        begun[:] = -np.inf
        for k in range(some):
            if k > 0:
                _raise_by(begun, bins, first + width - 1 + k, sign)
            highest, end = out[t + k], ends[k]
            for a in range(assets):
                highest[a] = max(highest[a], max(begun[a], end[a]))


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
def mean_of_some(values, columns, there, out):
    """out[t, a] = mean of the values in `columns[a]` that are `there` and are numbers, NaN without one."""
    for t in range(out.shape[0]):
        row = values[t]
        for a in range(out.shape[1]):
            total, n = 0.0, 0
            for k in range(columns.shape[1]):
                value = row[columns[a, k]]
                if there[a, k] and value == value:
                    total += value
                    n += 1
            out[t, a] = np.float32(total / n)
