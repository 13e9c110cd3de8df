"""From features and labels to a whole risk model: train, calibrate, interval, alarm bands, usual values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import lightgbm as lgb
import numpy as np

from contracts.params import CalibrateParams, TrainParams
from contracts.results import Features, FloatArray, InstantArray, IntArray, Labels, Spine
from models.aftermath import Aftermath, fit_aftermath
from models.bands import alarm_bands
from models.baselines import baseline_probabilities
from models.calibrate import fit_calibrator
from models.counts import count_variance
from models.evaluation import Judged
from models.explain import usual_values
from models.intervals import fit_interval
from models.pyfunc import raw_scores
from models.refit import refit
from models.risk_model import RiskModel
from models.severity import fit_severity
from models.split import HOUR, Parts
from models.train import Ensemble, fit_boosters, train

DAY_HOURS = 24.0


class Learner(Protocol):
    """Fits an ensemble on `parts.train` alone: `models.train.train`, or a way to do that on several machines."""

    def __call__(self, features: Features, labels: Labels, *, parts: Parts, config: TrainParams) -> Ensemble: ...


@dataclass(frozen=True)
class Fitted:
    """A model and what training it showed: trees, features without information, importance (feature -> share)."""

    model: RiskModel
    trees: int
    stopped_early: bool
    unused: tuple[str, ...]
    importance: Mapping[str, float]


def fit_risk_model(
    features: Features,
    labels: Labels,
    *,
    parts: Parts,
    train_params: TrainParams,
    calibrate_params: CalibrateParams,
    alerts_per_day: float,
    provenance: Mapping[str, Any],
    districts: Sequence[str] = (),
    learn: Learner = train,
) -> Fitted:
    """Train on `parts.train`, calibrate and set bands on `parts.calibrate`, out of fold where that is a part of it;
    `parts.test` is not looked at.

    Args:
        parts: positions into `labels`.
        provenance: what the caller knows about the data (instant, store versions, code revision); JSON values.
        districts: of each asset of the spine, for intervals of counts; none: the whole area is one.
        learn: what trains the ensemble.

    Raises:
        NotEnoughData, BadTable: as `train` and `fit_calibrator`.
    """
    ensemble = learn(features, labels, parts=parts, config=train_params)
    rows, occurred = labels.rows[parts.calibrate], labels.occurred[parts.calibrate]
    raw = _unseen_scores(features, labels, parts=parts, ensemble=ensemble, config=train_params)
    changed = bool(parts.folds)  # what is calibrated out of fold came of a change
    calibrator = fit_calibrator(raw, occurred, method=calibrate_params.method, moved=changed)
    probability = calibrator.apply(raw)
    as_of = features.spine.as_of
    days = _days(as_of[rows])
    fitted_until = as_of[rows].max() + labels.horizon_hours * HOUR
    model = RiskModel(
        hazard=labels.hazard,
        horizon_hours=labels.horizon_hours,
        boosters=ensemble.boosters,
        calibrator=calibrator,
        interval=fit_interval(
            probability,
            occurred,
            refit=refit(features, labels, parts=parts, ensemble=ensemble, calibrator=calibrator, config=train_params),
            history_days=_days(as_of[labels.rows[parts.train]]),
            aftermath=_aftermath(probability, labels, features.spine, parts),
            level=calibrate_params.interval,
        ),
        count_variance=count_variance(probability, labels, features.spine, parts.calibrate, districts),
        mean_severity=float(labels.severity[parts.train].sum() / labels.count[parts.train].sum()),
        severity=fit_severity(features, labels, part=parts.train),
        bands=alarm_bands(probability, days=days, alerts_per_day=alerts_per_day),
        infos=features.infos,
        spec_hash=features.spec_hash,
        usual=usual_values(features, labels.rows[parts.train], ensemble.importance),
        base_rate=float(labels.occurred[parts.train].mean()),
        provenance={
            **provenance,
            "fitted_until": f"{np.datetime_as_string(fitted_until, unit='s')}+00:00",
            "lightgbm": lgb.__version__,
        },
    )
    return Fitted(model, ensemble.trees, ensemble.stopped_early, ensemble.unused, _shares(ensemble, features.names))


def _days(as_of: InstantArray) -> float:
    """From the first hour to the end of the last."""
    return float((as_of.max() - as_of.min()) / HOUR + 1) / DAY_HOURS


def _shares(ensemble: Ensemble, names: Sequence[str]) -> dict[str, float]:
    """Feature -> its share of the total gain."""
    total = max(float(ensemble.importance.sum()), 1e-12)
    return {name: float(gain / total) for name, gain in zip(names, ensemble.importance, strict=True)}


def _unseen_scores(
    features: Features, labels: Labels, *, parts: Parts, ensemble: Ensemble, config: TrainParams
) -> FloatArray:
    """(calibration rows,) raw scores by boosters that were not fitted on the row: the ensemble's own where the part is
    held out, else those of one seed and as many trees, for each fold."""
    if not parts.folds:
        return np.asarray(raw_scores(ensemble.parsed(), features.values[labels.rows[parts.calibrate]]).mean(axis=0))
    one = config.model_copy(update={"seeds": config.seeds[:1]})
    out = np.empty(len(parts.calibrate))
    for fold in parts.folds:
        rows, occurred = labels.rows[fold.train], labels.occurred[fold.train]
        boosters = fit_boosters(features, rows, occurred, hazard=labels.hazard, trees=ensemble.trees, config=one)
        forecast = raw_scores(boosters, features.values[labels.rows[fold.test]]).mean(axis=0)
        out[np.searchsorted(parts.calibrate, fold.test)] = forecast
    return out


def _aftermath(probability: FloatArray, labels: Labels, spine: Spine, parts: Parts) -> Aftermath:
    here, occurred = spine.take(labels.rows[parts.calibrate]), labels.occurred[parts.calibrate]
    return fit_aftermath(probability, occurred, asset=here.asset, as_of=here.as_of, horizon_hours=labels.horizon_hours)


@dataclass(frozen=True)
class Trial:
    """The test part, scored: what `evaluate`, `decide_promotion` and the plots all look at."""

    judged: Judged
    probability: FloatArray
    baselines: Mapping[str, FloatArray]

    def take(self, rows: IntArray) -> Trial:
        """Of some of its rows."""
        judged = replace(self.judged, occurred=self.judged.occurred[rows], as_of=self.judged.as_of[rows])
        return Trial(judged, self.probability[rows], {name: values[rows] for name, values in self.baselines.items()})


def trial_on_test(
    model: RiskModel, features: Features, labels: Labels, *, parts: Parts, alerts_per_day: float
) -> Trial:
    """Score the untouched test part with the model and with every baseline.

    Raises:
        BadTable: features that do not fit the model, or a baseline's column is missing.
    """
    rows = labels.rows[parts.test]
    judged = Judged(
        hazard=labels.hazard,
        part="test",
        occurred=labels.occurred[parts.test],
        as_of=features.spine.as_of[rows],
        base_rate=float(labels.occurred[parts.train].mean()),
        alerts_per_day=alerts_per_day,
    )
    baselines = baseline_probabilities(features, labels, parts=parts, rows=rows)
    return Trial(judged, model.predict(features.take(rows))[0], baselines)
