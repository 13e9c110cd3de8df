"""One stage as dvc.yaml runs it: the stage function alone, hazard by hazard where it is for each."""

from __future__ import annotations

from functools import partial
from typing import Any

from contracts.errors import NotEnoughData
from flows import stages
from flows.console import say
from flows.each import Outcome, attempt_each, record_outcomes
from flows.instants import now
from flows.places import feed_names, hazard_names, outputs_of
from flows.settings import Settings


def rerun(settings: Settings, stage: str, pilot: str) -> list[tuple[str, str]]:
    """Run it; (name, why refused) where that should make the rerun fail.

    A hazard with too few incidents is left out of training and said so, and the rerun goes on with the others.
    """
    if stage == "ingest":
        found = _each(settings, stage, pilot, feed_names(settings, pilot), partial(stages.ingest_feed, now=now()))
        return [(outcome.name, outcome.refused) for outcome in found]
    if stage == "train":
        found = _each(settings, stage, pilot, hazard_names(settings, pilot), stages.train)
        if all(outcome.refused for outcome in found):
            raise NotEnoughData("no hazard could be trained", where=f"pilot {pilot}", cause=found[0].refused)
        return []
    if stage in ("evaluate", "track"):
        trained = [name for name in hazard_names(settings, pilot) if outputs_of(settings, pilot).model(name).is_dir()]
        found = _each(settings, stage, pilot, trained, getattr(stages, stage))
        return [(outcome.name, outcome.refused) for outcome in found]
    say(f"{stage}: {_single(settings, stage, pilot)}")
    return []


def _single(settings: Settings, stage: str, pilot: str) -> Any:
    calls: dict[str, Any] = {
        "simulate": partial(stages.simulate, progress=say),
        "features": stages.features,
        "score": partial(stages.score, released=False, now=now()),
        "report": partial(stages.report, now=now()),
    }
    return calls[stage](settings, pilot)


def _each(settings: Settings, stage: str, pilot: str, names: Any, call: Any) -> list[Outcome]:
    outcomes = attempt_each(names, lambda name: call(settings, pilot, name), progress=partial(_tell, stage))
    record_outcomes(outputs_of(settings, pilot).last(stage), outcomes)
    return outcomes


def _tell(stage: str, outcome: Outcome) -> None:
    say(f"  {stage} {outcome.name}: {outcome.refused or 'done'}")
