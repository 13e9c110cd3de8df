"""Shared data -> validated tables: sources, contracts as Great Expectations suites, quarantine, the store."""
