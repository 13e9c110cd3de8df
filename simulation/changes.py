"""What is planted in a city that goes on: a complex that opens, and sensors that are recalibrated."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Opening:
    """A complex of so many plants where none was. asset_id: the cell. day: counted from the city's first one."""

    asset_id: str
    plants: int
    day: int


@dataclass(frozen=True)
class Recalibration:
    """From a day on all gauges of some of the plants' metrics read `factor` times what they did, for good."""

    metrics: tuple[str, ...]
    factor: float
    day: int


@dataclass(frozen=True)
class Changes:
    """None of them: the city goes on as it was."""

    opening: Opening | None = None
    recalibration: Recalibration | None = None
