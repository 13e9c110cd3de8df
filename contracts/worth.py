"""What forecasts are worth to the people who act on them: frozen results, kept as JSON beside the Evaluation.

A number that the rows do not support is None, never 0; the text beside it says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter

from contracts.results import Estimate


@dataclass(frozen=True)
class BudgetRow:
    """What one alarm threshold gives on the judged rows. An alert is a row (place and instant) at or above it.

    asked_per_day: the budget that the threshold was set for; None for the threshold of the released bands, which was
        set on earlier rows. alerts_per_day: what came of it. left_out: equal rows that would have broken the budget:
        they are alerted together or not at all.
    precision, recall: of alerted rows.
    incidents: unbroken stretches of rows of one place with an incident in their window; caught: those with an alert.
    lead_hours_median, lead_share_1h: over the caught ones; see `models.alarms`.
    false_alarms: unbroken stretches of alerts of one place without an incident in any of their windows.
    most_at_once: alerts of the worst single instant.
    """

    asked_per_day: float | None
    threshold: float
    alerts: int
    alerts_per_day: float
    left_out: int
    precision: float | None
    recall: float
    incidents: int
    caught: int
    lead_hours_median: float | None
    lead_share_1h: float | None
    false_alarms: int
    hours_between_false_alarms: float | None
    most_at_once: int


@dataclass(frozen=True)
class HitsAtK:
    """Share of the rows with an incident that are among the k highest of their instant, or of their UTC day."""

    per: str
    k: int
    share: float
    by_chance: float


@dataclass(frozen=True)
class CostPoint:
    """Mean cost of 1,000 forecasts in units of one false alarm, when a miss costs `ratio` of them.

    An alarm is raised where it costs less than none by the forecast itself: p >= 1 / (1 + ratio).
    """

    ratio: float
    model: float
    climatology: float
    never: float
    always: float


@dataclass(frozen=True)
class Share:
    """One district's part of what the alarms give and cost. recall is None where incidents are too few."""

    group: str
    places: int
    rows: int
    incidents: int
    alerts: int
    recall: Estimate | None
    false_alarms_per_place_month: Estimate


@dataclass(frozen=True)
class FairShares:
    """gap: highest recall less the lowest, over the districts with enough incidents; its interval is that of these two
    districts. gap_by_chance: what 95 of 100 cities without any unfairness would stay below, with as few incidents."""

    threshold: float
    shares: tuple[Share, ...]
    gap: Estimate | None
    gap_by_chance: float | None
    best: str
    worst: str
    note: str


@dataclass(frozen=True)
class GroupReliability:
    """Forecast against what came true in one group. ratio: observed / forecast, None where incidents
    or weeks are too few.

    ece_by_chance: the ECE that a perfectly calibrated forecast would show on so few rows.
    """

    kind: str
    group: str
    rows: int
    incidents: int
    predicted: float
    observed: float
    ratio: Estimate | None
    ece: float
    ece_by_chance: float


@dataclass(frozen=True)
class Coverage:
    """How often what was stated lay inside its interval: overall, and in each district.

    of: `incidents of a district and week`, or `true risk of a row` where the truth is known.
    """

    of: str
    stated: float
    cases: int
    covered: float
    worst_group: str
    worst: float
    by_group: Mapping[str, float]


@dataclass(frozen=True)
class SeverityWorth:
    """Mean gamma deviance of an incident's stated severity, and of one mean's; difference: the first less the second.

    incidents: how many they are judged by. own: whether the model has a severity of its own, or states the mean.
    """

    incidents: int
    deviance: Estimate
    one_mean: Estimate
    difference: Estimate
    own: bool


@dataclass(frozen=True)
class Worth:
    """All of it for one hazard on one part. top_reason_stays: share of the riskiest rows whose first
    reason stays under noise of a thousandth of each feature's spread. severity: None without an incident."""

    hazard: str
    part: str
    budget: tuple[BudgetRow, ...]
    hits: tuple[HitsAtK, ...]
    costs: tuple[CostPoint, ...]
    fairness: FairShares
    reliability: tuple[GroupReliability, ...]
    coverage: tuple[Coverage, ...]
    top_reason_stays: float | None
    severity: SeverityWorth | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


_ADAPTER: TypeAdapter[Worth] = TypeAdapter(Worth)


def read_worth(document: Mapping[str, Any]) -> Worth:
    """The Worth whose `as_json` this is.

    Raises:
        pydantic.ValidationError: made by another version.
    """
    return _ADAPTER.validate_python(dict(document))
