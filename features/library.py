"""The features that come with Foresafe, each a pure function of what was known. docs/new-feature.md adds one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from contracts.errors import BadPilot, nearest
from contracts.pilot import FeatureChoice
from contracts.results import FeatureInfo, Float32Array, FloatArray
from features.hourly import HOURLY_STATS
from features.readings import STATS
from features.registry import Column, feature
from features.view import View

YEAR_HOURS = 8760
BASELINE_SHRINKAGE = 2.0
STAT_WORDS = {"mean": "mean", "max": "highest", "min": "lowest", "std": "spread", "last": "latest", "count": "readings"}


@feature("trailing", uses=("metrics", "windows_hours", "stats"))
def trailing(view: View, choice: FeatureChoice) -> Iterator[Column]:
    """Statistics of each metric over trailing windows."""
    _known_stats(choice, STATS)
    for metric in choice.metrics:
        for hours in choice.windows_hours:
            for stat in choice.stats:
                words = f", {STAT_WORDS[stat]} of the last {hours} h"
                info = _metric_info(view, choice, metric, f"_{stat}_{hours}h", words, _window(hours), hours)
                info = replace(info, unit="") if stat == "count" else info
                yield info, partial(view.window, metric, stat, hours=hours)


@feature("hourly", uses=("metrics", "windows_hours", "stats"))
def hourly(view: View, choice: FeatureChoice) -> Iterator[Column]:
    """The mean and the maximum, over trailing windows, of each hour's own mean, max or spread."""
    _known_stats(choice, HOURLY_STATS)
    for metric in choice.metrics:
        for own in choice.stats:
            for hours in choice.windows_hours:
                for stat in ("mean", "max"):
                    words = f", {STAT_WORDS[stat]} hourly {STAT_WORDS[own]} of {hours} h"
                    uses = f"{_window(hours)}, hour by hour"
                    info = _metric_info(view, choice, metric, f"_{own}_1h_{stat}_{hours}h", words, uses, hours)
                    yield info, partial(view.hourly_window, metric, own, stat, hours=hours)


@feature("hourly_change", uses=("metrics", "windows_hours", "stats"))
def hourly_change(view: View, choice: FeatureChoice) -> Iterator[Column]:
    """The last hour's mean, max or spread against that of the hour so many hours ago, both as known now."""
    _known_stats(choice, HOURLY_STATS)
    # of one hour the highest is the only one
    for metric in choice.metrics:
        for own in choice.stats:
            now = view.hourly_window(metric, own, "max", hours=1)
            for hours in choice.windows_hours:
                words = f", change of the hourly {STAT_WORDS[own]} over {hours} h"
                uses = f"readings of the last hour and of the hour {hours} h ago, known by as_of"
                info = _metric_info(view, choice, metric, f"_{own}_1h_change_{hours}h", words, uses, hours)
                yield info, now - view.hourly_window(metric, own, "max", hours=1, ago=hours)


@feature("change", uses=("metrics", "windows_hours"))
def change(view: View, choice: FeatureChoice) -> Iterator[Column]:
    """The newest known reading of the last day against the mean of the hour so many hours ago, as known now."""
    for metric in choice.metrics:
        now = view.window(metric, "last", hours=24)
        for hours in choice.windows_hours:
            uses = f"the newest reading and those of the hour {hours} h ago, known by as_of"
            info = _metric_info(view, choice, metric, f"_change_{hours}h", f", change over {hours} h", uses, hours)
            yield info, now - view.window(metric, "mean", hours=1, ago=hours)


@feature("latest", uses=("metrics",))
def latest(view: View, choice: FeatureChoice) -> Iterator[Column]:
    """The newest known value, however old for a static attribute, within a week for anything else."""
    for metric in choice.metrics:
        static = view.pilot.metrics[metric].static
        values = view.attribute(metric) if static else view.window(metric, "last", hours=168)
        suffix, hours = ("", None) if static else ("_latest", 168)
        info = _metric_info(view, choice, metric, suffix, "", "the newest value known by as_of", hours)
        yield info, values


@feature("place")
def place(view: View, choice: FeatureChoice) -> Iterator[Column]:
    """Where the asset is. With it a model can learn what sets a place apart that no column tells."""
    for name, degrees in (("longitude", view.lon), ("latitude", view.lat)):
        info = FeatureInfo(name, choice.kind, f"{name} of the place", "deg", "where the asset stands", "place")
        yield info, np.broadcast_to(degrees.astype(np.float32)[None, :], view.shape)


@feature("incident_count", uses=("hazards", "windows_hours"))
def incident_count(view: View, choice: FeatureChoice) -> Iterator[Column]:
    """Incidents at the asset over trailing windows."""
    for hazard in choice.hazards:
        for hours in choice.windows_hours:
            info = _incident_info(view, choice, hazard, f"count_{hours}h", f"in the last {hours} h", hours)
            yield info, view.incident_count(hazard, hours=hours)


