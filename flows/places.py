"""A pilot's own words, parameters and places, from the settings and its name."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from contracts.errors import NotFound, nearest
from contracts.params import Params, load_params
from contracts.pilot import Pilot, load_pilot
from flows.outputs import Outputs
from flows.settings import Settings


def pilot_of(settings: Settings, name: str) -> Pilot:
    """The pilot's own words; NotFound names the pilots there are."""
    return load_pilot(settings.pilots / name)


def params_of(settings: Settings, name: str) -> Params:
    return load_params(settings.home, name)


def outputs_of(settings: Settings, name: str) -> Outputs:
    return Outputs(settings.state, name)


def feed_names(settings: Settings, name: str) -> tuple[str, ...]:
    """The feeds of a pilot, in the order in which they are ingested."""
    from contracts.feed import load_feeds

    return tuple(feed.name for feed in load_feeds(settings.pilots / name, pilot_of(settings, name)))


def hazard_names(settings: Settings, name: str) -> tuple[str, ...]:
    """`train.hazards`, or all of the pilot's.

    Raises:
        NotFound: `train.hazards` or `train.per_hazard` names one that the pilot does not have.
    """
    known, train = pilot_of(settings, name).hazards, params_of(settings, name).train
    for key, named in (("hazards", train.hazards), ("per_hazard", tuple(train.per_hazard))):
        _all_known(named, known, where=f"params.yaml: train.{key}")
    return train.hazards or tuple(known)


def chosen_hazards(settings: Settings, name: str, chosen: Sequence[str]) -> tuple[str, ...]:
    """Those of the pilot's that were asked for; all that are trained where none was. Raises NotFound."""
    trained = hazard_names(settings, name)
    _all_known(chosen, pilot_of(settings, name).hazards, where=f"pilot {name}")
    return tuple(chosen) or trained


def _all_known(named: Sequence[str], known: Collection[str], *, where: str) -> None:
    for hazard in named:
        if hazard not in known:
            raise NotFound(f"no hazard {hazard!r}", where=where, allowed=nearest(hazard, known))


def zone_of_model(settings: Settings, model: str) -> str:
    """The time zone of the pilot that a registered model (`PILOT-HAZARD`) belongs to; Korea's where none is here."""
    pilots = [path.parent.name for path in settings.pilots.glob("*/pilot.yaml") if model.startswith(path.parent.name)]
    return pilot_of(settings, max(pilots, key=len)).timezone if pilots else "Asia/Seoul"
