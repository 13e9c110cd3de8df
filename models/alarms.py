"""What an alarm budget of N alerts a day gives: precision, recall, lead time, false alarms, hits at k, costs.

An **alert** is a row (place, as_of) at or above the threshold. Alerts of one place at neighbouring instants (one
cadence apart) are one **run**: people are told once and stay told. Rows of one place at neighbouring instants with an
incident in their window are one **incident**; when it happened is known to one cadence: right after the last of them.

**Lead time** of a caught incident: from the first alert of the run that the incident's last alerted row belongs to, to
the as_of of the incident's last row. The incident happened up to one cadence later, so this is the least notice that
people had; 0 says that the alert came with the last forecast before it. Alerts that had ended before the incident's
window began do not count. A **false alarm** is a run without an incident in any of its windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from contracts.results import BoolArray, FloatArray, InstantArray, IntArray
from contracts.worth import BudgetRow, CostPoint, HitsAtK
from models.bands import budget_threshold
from models.blocks import DAY
from models.split import HOUR

BUDGET_FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)  # of the pilot's alerts_per_day
TOP_K = (1, 3, 5, 10)
COST_RATIOS = tuple(float(f"{10 ** (step / 4):.2g}") for step in range(21))  # 1, 1.8, 3.2, 5.6, 10, ... 100,000


@dataclass(frozen=True)
class Timeline:
    """Judged rows by place and time. order: (m,) positions of the rows; linked: (m,) in that order, whether the row
    before is the same place one cadence earlier."""

    order: IntArray
    linked: BoolArray
    as_of: InstantArray
    days: float

    @classmethod
    def of(cls, asset: IntArray, as_of: InstantArray) -> Timeline:
        """asset, as_of: (m,), no pair twice."""
        order = np.lexsort((as_of, asset))
        instants = np.unique(as_of)
        cadence = np.diff(instants).min() if len(instants) > 1 else HOUR
        same = asset[order][1:] == asset[order][:-1]
        linked = np.concatenate([[False], same & (np.diff(as_of[order]) <= cadence)])
        return cls(order.astype(np.int64), linked, as_of, float((instants[-1] - instants[0] + cadence) / DAY))

    def stretches(self, marked: BoolArray) -> IntArray:
        """(m,) in `order`: the number of the unbroken stretch that each marked row belongs to, -1 for the others."""
        mine = marked[self.order]
        before = np.concatenate([[False], mine[:-1]])
        number = np.cumsum(mine & ~(self.linked & before)) - 1
        return np.where(mine, number, -1).astype(np.int64)


def budget_table(
    probability: FloatArray, occurred: BoolArray, timeline: Timeline, *, alerts_per_day: float, released: float
) -> tuple[BudgetRow, ...]:
    """The released threshold first, as it would have run; then budgets around the pilot's, with the threshold that
    meets each one on these very rows (hindsight: an upper limit of what re-tuning the threshold can give)."""
    falling = np.sort(probability)[::-1]
    rows = [budget_row(probability, occurred, timeline, threshold=released, asked_per_day=None)]
    for factor in BUDGET_FACTORS:
        asked = factor * alerts_per_day
        threshold = budget_threshold(falling, budget=asked * timeline.days)
        rows.append(budget_row(probability, occurred, timeline, threshold=threshold, asked_per_day=asked))
    return tuple(rows)


def budget_row(
    probability: FloatArray, occurred: BoolArray, timeline: Timeline, *, threshold: float, asked_per_day: float | None
) -> BudgetRow:
    """One threshold on the judged rows; at least one row must have an incident."""
    alert = probability >= threshold
    alerts, hits = int(alert.sum()), int((alert & occurred).sum())
    runs, lead_hours = _false_runs(alert, occurred, timeline), lead_times(alert, occurred, timeline)
    _, at_once = np.unique(timeline.as_of[alert], return_counts=True)
    return BudgetRow(
        asked_per_day=asked_per_day,
        threshold=float(threshold),
        alerts=alerts,
        alerts_per_day=alerts / timeline.days,
        left_out=_left_out(probability, threshold, alerts, asked_per_day, timeline.days),
        precision=hits / alerts if alerts else None,
        recall=hits / int(occurred.sum()),
        incidents=int(timeline.stretches(occurred).max()) + 1,
        caught=len(lead_hours),
        lead_hours_median=float(np.median(lead_hours)) if len(lead_hours) else None,
        lead_share_1h=float((lead_hours >= 1).mean()) if len(lead_hours) else None,
        false_alarms=runs,
        hours_between_false_alarms=timeline.days * 24 / runs if runs else None,
        most_at_once=int(at_once.max()) if alerts else 0,
    )


def lead_times(alert: BoolArray, occurred: BoolArray, timeline: Timeline) -> FloatArray:
    """(caught incidents,) hours of notice at the least, as defined above."""
    when = timeline.as_of[timeline.order]
    run, incident = timeline.stretches(alert), timeline.stretches(occurred)
    _, first_of_run = np.unique(run[run >= 0], return_index=True)
    run_start = when[run >= 0][first_of_run]
    last = np.zeros(int(incident.max()) + 1, dtype=np.int64)
    hit = np.flatnonzero(incident >= 0)
    last[incident[hit]] = hit  # the last of repeated positions stays
    caught = np.full(len(last), -1)
    both = np.flatnonzero((incident >= 0) & (run >= 0))
    caught[incident[both]] = both
    known = caught >= 0
    return np.asarray((when[last[known]] - run_start[run[caught[known]]]) / HOUR, dtype=np.float64)


def hits_at_k(
    probability: FloatArray, occurred: BoolArray, as_of: InstantArray, *, alerts_per_day: float
) -> tuple[HitsAtK, ...]:
    """The k highest places of each instant, and the k highest rows of each UTC day; equal rows share a place fairly."""
    _, instant = np.unique(as_of, return_inverse=True)
    _, day = np.unique((as_of - as_of.min()) // DAY, return_inverse=True)
    found = [("instant", k, *share_in_top(probability, occurred, instant, k)) for k in TOP_K]
    daily = max(1, round(alerts_per_day))
    found.append(("day", daily, *share_in_top(probability, occurred, day, daily)))
    return tuple(HitsAtK(per, k, share, chance) for per, k, share, chance in found)


def share_in_top(probability: FloatArray, occurred: BoolArray, group: IntArray, k: int) -> tuple[float, float]:
    """Share of the rows with an incident among the k highest of their group, and that share for a blind draw of k."""
    order = np.lexsort((-probability, group))
    value, which = probability[order], group[order]
    new_group = np.concatenate([[True], which[1:] != which[:-1]])
    new_tie = new_group | np.concatenate([[True], value[1:] != value[:-1]])
    start = np.maximum.accumulate(np.where(new_group, np.arange(len(order)), 0))
    tie = np.cumsum(new_tie) - 1
    rank = (np.arange(len(order)) - start)[new_tie][tie]  # of the first of the equal rows
    size = np.bincount(tie)[tie]
    taken = np.clip(k - rank, 0, size) / size
    hits = occurred[order]
    blind = np.minimum(1.0, k / np.bincount(group)[which])
    return float(taken[hits].mean()), float(blind[hits].mean())


def cost_curve(
    probability: FloatArray, climatology: FloatArray, occurred: BoolArray, *, ratios: Sequence[float] = COST_RATIOS
) -> tuple[CostPoint, ...]:
    """Cost of acting by the forecast, by climatology, never and always; a caught incident costs nothing."""
    base = float(occurred.mean())
    return tuple(
        CostPoint(
            ratio=ratio,
            model=1000 * _cost(probability, occurred, ratio),
            climatology=1000 * _cost(climatology, occurred, ratio),
            never=1000 * base * ratio,
            always=1000 * (1 - base),
        )
        for ratio in ratios
    )


def _cost(probability: FloatArray, occurred: BoolArray, ratio: float) -> float:
    alarm = probability >= 1.0 / (1.0 + ratio)
    return float((alarm & ~occurred).mean() + ratio * (~alarm & occurred).mean())


def _false_runs(alert: BoolArray, occurred: BoolArray, timeline: Timeline) -> int:
    run = timeline.stretches(alert)
    hits = np.bincount(run[run >= 0], weights=occurred[timeline.order][run >= 0])
    return int((hits == 0).sum())


def _left_out(probability: FloatArray, threshold: float, alerts: int, asked: float | None, days: float) -> int:
    """How many equal rows are next below the threshold, where the budget has room for some of them but not for all."""
    below = probability[probability < threshold]
    if asked is None or not len(below) or int(asked * days) <= alerts:
        return 0
    return int((below == below.max()).sum())
