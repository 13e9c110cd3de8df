"""Runs, versions, aliases and decisions in MLflow. The only place that imports mlflow, so import it where it is needed.

Nothing is imported before it is used: who only moves an alias does not wait for LightGBM.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts.lazy import importing

if TYPE_CHECKING:
    from models.registry.approval import approve, turn_down, waiting_versions
    from models.registry.client import Tracking
    from models.registry.entry import Entry, read_entry
    from models.registry.fresh import FreshProcess
    from models.registry.moves import AliasMove, alias_moves, champion_at, move_alias
    from models.registry.publishing import publish, version_of_run
    from models.registry.record import (
        Event,
        history,
        recorded_decision,
        release,
        save_refusal,
        unexplained_champion,
    )
    from models.registry.references import fetch_reference, log_reference
    from models.registry.rollback import roll_back
    from models.registry.runs import log_training_run
    from models.registry.series import log_series
    from models.registry.versions import (
        Alias,
        Version,
        champion_version,
        find_version,
        load_champion,
        load_version,
        registered_name,
    )

_MODULES = {
    "approval": ("approve", "turn_down", "waiting_versions"),
    "client": ("Tracking",),
    "entry": ("Entry", "read_entry"),
    "fresh": ("FreshProcess",),
    "moves": ("AliasMove", "alias_moves", "champion_at", "move_alias"),
    "publishing": ("publish", "version_of_run"),
    "record": ("Event", "history", "recorded_decision", "release", "save_refusal", "unexplained_champion"),
    "references": ("fetch_reference", "log_reference"),
    "rollback": ("roll_back",),
    "runs": ("log_training_run",),
    "series": ("log_series",),
    "versions": (
        "Alias",
        "Version",
        "champion_version",
        "find_version",
        "load_champion",
        "load_version",
        "registered_name",
    ),
}
_HOME = {name: f"models.registry.{module}" for module, names in _MODULES.items() for name in names}

__all__ = [
    "Alias",
    "AliasMove",
    "Entry",
    "Event",
    "FreshProcess",
    "Tracking",
    "Version",
    "alias_moves",
    "approve",
    "champion_at",
    "champion_version",
    "fetch_reference",
    "find_version",
    "history",
    "load_champion",
    "load_version",
    "log_reference",
    "log_series",
    "log_training_run",
    "move_alias",
    "publish",
    "read_entry",
    "recorded_decision",
    "registered_name",
    "release",
    "roll_back",
    "save_refusal",
    "turn_down",
    "unexplained_champion",
    "version_of_run",
    "waiting_versions",
]

__getattr__ = importing(__name__, _HOME)
