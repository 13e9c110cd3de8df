"""Is the distance to the true risk data or model? Shares of attainable skill against months of training history.

Three learn from the last months of the training part, and are judged on the test part in expectation over the true
risk, which a single draw of outcomes would blur: the pilot's model (with one seed), a rival that knows the law's form
(`benchmarks.law_form`), and, once, the same trees with the true risk to learn from instead of incidents. That last one
is what the columns tell at all: it has as good as any number of incidents, and lacks what nobody had reported yet.
What is cut is the rows that are learned from; columns such as the climatology keep their whole past.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import lightgbm as lgb
import numpy as np

from benchmarks.law_form import Rows, learned
from contracts.results import FloatArray, IntArray
from flows import Material
from models.baselines import climatology
from models.calibrate import fit_calibrator
from models.examples import examples
from models.pyfunc import raw_scores
from models.split import Parts
from models.train import booster_params, train

MONTHS = (3.0, 6.0, 12.0, 18.0, 28.0, 60.0, np.inf)
MONTH_DAYS = 365.25 / 12
QUIET_ROWS = 40_000  # without incident, for the rival: more hardly move so few numbers; weighted back
RISK_ROWS = 150_000  # of the training part, for the trees that learn from the true risk
RISK_TREES = {"num_leaves": 31, "learning_rate": 0.08, "min_data_in_leaf": 50, "lambda_l2": 1.0}
RISK_ROUNDS = 400

Truth = Callable[[IntArray], FloatArray]


@dataclass(frozen=True)
class Point:
    """What so much history teaches. months: of training rows; model, form: shares of the attainable skill."""

    months: float
    incidents: int
    model: float
    form: float


@dataclass(frozen=True)
class Curve:
    """One hazard. columns: the share of trees that learned the true risk itself from the same columns."""

    hazard: str
    points: Sequence[Point]
    columns: float

    @property
    def attainable(self) -> float:
        """What is proven to be learnable from all of the history: the best of those who learned from incidents."""
        return max(self.points[-1].model, self.points[-1].form)


def learning_curve(given: Material, truth: Truth, *, months: Sequence[float] = MONTHS) -> Curve:
    """One hazard's curve.

    Args:
        truth: the true risk, inside (0, 1), of rows of the spine.

    Raises:
        NotEnoughData: too few incidents in the whole training part; shorter histories with too few are left out.
    """
    config = given.params.train
    one = given.params.train.model_copy(update={"seeds": config.seeds[:1]})
    points = []
    for span, rows in _histories(given, months):
        incidents = int(given.labels.occurred[rows].sum())
        if incidents < config.min_incidents and np.isfinite(span):
            continue
        parts = Parts(rows, given.parts.calibrate, given.parts.test)
        ensemble = train(given.features, given.labels, parts=parts, config=one)
        model = _share(given, truth, _raw(given, ensemble.parsed()))
        form = _share(given, truth, _form(given, parts))
        points.append(Point(_months(given, rows), incidents, model, form))
    return Curve(given.labels.hazard, tuple(points), _share(given, truth, _taught_the_truth(given, truth)))


def expected_share(model: FloatArray, usual: FloatArray, best: FloatArray, *, truth: FloatArray) -> float:
    """0 as `usual`, 1 as `best`, by log loss in expectation over the truth. All (m,), inside (0, 1)."""

    def loss(stated: FloatArray) -> float:
        return -float((truth * np.log(stated) + (1.0 - truth) * np.log1p(-stated)).mean())

    return (loss(usual) - loss(model)) / (loss(usual) - loss(best))


def _histories(given: Material, months: Sequence[float]) -> list[tuple[float, IntArray]]:
    """The last so many months of the training part, and the whole; what is nearly the whole is not asked for twice."""
    rows = given.parts.train
    as_of = given.features.spine.as_of[given.labels.rows[rows]]
    age = (as_of.max() - as_of) / np.timedelta64(1, "D") / MONTH_DAYS
    return [(span, rows[age < span]) for span in months if span < 0.9 * age.max() or np.isinf(span)]


def _months(given: Material, rows: IntArray) -> float:
    as_of = given.features.spine.as_of[given.labels.rows[rows]]
    return float((as_of.max() - as_of.min()) / np.timedelta64(1, "D") / MONTH_DAYS)


def _share(given: Material, truth: Truth, raw: Callable[[IntArray], FloatArray]) -> float:
    """raw: log odds of spine rows; calibrated as the model's are."""
    labels, parts = given.labels, given.parts
    calibrate, test = labels.rows[parts.calibrate], labels.rows[parts.test]
    method = given.params.calibrate.method
    calibrator = fit_calibrator(raw(calibrate), labels.occurred[parts.calibrate], method=method)
    base_rate = float(labels.occurred[parts.train].mean())
    usual = climatology(given.features, labels.hazard, test, base_rate=base_rate)
    risk = truth(test)
    return expected_share(calibrator.apply(raw(test)), usual, risk, truth=risk)


