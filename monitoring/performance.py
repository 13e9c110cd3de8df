"""How good the forecasts were once labels are ripe, and how good they probably are before that.

**Realised.** Scores of forecasts against what happened, per hazard and district, each beside what a calibrated model
would have scored on the very same rows. The difference is tested over days (rows of a day are alike), after
Spiegelhalter (1986), whose z statistic it is with the days' own variance where that is larger.

**What could be gained.** Two corrections are fitted on every other day and judged on the days between: a line through
the log odds (what recalibrating would bring), and on top of it a factor for each group of rows, such as an asset or
the upper tenth of a feature (what a retraining could learn). A correction that gains nothing out of time is none.

**Estimated, without labels.** If probabilities are calibrated, a row's expected log loss and Brier score follow from
its forecast alone, and expected precision at each threshold from the forecasts above it: the idea of confidence-based
performance estimation (CBPE, NannyML). It holds for inputs like those of training only, so it abstains when more than
a share of the inputs, weighted by importance, has left their range; and it cannot see a law that changed: that gap
between estimated and realised is tracked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from contracts.params import MonitorParams
from contracts.results import BoolArray, Float32Array, FloatArray, InstantArray, IntArray
from monitoring.profile import Scale

LEAST_DAYS = 6  # with forecasts, for a test over days
PRIOR_INCIDENTS = 5.0  # that a group's factor is shrunk with
RANGE_MARGIN = 0.1  # of the training range, on either side
_DAY_US = 86_400_000_000
_SMALLEST = 1e-9
_BINS = 400  # of log odds, for the line through them


@dataclass(frozen=True)
class Judged:
    """Forecasts that can be judged. All (n,): probability, occurred, as_of, district.

    groups: name -> (n,) codes from 0, in which a retraining might find something (asset, hour, tenths of a feature).
    """

    probability: FloatArray
    occurred: BoolArray
    as_of: InstantArray
    district: tuple[str, ...]
    district_code: IntArray
    groups: Mapping[str, IntArray]


@dataclass(frozen=True)
class Score:
    """Of some rows: realised, and expected of a calibrated model on the same rows. z: their difference, over days."""

    rows: int
    incidents: int
    log_loss: float
    brier: float
    expected_log_loss: float
    expected_brier: float
    z: float


@dataclass(frozen=True)
class Gain:
    """What a correction brings on days it was not fitted on: a share of the log loss, and z over days.

    since: the day (days since 1970) from which on it gains most in sum. Before a change the correction costs, after it
    it gains: so this is when things changed, as far back as the judged days go.
    """

    share: float
    z: float
    what: str
    since: int


@dataclass(frozen=True)
class Realised:
    """Of one hazard. learning: the best of the groups' gains, beyond recalibrating."""

    overall: Score
    average_precision: float
    expected_average_precision: float
    districts: Mapping[str, Score]
    recalibrating: Gain
    learning: Gain


@dataclass(frozen=True)
class Estimated:
    """Expected scores of forecasts whose labels are not ripe; NaN with a `state` where it abstains."""

    rows: int
    outside: float
    log_loss: float = np.nan
    brier: float = np.nan
    average_precision: float = np.nan
    state: str = ""


@dataclass(frozen=True)
class Performance:
    """realised is None with a state that says what is missing."""

    realised: Realised | None = None
    state: str = ""
    ripe_incidents: int = 0
    notes: tuple[str, ...] = field(default=())


def measure_realised(judged: Judged, *, params: MonitorParams, next_check: str) -> Performance:
    """Scores per hazard and district, and what could be gained; or what is missing for that.

    next_check: when somebody looks again, for the words.
    """
    incidents = int(judged.occurred.sum())
    days = _days(judged.as_of)
    if incidents < params.min_ripe_incidents or len(np.unique(days)) < LEAST_DAYS:
        found = f"{incidents} of {params.min_ripe_incidents} incidents, {len(np.unique(days))} of {LEAST_DAYS} days"
        return Performance(None, f"not enough ripe labels: {found}; next check {next_check}", incidents)
    probability = np.clip(judged.probability, _SMALLEST, 1 - _SMALLEST)
    recalibrated, line = _cross_fitted_line(probability, judged.occurred, days)
    realised = Realised(
        overall=_score(probability, judged.occurred, days),
        average_precision=average_precision(probability, judged.occurred.astype(np.float64)),
        expected_average_precision=average_precision(probability, probability),
        districts=_by_district(judged, probability, days),
        recalibrating=_gain(probability, recalibrated, judged.occurred, days, what=line),
        learning=_learning(judged, probability, recalibrated, days),
    )
    return Performance(realised, "", incidents)


