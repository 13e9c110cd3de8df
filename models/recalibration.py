"""The same forecasts at another level: a released model with a line through its log odds, and nothing else of it new.

log odds = slope * log odds before + intercept, fitted as `models.calibrate` fits where the level is known to have
moved, on ripe rows that the model was not fitted on. Boosters, features and usual values keep their bytes. A line keeps
the order of the rows, so each band's threshold goes along and the alarm budget holds. The intervals go along too, and
are wider by how well so few incidents tell the level: a standard error of 1 / sqrt(incidents) of the log odds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
from scipy.stats import norm

from contracts.errors import NotEnoughData
from contracts.results import BoolArray, Features, FloatArray, IntArray, Labels, instant_of
from models.bands import Bands
from models.calibrate import Calibrator, fit_calibrator
from models.intervals import IntervalTable
from models.pyfunc import log_odds, sigmoid
from models.risk_model import RiskModel
from models.split import HOUR

ROUNDING = 1e-12  # of a threshold, so that the row that set it still reaches it


@dataclass(frozen=True)
class Line:
    """What becomes of the log odds; incidents: of the rows it was fitted on."""

    slope: float
    intercept: float
    incidents: int

    def apply(self, probability: FloatArray) -> FloatArray:
        """(n,) probabilities, in the same order."""
        return sigmoid(self.slope * log_odds(probability) + self.intercept)


def recalibrate(
    champion: RiskModel, features: Features, labels: Labels, *, rows: IntArray, provenance: Mapping[str, Any]
) -> RiskModel:
    """A model whose forecasts are the champion's on a line fitted on recent ripe rows.

    Args:
        rows: (m,) positions into `labels`; of them, those after the champion's `fitted_until` are looked at.
        provenance: of this fit, JSON values; `fitted_until`, LightGBM's version and the line are added.

    Raises:
        NotEnoughData: no row that the champion was not fitted on, none with an incident or none without, or forecasts
            that do not rank the rows any more.
        BadTable: features that do not fit the champion.
    """
    rows = _untouched(champion, features, labels, rows)
    here = features.take(labels.rows[rows])
    line = fit_line(champion, here, labels.occurred[rows])
    last = here.spine.as_of.max() + labels.horizon_hours * HOUR
    return replace(
        champion,
        spec_hash=features.spec_hash,  # another one where the pilot changed in what is not a feature
        calibrator=_calibrator(champion.calibrator, line),
        interval=_interval(champion.interval, line),
        bands=_bands(champion.bands, line),
        provenance={
            **provenance,
            "fitted_until": f"{np.datetime_as_string(last, unit='s')}+00:00",
            "lightgbm": champion.provenance["lightgbm"],
            "line": {"slope": line.slope, "intercept": line.intercept, "incidents": line.incidents},
        },
    )


def fit_line(champion: RiskModel, here: Features, occurred: BoolArray) -> Line:
    """The line that these rows' incidents ask for. Raises as `recalibrate`."""
    fitted = fit_calibrator(log_odds(champion.predict(here)[0]), occurred, method="logistic", moved=True)
    if fitted.slope <= 0:
        raise NotEnoughData(
            "the forecasts do not rank the recent rows any more",
            where=f"recalibrate {champion.hazard}",
            cause="more than the level has changed, or too few incidents",
            fix="train again",
        )
    return Line(fitted.slope, float(fitted.document["intercept"]), int(occurred.sum()))


def _untouched(champion: RiskModel, features: Features, labels: Labels, rows: IntArray) -> IntArray:
    fitted_until = datetime.fromisoformat(champion.provenance["fitted_until"])
    kept = rows[features.spine.as_of[labels.rows[rows]] >= instant_of(fitted_until)]
    if len(kept) == 0:
        raise NotEnoughData(
            f"none of {len(rows)} ripe rows is later than {fitted_until:%Y-%m-%d %H:%M} UTC, until when the model was "
            "fitted",
            where=f"recalibrate {champion.hazard}",
            fix="wait until more labels are ripe",
        )
    return kept


def _calibrator(before: Calibrator, line: Line) -> Calibrator:
    if before.method == "isotonic":
        steps = line.apply(np.asarray(before.document["probability"], dtype=np.float64))
        return Calibrator({**before.document, "probability": steps.tolist()})
    shift = float(before.document.get("intercept", 0.0))
    return Calibrator(
        {"method": "logistic", "slope": line.slope * before.slope, "intercept": line.slope * shift + line.intercept}
    )


def _interval(before: IntervalTable, line: Line) -> IntervalTable:
    level = float(norm.ppf((1 + before.level) / 2)) / np.sqrt(line.incidents)
    centre = line.slope * np.asarray(before.centre) + line.intercept
    below, above = (np.hypot(line.slope * np.asarray(half), level) for half in (before.below, before.above))
    return IntervalTable(before.level, tuple(centre.tolist()), tuple(below.tolist()), tuple(above.tolist()))


def _bands(before: Bands, line: Line) -> Bands:
    least = np.array([before.elevated, before.high, before.extreme])
    elevated, high, extreme = (line.apply(least) * (1 - ROUNDING)).tolist()
    return Bands(elevated=elevated, high=high, extreme=extreme)
