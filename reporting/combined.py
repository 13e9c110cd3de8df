"""One risk of a place over all its hazards."""

from __future__ import annotations

import numpy as np
import pandas as pd


def combined_risk(scores: pd.DataFrame) -> pd.DataFrame:
    """One row a place, the highest first: asset_id, as_of, hours, probability, expected_severity, leading_hazard.

    hours: the shortest horizon of the hazards; longer ones are spread evenly over theirs.
    probability: of at least one incident of any hazard, 1 - exp(-sum of expected counts); with equal horizons this is
    1 - product of (1 - p). It takes the hazards as independent given what the models know: a storm that brings a flood
    and an accident together makes it a little too high.
    expected_severity: the sum, so it means something only where all hazards share one scale of severity; NaN where one
    of them is not known (a hazard without a model).

    scores: SCORES columns of one forecast instant.
    """
    scores = scores.reset_index(drop=True)
    hours = int(scores["horizon_hours"].min())
    share = hours / scores["horizon_hours"]
    rates = scores.assign(count=scores["expected_count"] * share, severity=scores["expected_severity"] * share)
    places = rates.groupby("asset_id", sort=False)
    leading = rates.loc[places["count"].idxmax()].set_index("asset_id")["hazard"]
    out = pd.DataFrame(
        {
            "as_of": places["as_of"].first(),
            "hours": hours,
            "probability": -np.expm1(-places["count"].sum()),
            "expected_severity": places["severity"].sum(min_count=scores["hazard"].nunique()),
            "leading_hazard": leading,
        }
    )
    return out.rename_axis("asset_id").sort_values("probability", ascending=False, kind="stable").reset_index()