def estimate_performance(
    probability: FloatArray, values: Float32Array, *, scale: Scale, importance: FloatArray, max_outside: float
) -> Estimated:
    """Expected scores from the forecasts alone. values: (n, p) inputs in the order of `scale.names`."""
    rows = len(probability)
    if rows == 0:
        return Estimated(0, 0.0, state="no forecast to estimate for")
    outside = share_outside(values, scale, importance)
    if outside > max_outside:
        said = f"{outside:.1%} of the inputs, by importance, are outside the training range; limit {max_outside:.1%}"
        return Estimated(rows, outside, state=f"no estimate: {said}")
    p = np.clip(probability, _SMALLEST, 1 - _SMALLEST)
    return Estimated(
        rows,
        outside,
        log_loss=float(_expected_loss(p).mean()),
        brier=float((p * (1 - p)).mean()),
        average_precision=average_precision(p, p),
    )


def share_outside(values: Float32Array, scale: Scale, importance: FloatArray) -> float:
    """Mean over features, weighted by importance, of the share of known values outside the training range."""
    with np.errstate(invalid="ignore"):
        room = RANGE_MARGIN * (scale.high - scale.low)
        out = (values < scale.low - room) | (values > scale.high + room)
    known = np.maximum((~np.isnan(values)).sum(axis=0), 1)
    return float((out.sum(axis=0) / known * importance).sum() / max(float(importance.sum()), 1e-12))


def average_precision(probability: FloatArray, hits: FloatArray) -> float:
    """Area under precision against recall, step-wise, equal forecasts one threshold. hits: (n,) incidents, or what is
    expected of them: then it is the expected average precision to first order."""
    total = float(hits.sum())
    if total == 0:
        return float("nan")
    order = np.argsort(-probability, kind="stable")
    found = np.cumsum(hits[order])
    last = np.append(np.flatnonzero(np.diff(probability[order])), len(order) - 1)
    steps = np.diff(found[last], prepend=0.0)
    return float((steps * found[last] / (last + 1)).sum() / total)


def _score(p: FloatArray, occurred: BoolArray, days: IntArray) -> Score:
    loss, expected = _loss(p, occurred), _expected_loss(p)
    own = p * (1 - p) * (np.log(p) - np.log1p(-p)) ** 2  # variance of the row's log loss, were the forecast right
    return Score(
        rows=len(p),
        incidents=int(occurred.sum()),
        log_loss=float(loss.mean()),
        brier=float(((p - occurred) ** 2).mean()),
        expected_log_loss=float(expected.mean()),
        expected_brier=float((p * (1 - p)).mean()),
        z=_z_over_days(loss - expected, days, least_variance=float(own.sum())),
    )


def _by_district(judged: Judged, p: FloatArray, days: IntArray) -> dict[str, Score]:
    order = np.argsort(judged.district_code, kind="stable")
    cuts = np.searchsorted(judged.district_code[order], np.arange(len(judged.district) + 1))
    parts = {name: order[cuts[i] : cuts[i + 1]] for i, name in enumerate(judged.district)}
    return {name: _score(p[rows], judged.occurred[rows], days[rows]) for name, rows in parts.items() if len(rows)}


def _cross_fitted_line(p: FloatArray, occurred: BoolArray, days: IntArray) -> tuple[FloatArray, str]:
    """Every row's forecast corrected by the line that the other half of the days gives."""
    odds, half = np.log(p) - np.log1p(-p), days % 2
    out, said = np.empty_like(p), []
    for side in (0, 1):
        slope, intercept = _line(odds[half != side], occurred[half != side])
        out[half == side] = 1 / (1 + np.exp(-np.clip(slope * odds[half == side] + intercept, -20, 20)))
        said.append((slope, intercept))
    slope, intercept = np.mean(said, axis=0)
    return np.clip(out, _SMALLEST, 1 - _SMALLEST), f"log odds times {slope:.2f} {intercept:+.2f}"


