"""The feature functions by name. A new one is a small pure function with `@feature("name")`; YAML then names it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from contracts.errors import BadPilot, nearest
from contracts.pilot import FeatureChoice
from contracts.results import FeatureInfo, Float32Array
from features.view import View


class Question(Protocol):
    """A column that is asked for when its place is there, and written once: `partial(view.window, ...)`."""

    def __call__(self, *, out: Float32Array) -> Float32Array: ...


Column = tuple[FeatureInfo, Float32Array | Question]  # values: (hours, assets)
FeatureFunction = Callable[[View, FeatureChoice], Iterator[Column]]

REGISTERED: dict[str, FeatureFunction] = {}
_USES: dict[str, frozenset[str]] = {}


def feature(kind: str, *, uses: tuple[str, ...] = ()) -> Callable[[FeatureFunction], FeatureFunction]:
    """Register a feature function under `kind`. `uses` are the keys of a FeatureChoice that it reads and needs."""

    def register(function: FeatureFunction) -> FeatureFunction:
        REGISTERED[kind] = function
        _USES[kind] = frozenset(uses)
        return function

    return register


def find(choice: FeatureChoice) -> FeatureFunction:
    """The function for one choice of the pilot.

    Raises:
        BadPilot: an unknown kind, a key the kind does not use, or one it needs and did not get.
    """
    if choice.kind not in REGISTERED:
        raise BadPilot(f"no feature kind {choice.kind!r}", where="features", allowed=nearest(choice.kind, REGISTERED))
    given = {name for name in FeatureChoice.model_fields if name != "kind" and getattr(choice, name)}
    uses = _USES[choice.kind]
    where = f"features: kind {choice.kind}"
    for extra in sorted(given - uses):
        raise BadPilot(f"{extra!r} has no meaning here", where=where, allowed=", ".join(sorted(uses)) or "no keys")
    optional = {"shrinkage", "options"} | ({"metrics", "hazards"} if {"metrics", "hazards"} <= uses else set())
    for lacking in sorted(uses - given - optional):
        raise BadPilot(f"{lacking!r} is missing", where=where, allowed=", ".join(sorted(uses)))
    return REGISTERED[choice.kind]
