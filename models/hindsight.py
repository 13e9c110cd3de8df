"""A replayed history judged with the final labels: month by month, and from its beginning on.

Log-loss skill is 1 - log loss / log loss of climatology: 0 is climatology, 1 knows the future. A month's interval is a
block bootstrap over its days (a month has too few weeks), that of the whole so far one over `evaluate.block_days`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np

from contracts.errors import NotEnoughData
from contracts.params import EvaluateParams
from contracts.replay import MODEL, NOBODY, REFERENCE, MonthJudged, Replayed
from contracts.results import BoolArray, Estimate, FloatArray, InstantArray, IntArray, Labels, Spine, instant_of
from contracts.worth import Coverage
from models.backtest import Step
from models.blocks import DAY, draw_blocks, estimate
from models.counts import covered, weeks_of
from models.coverage import DISTRICT_WEEKS, coverage
from models.evaluation import row_losses
from models.where import Where

RANGE_DEVIATIONS = 1.96  # of a month's count, were the forecasts right and the rows independent


@dataclass(frozen=True)
class _Rows:
    """Every ripe forecast of the replay, in time order: (m,) each."""

    as_of: InstantArray
    occurred: BoolArray
    losses: Mapping[str, FloatArray]
    probability: FloatArray


def judge_history(
    steps: Sequence[Step],
    spine: Spine,
    final: Labels,
    *,
    borders: Sequence[datetime],
    districts: Sequence[str],
    level: float,
    params: EvaluateParams,
) -> Replayed:
    """What came of every forecast.

    Args:
        final: ripe labels as they are known today. borders: the months' starts, and the end of the last.
        districts: of each asset of the spine, for the intervals of counts. level: what these state, .9 for 90 %.

    Raises:
        NotEnoughData: not one forecast has an outcome yet.
    """
    forecast = np.concatenate([step.rows for step in steps])
    ripe, place = _outcomes(forecast, final)
    if not ripe.any():
        raise no_outcome(final.hazard, borders)
    rows = _ripe_rows(steps, spine, final, ripe=ripe, label=place[ripe])
    as_of = spine.as_of[forecast]
    months = [
        _month(rows, steps, start, stop, unripe=int((~ripe & _inside(as_of, start, stop)).sum()), params=params)
        for start, stop in pairwise(borders)
    ]
    terms = tuple((step.champion, step.decision) for step in steps)
    return Replayed(final.hazard, tuple(months), terms, _coverage(steps, spine, final, districts, level=level))


def no_outcome(hazard: str, borders: Sequence[datetime]) -> NotEnoughData:
    """The refusal of a time whose outcomes are not known."""
    return NotEnoughData(
        f"no forecast from {borders[0]:%Y-%m-%d} to {borders[-1]:%Y-%m-%d} has an outcome",
        where=f"backtest {hazard}",
        cause="no label of that time is ripe yet, or there are no features of it",
        fix="choose an earlier period, or wait for the reporting delay to pass",
    )


def _outcomes(rows: IntArray, final: Labels) -> tuple[BoolArray, IntArray]:
    """Of rows of the spine: whether there is an outcome, and its position in `final`, which means nothing where not."""
    place = np.searchsorted(final.rows, rows)
    return np.append(final.rows, -1)[place] == rows, place


def _ripe_rows(steps: Sequence[Step], spine: Spine, final: Labels, *, ripe: BoolArray, label: IntArray) -> _Rows:
    occurred = final.occurred[label]
    everyone = {MODEL: [step.probability for step in steps]}
    for name in steps[0].baselines:
        everyone[name] = [step.baselines[name] for step in steps]
    forecasts = {name: np.concatenate(parts)[ripe] for name, parts in everyone.items()}
    losses = {name: row_losses(values, occurred)["log_loss"] for name, values in forecasts.items()}
    return _Rows(spine.as_of[final.rows[label]], occurred, losses, forecasts[MODEL])


def _coverage(
    steps: Sequence[Step], spine: Spine, final: Labels, districts: Sequence[str], *, level: float
) -> Coverage | None:
    """Of each term's whole weeks, how often the incidents of a district lay in the interval of the model in charge."""
    found: list[tuple[FloatArray, IntArray]] = []
    for step in steps:
        ripe, label = _outcomes(step.rows, final)
        if step.count_variance is None or not ripe.any():
            continue
        here, count = spine.take(step.rows[ripe]), final.count[label[ripe]]
        groups = weeks_of(step.probability[ripe], count, here, districts, horizon_hours=final.horizon_hours)
        found.append((covered(groups, step.count_variance, level=level), groups.district))
    if not found:
        return None
    inside, group = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return coverage(DISTRICT_WEEKS, inside, group, Where.of(spine.asset[:0], districts).names, level=level)


def _month(
    rows: _Rows, steps: Sequence[Step], start: datetime, stop: datetime, *, unripe: int, params: EvaluateParams
) -> MonthJudged:
    inside, so_far = np.flatnonzero(_inside(rows.as_of, start, stop)), np.flatnonzero(rows.as_of < instant_of(stop))
    probability = rows.probability[inside]
    expected = float(probability.sum())
    spread = RANGE_DEVIATIONS * float(np.sqrt((probability * (1 - probability)).sum()))
    daily = params.model_copy(update={"block_days": 1.0})
    in_charge = dict.fromkeys(step.champion for step in steps if step.term.start < stop and step.term.stop > start)
    return MonthJudged(
        start=start,
        stop=stop,
        champions=tuple(in_charge) or (NOBODY,),
        rows=len(inside),
        unripe=unripe,
        incidents=int(rows.occurred[inside].sum()),
        expected=expected,
        expected_low=max(expected - spread, 0.0),
        expected_high=expected + spread,
        log_loss={name: float(losses[inside].mean()) for name, losses in rows.losses.items() if len(inside)},
        skill=_skill(rows, inside, daily) if len(inside) else None,
        cumulative=_skill(rows, so_far, params) if len(so_far) else None,
    )


def _skill(rows: _Rows, chosen: IntArray, params: EvaluateParams) -> dict[str, Estimate]:
    """Forecaster -> log-loss skill against climatology on the chosen rows."""
    as_of = rows.as_of[chosen]
    others = {name: losses[chosen] for name, losses in rows.losses.items() if name != REFERENCE}
    reference = rows.losses[REFERENCE][chosen]
    if (as_of.max() - as_of.min()) / DAY < 2 * params.block_days:
        values = {name: 1.0 - float(losses.sum() / reference.sum()) for name, losses in others.items()}
        return {name: Estimate(value, value, value) for name, value in values.items()}
    blocks = draw_blocks(as_of, params)
    total = blocks.total(reference)
    return {name: estimate(1.0 - blocks.total(losses) / total) for name, losses in others.items()}


def _inside(as_of: InstantArray, start: datetime, stop: datetime) -> BoolArray:
    return np.asarray((as_of >= instant_of(start)) & (as_of < instant_of(stop)))
