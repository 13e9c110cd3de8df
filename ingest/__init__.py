"""Shared data -> validated tables: sources, contracts as Great Expectations suites, quarantine, the store."""

from ingest.batches import ingest_feed
from ingest.store import Store

__all__ = ["Store", "ingest_feed"]
