"""The stages: load, one pure call, save. Both conductors (Prefect's flows and dvc.yaml) and the command line use these.

Each takes the settings and the pilot's name, leaves files where `Outputs` says, and returns a small JSON summary.
Heavy rooms are imported inside, so that no command pays for one that it does not use.
"""

from flows.stages.backfill import backfill
from flows.stages.data import features, go_on, ingest_feed, replay_feed, simulate
from flows.stages.forecast import report, score
from flows.stages.learn import evaluate, train
from flows.stages.release import learn_and_release, release, track
from flows.stages.watch import decisions, monitor

__all__ = [
    "backfill",
    "decisions",
    "evaluate",
    "features",
    "go_on",
    "ingest_feed",
    "learn_and_release",
    "monitor",
    "release",
    "replay_feed",
    "report",
    "score",
    "simulate",
    "track",
    "train",
]
