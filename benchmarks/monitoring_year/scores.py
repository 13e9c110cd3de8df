"""The counting: what was named and when, what was needless, and what the forecasts cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from benchmarks.monitoring_year.changes import Change
from benchmarks.monitoring_year.watch import Watched
from contracts.results import BoolArray, FloatArray
from monitoring import Finding

MONTH_DAYS = 365.2425 / 12
SMALLEST = 1e-9


@dataclass(frozen=True)
class Truth:
    """occurred, risk: hazard -> (hours, cells) in the hour that begins at `first + hour`; cells: their ids."""

    first: datetime
    cells: tuple[str, ...]
    occurred: Mapping[str, BoolArray]
    risk: Mapping[str, FloatArray]

    def least(self, scores: pl.DataFrame) -> float:
        """The total log loss of the simulation's own risk, in place of these forecasts."""
        parts = []
        for (hazard,), rows in self.judged(scores).group_by("hazard"):
            risk = self._at(self.risk[str(hazard)], rows)
            parts.append(rows.with_columns(probability=pl.Series(risk.astype(float))))
        return total_loss(pl.concat(parts), self)

    def judged(self, scores: pl.DataFrame) -> pl.DataFrame:
        """Those forecasts whose hour the simulation has."""
        hours = len(next(iter(self.occurred.values())))
        return scores.filter(pl.col("as_of") < self.first + timedelta(hours=hours))

    def of(self, scores: pl.DataFrame, hazard: str) -> BoolArray:
        """(rows,) what came of these forecasts."""
        return np.asarray(self._at(self.occurred[hazard], scores), dtype=bool)

    def _at(self, values: BoolArray | FloatArray, scores: pl.DataFrame) -> BoolArray | FloatArray:
        hour = ((scores["as_of"] - self.first).dt.total_hours()).to_numpy()
        place = {cell: position for position, cell in enumerate(self.cells)}
        cell = scores["asset_id"].replace_strict(place, return_dtype=pl.Int64).to_numpy()
        return np.asarray(values[hour, cell])


def total_loss(scores: pl.DataFrame, truth: Truth) -> float:
    """Log loss summed over every forecast of every hazard whose hour the simulation has."""
    total = 0.0
    for (hazard,), rows in truth.judged(scores).group_by("hazard"):
        p = np.clip(rows["probability"].to_numpy(), SMALLEST, 1 - SMALLEST)
        total += float(-np.log(np.where(truth.of(rows, str(hazard)), p, 1 - p)).sum())
    return total


@dataclass(frozen=True)
class Named:
    """Whether a change was named rightly, when, and how many days after it could be seen (never below 0)."""

    change: Change
    at: datetime | None
    words: str
    others: tuple[str, ...]

    @property
    def delay_days(self) -> float | None:
        return None if self.at is None else max(0.0, (self.at - self.change.visible) / timedelta(days=1))


def named(change: Change, watched: Watched, *, until: datetime) -> Named:
    """The first day on which the change is called what it is, before `until`.

    What was said already on the last day before it does not count. others: kinds that were said of its partner in the
    first week as well.
    """
    days = [at for at in watched.findings if change.at < at <= until]
    before = [at for at in watched.findings if at <= change.at]
    old = {finding.key for at in before[-1:] for finding in watched.findings[at]}
    week = [at for at in days if at <= change.visible + timedelta(days=7)]
    fresh = [f for at in week for f in watched.findings[at] if f.key not in old and f.is_fault]
    others = tuple(sorted({f.kind for f in fresh if f.kind not in change.kinds}))
    if not change.kinds:
        return _decided(change, watched, others, until=until)
    for at in days:
        found = [f for f in watched.findings[at] if names(change, f) and f.key not in old]
        if found:
            return Named(change, at, found[0].words, others)
    return Named(change, None, "", others)


def _decided(change: Change, watched: Watched, others: tuple[str, ...], *, until: datetime) -> Named:
    """A law is in no sensor: the decision names it, from what a retraining could learn."""
    for decision in watched.decisions:
        mine = decision.subject.endswith(change.hazards)
        if mine and decision.kind == "retrain" and change.at < decision.decided_at <= until:
            return Named(change, decision.decided_at, decision.reasons[0], others)
    return Named(change, None, "", others)


def names(change: Change, finding: Finding) -> bool:
    """Whether the finding is this change, and of the right partner and metric."""
    right = finding.kind in change.kinds
    return right and change.partner in ("", finding.partner) and change.metric in ("", finding.metric)


def calls_per_month(calls: int, *, days: float) -> float:
    """A month is a twelfth of a year."""
    return calls / (days / MONTH_DAYS)


def counted(watched: Watched, kind: str) -> int:
    """Decisions of this kind, of every model."""
    return sum(decision.kind == kind for decision in watched.decisions)


def median_delay(found: Sequence[Named]) -> float:
    """Over all changes; one that was never named counts as endless."""
    delays = [np.inf if (delay := each.delay_days) is None else delay for each in found]
    return float(np.median(delays))
