"""Conductors of the stages: the command line, Prefect's flows, DVC.

What a notebook or a benchmark needs of them is public here; nothing is imported before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts.lazy import importing

if TYPE_CHECKING:
    from flows import stages
    from flows.material import Material, judge_rows, load_material
    from flows.places import feed_names, hazard_names, outputs_of, params_of, pilot_of
    from flows.settings import Settings, load_settings

_HOME = {
    "Material": "flows.material",
    "Settings": "flows.settings",
    "feed_names": "flows.places",
    "hazard_names": "flows.places",
    "judge_rows": "flows.material",
    "load_material": "flows.material",
    "load_settings": "flows.settings",
    "outputs_of": "flows.places",
    "params_of": "flows.places",
    "pilot_of": "flows.places",
}

__all__ = [
    "Material",
    "Settings",
    "feed_names",
    "hazard_names",
    "judge_rows",
    "load_material",
    "load_settings",
    "outputs_of",
    "params_of",
    "pilot_of",
    "stages",
]

__getattr__ = importing(__name__, _HOME)
