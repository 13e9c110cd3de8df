"""A simulated Ulsan that shares data as real partners do, with known true risk."""

from simulation.changes import Changes, Opening, Recalibration
from simulation.drop import SimulationSummary, go_on, knowable_risk, simulate, true_risk

__all__ = [
    "Changes",
    "Opening",
    "Recalibration",
    "SimulationSummary",
    "go_on",
    "knowable_risk",
    "simulate",
    "true_risk",
]
