"""What one hazard's forecasts are worth on the judged rows: budgets, costs, fair shares, reliability, coverage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from contracts.params import EvaluateParams
from contracts.results import Features, FloatArray, InstantArray, IntArray, Labels, Spine
from contracts.worth import Coverage, Worth
from models.alarms import Timeline, budget_table, cost_curve, hits_at_k
from models.blocks import draw_blocks
from models.coverage import count_coverage, risk_coverage
from models.evaluation import Judged
from models.explain import setting_of
from models.fairness import fair_shares
from models.fit import Trial
from models.grouped import reliability_by_group
from models.risk_model import RiskModel
from models.severity import judge_severity
from models.split import Parts
from models.stability import STABILITY_ROWS, top_reason_stays
from models.where import Where

SEASONS = ("December to February", "March to May", "June to August", "September to November")


def worth(
    probability: FloatArray,
    judged: Judged,
    where: Where,
    *,
    climatology: FloatArray,
    released: float,
    covered: tuple[Coverage, ...],
    top_reason_stays: float | None,
    timezone: str,
    params: EvaluateParams,
) -> Worth:
    """Everything that a person who acts on the forecasts asks, on the judged rows; at least one has an incident.

    Args:
        released: the threshold of the model's own bands.
        covered: of the same rows, see `models.coverage`. top_reason_stays: see `models.stability`.

    Raises:
        NotEnoughData: fewer than two blocks.
    """
    occurred, blocks = judged.occurred, draw_blocks(judged.as_of, params)
    timeline = Timeline.of(where.asset, judged.as_of)
    season = season_of(judged.as_of, timezone)
    return Worth(
        hazard=judged.hazard,
        part=judged.part,
        budget=budget_table(probability, occurred, timeline, alerts_per_day=judged.alerts_per_day, released=released),
        hits=hits_at_k(probability, occurred, judged.as_of, alerts_per_day=judged.alerts_per_day),
        costs=cost_curve(probability, climatology, occurred),
        fairness=fair_shares(
            probability,
            occurred,
            threshold=released,
            asset=where.asset,
            group=where.district,
            names=where.names,
            blocks=blocks,
        ),
        reliability=tuple(
            found
            for kind, group, names in (("district", where.district, where.names), ("season", season, SEASONS))
            for found in reliability_by_group(
                probability,
                occurred,
                kind=kind,
                group=group,
                names=names,
                blocks=blocks,
                bins=params.reliability_bins,
            )
        ),
        coverage=covered,
        top_reason_stays=top_reason_stays,
    )


def season_of(as_of: InstantArray, timezone: str) -> IntArray:
    """(m,) 0 for December to February of the local calendar, then on. Named by months: right in both hemispheres."""
    local = pd.DatetimeIndex(as_of).tz_localize("UTC").tz_convert(ZoneInfo(timezone))
    return np.asarray(local.month % 12 // 3, dtype=np.int64)


def worth_of_trial(
    model: RiskModel,
    trial: Trial,
    features: Features,
    labels: Labels,
    *,
    parts: Parts,
    districts: Sequence[str],
    timezone: str,
    params: EvaluateParams,
    truth: FloatArray | None = None,
) -> Worth:
    """`worth` of a scored test part at the model's own threshold, with the coverage of its intervals.

    Args:
        districts: of each asset of the spine. truth: (m,) true risk of the test rows, where it is known.
    """
    where = Where.of(features.spine.asset[labels.rows[parts.test]], districts)
    riskiest = np.argsort(-trial.probability, kind="stable")[:STABILITY_ROWS]
    rows = labels.rows[parts.test][np.sort(riskiest)]
    shown = model.aligned(features.take(rows))
    found = worth(
        trial.probability,
        trial.judged,
        where,
        climatology=trial.baselines["climatology"],
        released=model.bands.high,
        covered=coverage_of_trial(model, trial, features.spine, labels, parts=parts, districts=districts, truth=truth),
        top_reason_stays=top_reason_stays(model.parsed, shown.values, setting=setting_of(shown.infos)),
        timezone=timezone,
        params=params,
    )
    return replace(found, severity=judge_severity(model, features, labels, part=parts.test, params=params))


def coverage_of_trial(
    model: RiskModel,
    trial: Trial,
    spine: Spine,
    labels: Labels,
    *,
    parts: Parts,
    districts: Sequence[str],
    truth: FloatArray | None,
) -> tuple[Coverage, ...]:
    """Of the test part's intervals: of weekly counts, and of the true risk where it is known. As `worth_of_trial`."""
    here = spine.take(labels.rows[parts.test])
    where, level = Where.of(here.asset, districts), model.interval.level
    counts = count_coverage(
        trial.probability,
        labels.count[parts.test],
        where,
        here.as_of,
        relative_variance=model.count_variance,
        horizon_hours=labels.horizon_hours,
        level=level,
    )
    if truth is None or not np.isfinite(truth).any():
        return (counts,)
    return (counts, *risk_coverage(*model.interval.apply(trial.probability), truth, where, level=level))