def _raw(given: Material, boosters: Sequence[lgb.Booster]) -> Callable[[IntArray], FloatArray]:
    return lambda at: raw_scores(boosters, given.features.values[at]).mean(axis=0)


def _form(given: Material, parts: Parts) -> Callable[[IntArray], FloatArray]:
    kept = examples(given.features.spine, given.labels, parts=parts, config=given.params.train)
    quiet = np.flatnonzero(~kept.occurred)
    drawn = np.random.default_rng(0).choice(quiet, min(QUIET_ROWS, len(quiet)), replace=False)
    some = np.sort(np.concatenate([np.flatnonzero(kept.occurred), drawn]))
    weight = np.where(kept.occurred, kept.weight, kept.weight * len(quiet) / max(len(drawn), 1))[some]
    rates = learned(_rows(given, kept.rows[some]), kept.occurred[some], weight)
    return lambda at: rates(_rows(given, at))


def _rows(given: Material, at: IntArray) -> Rows:
    return Rows(given.labels.hazard, given.features.take(at))


def _taught_the_truth(given: Material, truth: Truth) -> Callable[[IntArray], FloatArray]:
    """Trees that learn each row's true risk, as if its hour had come again and again."""
    train_rows = given.labels.rows[given.parts.train]
    drawn = np.random.default_rng(0).choice(len(train_rows), min(RISK_ROWS, len(train_rows)), replace=False)
    rows = np.sort(train_rows[drawn])
    config = given.params.train
    params = {**booster_params(config, config.seeds[0]), **RISK_TREES, "objective": "cross_entropy"}
    data = lgb.Dataset(given.features.values[rows], truth(rows).astype(np.float32), params=params)
    return _raw(given, (lgb.train(params, data, num_boost_round=RISK_ROUNDS),))


def curve_table(curves: Mapping[str, Curve]) -> str:
    """A line for each hazard and length of history."""
    lines = [f"{'hazard':<18}{'months':>8}{'incidents':>11}{'model':>8}{'form known':>12}{'columns tell':>14}"]
    for hazard, curve in curves.items():
        for point in curve.points:
            last = f"{curve.columns:>14.3f}" if point is curve.points[-1] else ""
            lines.append(
                f"{hazard:<18}{point.months:>8.1f}{point.incidents:>11,}{point.model:>8.3f}{point.form:>12.3f}{last}"
            )
    return "\n".join(lines)


def plot_curves(curves: Mapping[str, Curve], path: Path) -> Path:
    """A PNG with one panel a hazard."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2 * len(curves), 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, curve in zip(
        figure.subplots(1, len(curves), sharey=True, squeeze=False)[0], curves.values(), strict=True
    ):
        months = [point.months for point in curve.points]
        axes.plot(months, [point.model for point in curve.points], "o-", label="model")
        axes.plot(months, [point.form for point in curve.points], "s--", label="the law's form is known")
        axes.axhline(curve.columns, color="grey", linestyle=":", label="what the columns tell at all")
        axes.set(
            title=curve.hazard, xlabel="months of training", xlim=(0, None), ylim=(min(0.0, *axes.get_ylim()), 1.0)
        )
    figure.axes[0].set_ylabel("share of the attainable skill")
    figure.axes[-1].legend(fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    return path
