"""What changed, how good the forecasts are, and what to do about it: Evidently drift, performance, the decision.

    check_sensors, check_arrivals, check_refusals   what happened to the data  -> Finding, named
    make_reference, check_model                     a model's window against its own training  -> Window
    decide_retrain                                  windows  -> Decision with reasons
    render_page                                     Evidently's page; the only part that imports it, in seconds

Everything is a pure function of what it is given; only a reference is read and written. Nothing is imported before it
is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts.lazy import importing

if TYPE_CHECKING:
    from monitoring.check import Checked, Seen, check_model
    from monitoring.decide import decide_retrain
    from monitoring.drift import DriftReport, measure_drift
    from monitoring.findings import Finding
    from monitoring.page import render_page
    from monitoring.panel import SensorDays, sensor_days
    from monitoring.performance import Judged, estimate_performance, measure_realised
    from monitoring.reference import Reference, make_reference
    from monitoring.sensors import check_arrivals, check_refusals, check_sensors
    from monitoring.windows import Window, read_window

_MODULES = {
    "check": ("Checked", "Seen", "check_model"),
    "decide": ("decide_retrain",),
    "drift": ("DriftReport", "measure_drift"),
    "findings": ("Finding",),
    "page": ("render_page",),
    "panel": ("SensorDays", "sensor_days"),
    "performance": ("Judged", "estimate_performance", "measure_realised"),
    "reference": ("Reference", "make_reference"),
    "sensors": ("check_arrivals", "check_refusals", "check_sensors"),
    "windows": ("Window", "read_window"),
}
_HOME = {name: f"monitoring.{module}" for module, names in _MODULES.items() for name in names}

__all__ = [
    "Checked",
    "DriftReport",
    "Finding",
    "Judged",
    "Reference",
    "Seen",
    "SensorDays",
    "Window",
    "check_arrivals",
    "check_model",
    "check_refusals",
    "check_sensors",
    "decide_retrain",
    "estimate_performance",
    "make_reference",
    "measure_drift",
    "measure_realised",
    "read_window",
    "render_page",
    "sensor_days",
]

__getattr__ = importing(__name__, _HOME)
