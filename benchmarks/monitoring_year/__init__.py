"""The parts of `benchmarks.monitoring`: a small city, its changes, daily windows, policies, and the counting."""
