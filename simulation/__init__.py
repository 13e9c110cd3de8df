"""A simulated Ulsan that shares data as real partners do, with known true risk."""

from simulation.drop import SimulationSummary, knowable_risk, simulate, true_risk

__all__ = ["SimulationSummary", "knowable_risk", "simulate", "true_risk"]
