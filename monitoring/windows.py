"""One check of one model, as it is kept: a line of `windows.jsonl`, and what a decision looks back on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from monitoring.findings import Finding, read_finding


@dataclass(frozen=True)
class Window:
    """What was seen of one hazard's model at one instant.

    version: of the champion; empty without one. drift_share: of its importance in features that moved; None where
    that could not be judged. gate_faults: columns that did not pass. learning_z, recalibrating_z: what a retraining or
    a recalibration would gain, in standard errors; None while labels are not ripe. learning_since, recalibrating_since:
    ISO instants from which on it gains, which is when the change was. states: part -> why it could not be
    judged. numbers: for the time series.
    """

    pilot: str
    hazard: str
    at: datetime
    version: str = ""
    drift_share: float | None = None
    moved: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    gate_faults: tuple[str, ...] = ()
    learning_z: float | None = None
    learning_share: float = 0.0
    learning_what: str = ""
    recalibrating_z: float | None = None
    recalibrating_share: float = 0.0
    learning_since: str = ""
    recalibrating_since: str = ""
    ripe_incidents: int = 0
    states: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """One line for each hazard, model and instant."""
        return f"{self.hazard}|{self.version}|{self.at.isoformat()}"

    def as_json(self) -> dict[str, Any]:
        """JSON values only; a number that is not finite is left out."""
        numbers = {name: value for name, value in self.numbers.items() if math.isfinite(value)}
        found = [finding.as_json() for finding in self.findings]
        return {**asdict(self), "at": self.at.isoformat(), "findings": found, "numbers": numbers, "key": self.key}


def read_window(document: Mapping[str, Any]) -> Window:
    """The window whose `as_json` this is."""
    kept = {name: value for name, value in document.items() if name != "key"}
    return Window(
        **{
            **kept,
            "at": datetime.fromisoformat(document["at"]),
            "moved": tuple(document["moved"]),
            "gate_faults": tuple(document["gate_faults"]),
            "findings": tuple(read_finding(found) for found in document["findings"]),
        }
    )