def _line(odds: FloatArray, occurred: BoolArray) -> tuple[float, float]:
    """Slope and intercept by maximum likelihood, with normal priors around 1 and 0 (standard deviation 1).

    On bins of the log odds: four hundred numbers instead of a hundred thousand rows.
    """
    edges = np.linspace(odds.min(), odds.max() + 1e-9, _BINS + 1)
    place = np.minimum(np.searchsorted(edges, odds, side="right") - 1, _BINS - 1)
    n = np.bincount(place, minlength=_BINS).astype(np.float64)
    hits = np.bincount(place, weights=occurred, minlength=_BINS)
    x = np.bincount(place, weights=odds, minlength=_BINS) / np.maximum(n, 1)
    design = np.column_stack([x, np.ones(_BINS)])
    prior, at = np.array([1.0, 0.0]), np.array([1.0, 0.0])
    for _ in range(12):
        expected = 1 / (1 + np.exp(-np.clip(design @ at, -30, 30)))
        gradient = design.T @ (n * expected - hits) + (at - prior)
        hessian = design.T @ ((n * expected * (1 - expected))[:, None] * design) + np.eye(2)
        at = at - np.clip(np.linalg.solve(hessian, gradient), -1.0, 1.0)
    return float(at[0]), float(at[1])


def _learning(judged: Judged, p: FloatArray, recalibrated: FloatArray, days: IntArray) -> Gain:
    """The group whose own factors gain most beyond the line."""
    best = Gain(0.0, 0.0, "nothing", int(days.min()))
    for name, codes in judged.groups.items():
        better = _cross_fitted_factors(recalibrated, judged.occurred, codes, days)
        gain = _gain(recalibrated, better, judged.occurred, days, what=name)
        best = gain if gain.z > best.z else best
    return best


def _cross_fitted_factors(p: FloatArray, occurred: BoolArray, codes: IntArray, days: IntArray) -> FloatArray:
    """Odds times a shrunken observed / expected of the row's group, from the other half of the days."""
    out, half, size = np.empty_like(p), days % 2, int(codes.max()) + 1
    for side in (0, 1):
        fit = half != side
        observed = np.bincount(codes[fit], weights=occurred[fit], minlength=size)
        expected = np.bincount(codes[fit], weights=p[fit], minlength=size)
        factor = (observed + PRIOR_INCIDENTS) / (expected + PRIOR_INCIDENTS)
        mine = half == side
        odds = p[mine] / (1 - p[mine]) * factor[codes[mine]]
        out[mine] = odds / (1 + odds)
    return np.clip(out, _SMALLEST, 1 - _SMALLEST)


def _gain(before: FloatArray, after: FloatArray, occurred: BoolArray, days: IntArray, *, what: str) -> Gain:
    loss = _loss(before, occurred)
    gained = loss - _loss(after, occurred)
    return Gain(float(gained.mean() / loss.mean()), _z_over_days(gained, days), what, _since(gained, days))


def _since(gained: FloatArray, days: IntArray) -> int:
    """The first day of the stretch up to the last one that gains most: the change of a cumulative sum (Page 1954)."""
    there, slot = np.unique(days, return_inverse=True)
    ahead = np.cumsum(np.bincount(slot, weights=gained)[::-1])[::-1]
    return int(there[int(np.argmax(ahead))])


def _z_over_days(values: FloatArray, days: IntArray, *, least_variance: float = 0.0) -> float:
    """Sum over its standard error, with the days as observations; 0 where there are too few of them."""
    _, slot = np.unique(days, return_inverse=True)
    totals = np.bincount(slot, weights=values)
    if len(totals) < LEAST_DAYS:
        return 0.0
    variance = max(len(totals) * float(totals.var(ddof=1)), least_variance, 1e-18)
    return float(totals.sum() / np.sqrt(variance))


def _loss(p: FloatArray, occurred: BoolArray) -> FloatArray:
    return np.asarray(-np.log(np.where(occurred, p, 1 - p)))


def _expected_loss(p: FloatArray) -> FloatArray:
    return np.asarray(-(p * np.log(p) + (1 - p) * np.log1p(-p)))


def _days(as_of: InstantArray) -> IntArray:
    return as_of.astype("datetime64[us]").astype(np.int64) // _DAY_US
