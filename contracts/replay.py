"""What a replayed history came to: month by month, and training by training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from contracts.results import Decision, Estimate
from contracts.worth import Coverage

MODEL, REFERENCE = "foresafe", "climatology"  # whose skill, against whom
NOBODY = REFERENCE  # who forecasts while there is no champion


@dataclass(frozen=True)
class MonthJudged:
    """One month. unripe: forecasts whose outcome is not known yet; left out of everything else.

    champions: who was in charge. expected, expected_low, expected_high: rows with an incident by the forecasts, and
    the range in which 95 % of such counts lie; where windows overlap or days are alike, counts spread wider.
    skill: forecaster -> within the month; cumulative: from the first month to this one's end. None without ripe rows;
    low and high are the value itself where two days are not there.
    """

    start: datetime
    stop: datetime
    champions: tuple[str, ...]
    rows: int
    unripe: int
    incidents: int
    expected: float
    expected_low: float
    expected_high: float
    log_loss: Mapping[str, float]
    skill: Mapping[str, Estimate] | None
    cumulative: Mapping[str, Estimate] | None

    @property
    def base_rate(self) -> float:
        return self.incidents / self.rows if self.rows else float("nan")


@dataclass(frozen=True)
class Replayed:
    """One hazard's history. terms: of each training, its instant, who was in charge after it, and the decision.
    coverage: of the incidents of a district and week, by the models in charge; None where none ever was."""

    hazard: str
    months: tuple[MonthJudged, ...]
    terms: tuple[tuple[str, Decision], ...]
    coverage: Coverage | None

    @property
    def rows(self) -> int:
        return sum(month.rows for month in self.months)

    @property
    def incidents(self) -> int:
        return sum(month.incidents for month in self.months)

    @property
    def whole(self) -> Mapping[str, Estimate]:
        """Skill over all months; there is a ripe one."""
        return next(month.cumulative for month in reversed(self.months) if month.cumulative is not None)

    @property
    def releases(self) -> int:
        return sum(decision.kind == "promote" for _, decision in self.terms)

    def as_json(self) -> dict[str, Any]:
        months = [
            {**asdict(month), "start": month.start.isoformat(), "stop": month.stop.isoformat()} for month in self.months
        ]
        terms = [{"in_charge": name, **_without_inputs(decision)} for name, decision in self.terms]
        coverage = None if self.coverage is None else asdict(self.coverage)
        return {"hazard": self.hazard, "months": months, "terms": terms, "coverage": coverage}


def _without_inputs(decision: Decision) -> dict[str, Any]:
    """The rules' findings are in its reasons; the whole evaluation of every month would be megabytes."""
    return {key: value for key, value in decision.as_json().items() if key != "inputs"}