@feature("hours_since_incident", uses=("hazards",))
def hours_since_incident(view: View, choice: FeatureChoice) -> Iterator[Column]:
    """Hours since the last known incident at the asset; empty where none within a year."""
    for hazard in choice.hazards:
        info = _incident_info(view, choice, hazard, "hours_since", "hours since the last", YEAR_HOURS, unit="h")
        yield info, view.hours_since_incident(hazard, within=YEAR_HOURS)


@feature("neighbour_mean", uses=("metrics", "hazards", "windows_hours", "neighbours"))
def neighbour_mean(view: View, choice: FeatureChoice) -> Iterator[Column]:
    """The nearest assets' mean of a metric, or of their incident counts, over trailing windows."""
    k = choice.neighbours
    for hours in choice.windows_hours:
        for metric in choice.metrics:
            words, uses = f" nearby, mean of the last {hours} h", f"{_window(hours)}, of the {k} nearest assets"
            info = _metric_info(view, choice, metric, f"_mean_{hours}h_near{k}", words, uses, hours)
            yield info, view.neighbour_mean(view.window(metric, "mean", hours=hours), k)
        for hazard in choice.hazards:
            info = _incident_info(
                view, choice, hazard, f"count_{hours}h_near{k}", f"nearby in the last {hours} h", hours
            )
            yield info, view.neighbour_mean(view.incident_count(hazard, hours=hours), k)


@feature("climatology", uses=("hazards", "shrinkage"))
def climatology(view: View, choice: FeatureChoice) -> Iterator[Column]:
    """Past-only rate of the asset in these hours of the week, shrunk towards the asset's and the city's."""
    for hazard in choice.hazards:
        suffix = f"climatology_s{choice.shrinkage:g}"
        info = _incident_info(
            view, choice, hazard, suffix, "usual risk in this hour of the week", None, unit="probability"
        )
        yield info, view.climatology(hazard, shrinkage=choice.shrinkage)


@feature("calendar")
def calendar(view: View, choice: FeatureChoice) -> Iterator[Column]:
    """The wall clock of the hour that begins at as_of, and public holidays."""
    local = view.local
    columns: dict[str, tuple[str, FloatArray]] = {
        "hour_of_day": ("hour of the day", local.hour_of_day.astype(np.float64)),
        "weekday": ("day of the week (0 Monday)", local.weekday.astype(np.float64)),
        "year_sin": ("season, winter to summer", -np.cos(2 * np.pi * local.year_fraction)),
        "year_cos": ("season, spring to autumn", np.sin(2 * np.pi * local.year_fraction)),
    }
    if view.pilot.country:
        columns["holiday"] = ("public holiday (1 yes)", local.holiday().astype(np.float64))
        columns["holiday_tomorrow"] = ("public holiday tomorrow (1 yes)", local.holiday(1).astype(np.float64))
    for name, (words, values) in columns.items():
        info = FeatureInfo(name, choice.kind, words, "", "the calendar", "calendar")
        yield info, _for_all(view, values)


def baselines(view: View, choice: FeatureChoice) -> Iterator[Column]:
    """For each hazard, the two past-only probabilities that every model is held against. Always built."""
    for hazard in choice.hazards:
        words = "usual risk of this place in this hour of the week"
        info = _incident_info(view, choice, hazard, "climatology", words, None, unit="probability")
        yield info, view.climatology(hazard, shrinkage=BASELINE_SHRINKAGE)
        info = _incident_info(view, choice, hazard, "recent_rate", "risk by the last 30 days", 720, unit="probability")
        yield info, view.recent_rate(hazard, days=30)


def _for_all(view: View, values: FloatArray) -> Float32Array:
    return np.broadcast_to(values.astype(np.float32)[:, None], view.shape)


def _known_stats(choice: FeatureChoice, known: tuple[str, ...]) -> None:
    for stat in choice.stats:
        if stat not in known:
            raise BadPilot(
                f"no statistic {stat!r}", where=f"features: kind {choice.kind}", allowed=nearest(stat, known)
            )


def _window(hours: int) -> str:
    return f"readings in (as_of - {hours} h, as_of] known by as_of"


def _metric_info(
    view: View, choice: FeatureChoice, metric: str, suffix: str, words: str, uses: str, hours: int | None
) -> FeatureInfo:
    limits = view.pilot.metrics[metric]
    return FeatureInfo(
        name=metric + suffix,
        kind=choice.kind,
        words=(limits.label or metric) + words,
        unit=limits.unit,
        uses=uses,
        source=metric,
        window_hours=hours,
    )


def _incident_info(
    view: View, choice: FeatureChoice, hazard: str, suffix: str, words: str, hours: int | None, unit: str = "incidents"
) -> FeatureInfo:
    label = view.pilot.hazards[hazard].label or hazard
    window = f"in (as_of - {hours} h, as_of] " if hours else ""
    return FeatureInfo(
        name=f"{hazard}_{suffix}",
        kind=choice.kind,
        words=f"{label}: {words}",
        unit=unit,
        uses=f"incidents {window}known by as_of",
        source=hazard,
        window_hours=hours,
    )
