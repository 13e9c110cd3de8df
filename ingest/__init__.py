"""Shared data -> validated tables: sources, contracts as Great Expectations suites, quarantine, the store."""

from ingest.batches import ingest_feed
from ingest.check import Finding, check_pilot
from ingest.quarantine import outstanding
from ingest.replay import replay_feed
from ingest.store import Store

__all__ = ["Finding", "Store", "check_pilot", "ingest_feed", "outstanding", "replay_feed"]
