"""A simulated Ulsan that shares data as real partners do, with known true risk."""

from simulation.drop import SimulationSummary, simulate, true_risk

__all__ = ["SimulationSummary", "simulate", "true_risk"]
