"""Pictures of a replayed history as PNG: skill over time, calibration over time, who was in charge, base rate."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from contracts.replay import MODEL as FORESAFE
from contracts.replay import NOBODY, MonthJudged, Replayed
from models.canvas import INK, MODEL, OTHERS, canvas, saved

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES = {FORESAFE: "who was in charge", "recent_rate": "recent rate", "logistic_regression": "logistic regression"}
COLOURS = {FORESAFE: MODEL, "recent_rate": OTHERS[1], "logistic_regression": OTHERS[2]}


def plot_replay(folder: Path, replayed: Replayed) -> dict[str, Path]:
    """Draw one hazard's pictures into `folder`; what it is -> its path."""
    folder.mkdir(parents=True, exist_ok=True)
    judged = [month for month in replayed.months if month.rows]
    figures = {
        "skill": skill_figure(replayed.hazard, judged),
        "cumulative": cumulative_figure(replayed.hazard, judged),
        "calibration": calibration_figure(replayed.hazard, judged),
        "champions": champions_figure(replayed),
        "base_rate": base_rate_figure(replayed.hazard, judged),
    }
    return {name: saved(figure, folder / f"{replayed.hazard}-{name}.png") for name, figure in figures.items()}


def skill_figure(hazard: str, months: Sequence[MonthJudged]) -> Figure:
    """Each month's log loss skill against climatology; the bar is the block bootstrap's 95 %. A month without an
    incident is left out: whoever says less wins it, be it by nothing."""
    figure, axes = canvas(f"{hazard}: skill, month by month")
    months = [month for month in months if month.incidents]
    for name, colour in COLOURS.items():
        got = [month.skill[name] for month in months if month.skill]
        when = _when(months)
        if name == FORESAFE:
            axes.vlines(when, [e.low for e in got], [e.high for e in got], color=colour, alpha=0.35, linewidth=3)
        style = "o-" if name == FORESAFE else "-"
        axes.plot(when, [e.value for e in got], style, color=colour, markersize=4, linewidth=1.4, label=NAMES[name])
    axes.axhline(0, color=INK, linewidth=1)
    _dated(axes, "log loss skill over climatology")
    return figure


def cumulative_figure(hazard: str, months: Sequence[MonthJudged]) -> Figure:
    """From the first month to each month's end, with its interval."""
    figure, axes = canvas(f"{hazard}: skill so far")
    for name, colour in COLOURS.items():
        got = [month.cumulative[name] for month in months if month.cumulative]
        when = _when(months)
        axes.plot(when, [e.value for e in got], color=colour, linewidth=2, label=NAMES[name])
        if name == FORESAFE:
            axes.fill_between(when, [e.low for e in got], [e.high for e in got], color=colour, alpha=0.18, linewidth=0)
    axes.axhline(0, color=INK, linewidth=1)
    _dated(axes, "log loss skill over climatology")
    return figure


def calibration_figure(hazard: str, months: Sequence[MonthJudged]) -> Figure:
    """Forecasts that came true in each month against how many were to be expected."""
    figure, axes = canvas(f"{hazard}: forecast and observed, each month")
    when = _when(months)
    low, high = [month.expected_low for month in months], [month.expected_high for month in months]
    axes.fill_between(when, low, high, color=MODEL, alpha=0.18, linewidth=0, step="mid", label="95 % of such counts")
    axes.plot(
        when, [month.expected for month in months], color=MODEL, linewidth=2, label="forecast", drawstyle="steps-mid"
    )
    axes.plot(when, [month.incidents for month in months], "o", color=INK, markersize=5, label="observed")
    axes.set_ylim(bottom=0)
    _dated(axes, "hours and places with an incident")
    return figure


def champions_figure(replayed: Replayed) -> Figure:
    """Whose forecasts were used when; a cross is a refused challenger, a dot one that was released."""
    figure, axes = canvas(f"{replayed.hazard}: who was in charge")
    names = list(dict.fromkeys([NOBODY, *(name for name, _ in replayed.terms)]))
    stop = replayed.months[-1].stop
    starts = [decision.decided_at for _, decision in replayed.terms]
    spans = zip(replayed.terms, starts, [*starts[1:], stop], strict=True)
    for name, run in groupby(spans, key=lambda span: span[0][0]):
        found = list(run)
        colour = OTHERS[0] if name == NOBODY else MODEL
        axes.hlines(names.index(name), _day(found[0][1]), _day(found[-1][2]), color=colour, linewidth=9, alpha=0.6)
    for kind, mark, words in (("promote", "o", "released"), ("refuse", "x", "refused")):
        at = [(_day(d.decided_at), names.index(name)) for name, d in replayed.terms if d.kind == kind]
        axes.plot([a for a, _ in at], [n for _, n in at], mark, color=INK, markersize=6, label=words)
    axes.set(yticks=range(len(names)), ylim=(-0.6, len(names) - 0.4))
    axes.set_yticklabels(names)
    _dated(axes, "")
    return figure


def base_rate_figure(hazard: str, months: Sequence[MonthJudged]) -> Figure:
    """How often it happened, in a thousand forecasts: what a model trained before may no longer know."""
    figure, axes = canvas(f"{hazard}: base rate")
    rate = np.array([month.base_rate for month in months])
    rows = np.array([month.rows for month in months])
    half = 1.96 * np.sqrt(rate * (1 - rate) / rows)
    axes.vlines(
        _when(months), 1000 * np.maximum(rate - half, 0), 1000 * (rate + half), color=OTHERS[0], linewidth=3, alpha=0.4
    )
    axes.plot(_when(months), 1000 * rate, "o-", color=OTHERS[0], label="observed, with 95 %")
    axes.set_ylim(bottom=0)
    _dated(axes, "of a thousand forecasts came true")
    return figure


def _when(months: Sequence[MonthJudged]) -> list[np.datetime64]:
    return [_day(month.start + (month.stop - month.start) / 2) for month in months]


def _day(at: object) -> np.datetime64:
    return np.datetime64(f"{at:%Y-%m-%dT%H:%M}")


def _dated(axes: Axes, words: str) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    axes.set_ylabel(words)
    axes.legend(frameon=False, ncols=3, loc="upper left", bbox_to_anchor=(0, -0.1))
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
