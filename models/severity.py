"""How severe an incident is likely to be where one happens: frequency x severity, as actuaries do.

A small booster of incidents' severity over their mean, as a quasi-Poisson regression (log link; McCullagh 1983): sums
are right whatever the spread, and a rise of severity by a factor is one step wherever it happens. It is fitted to the
training part's rows with an incident alone, and kept only where forecasts of whole weeks that it was not fitted to
are surely better than one mean. docs/decisions/008-count-and-severity.md says what was tried.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import lightgbm as lgb
import numpy as np

from contracts.params import EvaluateParams
from contracts.results import BoolArray, Features, Float32Array, FloatArray, IntArray, Labels
from contracts.worth import SeverityWorth
from models.blocks import DAY, draw_blocks, estimate
from models.pyfunc import incident_severities
from models.risk_model import RiskModel

FOLDS = 5  # of whole weeks
LEAST_INCIDENTS = 200  # rows; fewer never were enough
TREES = 60
PARAMS = {
    "objective": "poisson",
    "learning_rate": 0.08,
    "num_leaves": 4,
    "min_data_in_leaf": 50,
    "lambda_l2": 10.0,
    "feature_fraction": 0.5,
    "max_bin": 63,
    "seed": 1,
    "num_threads": 1,  # thousands of rows: more threads only wait for each other
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


@dataclass(frozen=True)
class Incidents:
    """Rows with an incident, all (k,): which of the labels, how severe one was on average, how many there were."""

    at: IntArray
    severity: FloatArray
    count: FloatArray

    @classmethod
    def of(cls, labels: Labels, part: IntArray) -> Incidents:
        at = part[labels.count[part] > 0]
        count = labels.count[at].astype(np.float64)
        return cls(at, labels.severity[at] / count, count)

    def mean(self, of: BoolArray) -> float:
        """Severity of one incident in these rows, (k,) bool."""
        return float(np.average(self.severity[of], weights=self.count[of]))

    def fit(self, values: Float32Array, of: BoolArray) -> lgb.Booster:
        """On these rows of `values`, which are all (k, p)."""
        relative = self.severity[of] / self.mean(of)
        data = lgb.Dataset(values[of], relative, weight=self.count[of], params=PARAMS)
        return lgb.train(PARAMS, data, num_boost_round=TREES)


def fit_severity(features: Features, labels: Labels, *, part: IntArray) -> tuple[str, ...]:
    """LightGBM text whose exp(raw score) is a row's severity over the part's mean; none: the mean is as good.

    Args:
        part: (m,) positions into `labels`, the training part.
    """
    known = Incidents.of(labels, part)
    here = features.take(labels.rows[known.at])
    if len(known.at) < LEAST_INCIDENTS or len(np.unique(_fold(here))) < FOLDS:
        return ()
    own, mean = _out_of_fold(known, here)
    excess = known.count * (gamma_deviance(known.severity, own) - gamma_deviance(known.severity, mean))
    if estimate(draw_blocks(here.spine.as_of, EvaluateParams()).total(excess)).high >= 0:
        return ()
    everything = np.ones(len(known.at), dtype=bool)
    return (known.fit(here.values, everything).model_to_string(num_iteration=-1),)


def _fold(here: Features) -> IntArray:
    as_of = here.spine.as_of
    return np.asarray((as_of - np.datetime64(0, "us")) // (7 * DAY) % FOLDS, dtype=np.int64)


def _out_of_fold(known: Incidents, here: Features) -> tuple[FloatArray, FloatArray]:
    """(k,) each: severities by a booster and by the mean of the incidents of other weeks."""
    fold = _fold(here)
    own, mean = np.empty(len(fold)), np.empty(len(fold))
    for out in (fold == number for number in range(FOLDS)):
        mean[out] = known.mean(~out)
        own[out] = mean[out] * incident_severities((known.fit(here.values, ~out),), here.values[out], mean=1.0)
    return own, mean


def judge_severity(
    model: RiskModel, features: Features, labels: Labels, *, part: IntArray, params: EvaluateParams
) -> SeverityWorth | None:
    """How far a model's severities were from those that came, beside its one mean; None without an incident.

    Raises:
        NotEnoughData: fewer than two blocks.
    """
    known = Incidents.of(labels, part)
    if not len(known.at):
        return None
    blocks = draw_blocks(features.spine.as_of[labels.rows[part]], params)
    blocks = replace(blocks, block=blocks.block[labels.count[part] > 0])
    stated = model.incident_severity(features.take(labels.rows[known.at])), np.full(len(known.at), model.mean_severity)
    with np.errstate(invalid="ignore", divide="ignore"):  # a draw without incidents says nothing
        own, one = (
            blocks.total(known.count * gamma_deviance(known.severity, each)) / blocks.total(known.count)
            for each in stated
        )
    return SeverityWorth(
        int(known.count.sum()), estimate(own), estimate(one), estimate(own - one), bool(model.severity)
    )


def gamma_deviance(severity: FloatArray, stated: FloatArray) -> FloatArray:
    """(k,) 2 (s / m - 1 - log(s / m)): 0 where right, and the same for a factor at any level."""
    ratio = severity / stated
    return np.asarray(2 * (ratio - 1 - np.log(ratio)))
