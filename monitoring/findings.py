"""What was found out about the data: a named change, of what, since when, and whose turn it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

Kind = Literal[
    "outage",  # a partner sends next to nothing, or nothing in one feed of incidents
    "gap",  # one sensor, or one metric of a partner, sends next to nothing
    "stuck",  # a sensor repeats one value
    "biased",  # one sensor left its past and its neighbours
    "unit_change",  # values fit the past once they are converted from another unit
    "clock_skew",  # the daily course is hours early or late
    "delay_changed",  # rows become known later or earlier than they used to
    "contract_broken",  # the gates refuse a partner's rows, or a column of the model
    "recalibrated",  # all sensors of one partner and metric moved by the same, nothing else did
    "new_asset",  # an asset, a sensor or a plant that was not there
    "population_moved",  # people are elsewhere than they were
    "world_moved",  # several sensors moved, each by its own amount
]
FAULTS: frozenset[Kind] = frozenset(
    ("outage", "gap", "stuck", "biased", "unit_change", "clock_skew", "delay_changed", "contract_broken")
)


@dataclass(frozen=True)
class Finding:
    """partner, metric (or the hazard or feed) and assets: empty where it is not about one. since: the first day of it.

    words: one sentence with numbers, for the page and the decision.
    """

    kind: Kind
    words: str
    since: datetime
    partner: str = ""
    metric: str = ""
    assets: tuple[str, ...] = ()

    @property
    def is_fault(self) -> bool:
        """A person must mend it; otherwise the world or its measurement changed, and a model must learn it."""
        return self.kind in FAULTS

    @property
    def key(self) -> str:
        """The same trouble has the same key on every day that it lasts."""
        one = self.assets[0] if len(self.assets) == 1 else ""
        return "|".join((self.kind, self.partner, self.metric, one))

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "since": self.since.isoformat(), "key": self.key}


def read_finding(document: dict[str, Any]) -> Finding:
    """The finding whose `as_json` this is."""
    kept = {key: value for key, value in document.items() if key not in ("key", "since", "assets")}
    return Finding(**kept, since=datetime.fromisoformat(document["since"]), assets=tuple(document["assets"]))


def listed(names: Iterable[str], *, most: int = 3) -> str:
    """`a, b, c and 4 more`."""
    everyone = list(names)
    more = f" and {len(everyone) - most} more" if len(everyone) > most else ""
    return ", ".join(everyone[:most]) + more
