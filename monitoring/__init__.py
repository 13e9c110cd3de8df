"""Drift, realised performance, and the decision to retrain."""
