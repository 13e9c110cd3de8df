"""The same stage for several feeds or hazards: one that is refused does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from contracts.errors import ForesafeError
from flows.documents import read_json, write_json


@dataclass(frozen=True)
class Outcome:
    """What became of one of them: its result, or why it was refused."""

    name: str
    result: Any = None
    refused: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "refused": self.refused, "result": self.result}


def attempt(name: str, call: Callable[[], Any]) -> Outcome:
    """Call it; a refusal that a person can act on becomes part of the outcome, anything else goes on up."""
    try:
        return Outcome(name, result=call())
    except ForesafeError as refusal:
        return Outcome(name, refused=str(refusal))


def attempt_each(
    names: Iterable[str], call: Callable[[str], Any], *, progress: Callable[[Outcome], None] = lambda _: None
) -> list[Outcome]:
    """`attempt` for each, in order; `progress` hears of each as it is done."""
    outcomes = []
    for name in names:
        outcome = attempt(name, partial(call, name))
        progress(outcome)
        outcomes.append(outcome)
    return outcomes


def record_outcomes(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Keep them where the command line and the report look."""
    write_json(path, [outcome.as_json() for outcome in outcomes])


def read_outcomes(path: Path) -> list[Outcome]:
    """Raises NotFound when the stage never ran."""
    return [Outcome(**found) for found in read_json(path, made_by=path.stem)]
