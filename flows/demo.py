"""The whole way once, on the simulated city: what a newcomer sees first. Safe to run again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.console import refuse, say, step, table
from flows.each import Outcome
from flows.instants import now
from flows.pages import ingest_rows, score_rows, train_rows, verdicts
from flows.places import outputs_of
from flows.second_act import Story, is_played, play, share
from flows.server import Use
from flows.services import prefect_service
from flows.settings import Settings
from flows.shown import links
from simulation import Opening, Recalibration

PILOT = "ulsan"
# Seconds on two quiet cores; together with the second act's five minutes.
BUDGET: Mapping[str, float] = {"simulate": 10, "ingest": 40, "train": 130, "score": 5, "report": 5}
# In the fourth month after, a complex opens beside homes, and for it the operator has all its gas gauges recalibrated.
# The looks are on days without a sensor fault, of which the partners have many: one comes first, and holds all else
# back.
STORY = Story(
    days=149,
    opening=Opening("8730c12adffffff", plants=9, day=107),
    recalibration=Recalibration(("voc_ppb", "h2s_ppb"), factor=2.5, day=107),
    looks=(109, 147, 148, 149),
)


def run_demo(settings: Settings) -> None:
    """Simulate, ingest, train, score; then the city changes and the loop closes; what came of it and where to look."""
    from flows import run, stages

    with Use(prefect_service(settings)):  # it starts while the city is simulated
        with step("simulate the city", budget_seconds=BUDGET["simulate"]):
            simulated = stages.simulate(settings, PILOT, progress=_quiet)
            if is_played(settings, PILOT):
                share(settings, PILOT, STORY)
        with step("ingest what the partners share", budget_seconds=BUDGET["ingest"]):
            fed = run.ingest(settings, PILOT, direct=False)
        with step("train, judge and release", budget_seconds=BUDGET["train"]):
            trained = run.train(settings, PILOT, direct=False)
        with step("score every place", budget_seconds=BUDGET["score"]):
            scored = run.score(settings, PILOT, as_of=None, direct=False)
        _tell(simulated=simulated, fed=fed, trained=trained, scored=scored)
        play(settings, PILOT, STORY)
        with step("write the report", budget_seconds=BUDGET["report"]):
            stages.report(settings, PILOT, now=now())
    say(f"Report: {outputs_of(settings, PILOT).report}")
    for words, where in links(settings, PILOT).items():
        say(f"{words}: {where}")


def _tell(
    *,
    simulated: Mapping[str, Any],
    fed: list[Outcome],
    trained: list[Outcome],
    scored: dict[str, Any],
) -> None:
    table(f"shared by four partners over {simulated['hours'] // 24:,} days", ingest_rows(fed))
    table("models, on months that none of them saw", train_rows(trained))
    for line in verdicts(trained):
        say(line)
    table("highest risks now", score_rows(scored))
    for outcome in (*fed, *trained):
        if outcome.refused:
            refuse(f"{outcome.name}: {outcome.refused}")


def _quiet(_line: str) -> None:
    """The demo's own steps say enough."""
