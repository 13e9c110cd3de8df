"""Pictures of what forecasts are worth: recall against alerts, cost against its ratio, districts and seasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from contracts.worth import GroupReliability, Worth
from models.canvas import INK, MODEL, OTHERS, canvas, caption

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def budget_figure(worth: Worth) -> Figure:
    """Recall and precision over alerts a day; the released threshold is marked."""
    figure, axes = canvas(f"{worth.hazard}: what a budget of alerts gives")
    rows = sorted((row for row in worth.budget if row.alerts), key=lambda row: row.alerts_per_day)
    per_day = [row.alerts_per_day for row in rows]
    for name, color in (("recall", MODEL), ("precision", OTHERS[0])):
        axes.plot(per_day, [100 * getattr(row, name) for row in rows], "o-", color=color, markersize=4, label=name)
    released = worth.budget[0]
    if released.alerts:
        axes.axvline(released.alerts_per_day, color=INK, linewidth=1, linestyle="--", label="as released")
        axes.set_xscale("log")
        axes.set_xticks(per_day, [f"{value:.3g}" for value in per_day], fontsize=8, rotation=30)
        axes.minorticks_off()
    axes.set(xlabel="alerts a day", ylabel="%")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    return figure


def cost_figure(worth: Worth) -> Figure:
    """Cost of the forecast, climatology, never and always, as a share of the cheaper of never and always."""
    figure, axes = canvas(f"{worth.hazard}: cost of acting by the forecast")
    points = [p for p in worth.costs if 0.03 < p.never / p.always < 30]
    ratio = np.array([p.ratio for p in points])
    cheaper = np.array([min(p.never, p.always) for p in points])
    for name, color in (("never", OTHERS[1]), ("always", OTHERS[3]), ("climatology", OTHERS[0]), ("model", MODEL)):
        cost = np.array([getattr(p, name) for p in points]) / cheaper
        axes.plot(ratio, 100 * cost, color=color, linewidth=2 if name == "model" else 1.2, label=name)
    axes.set(xscale="log", ylim=(0, 150), xlabel="what a miss costs, in false alarms")
    axes.set_ylabel("cost, % of the cheaper of never and always")
    axes.legend(frameon=False, loc="lower left", ncols=2)
    return figure


def groups_figure(worth: Worth) -> Figure:
    """Observed over forecast for each district and season, with 95 % intervals; 1 is right."""
    figure, axes = canvas(f"{worth.hazard}: observed / forecast by district and season")
    groups = list(worth.reliability)[::-1]
    known = [(at, group.ratio) for at, group in enumerate(groups) if group.ratio is not None]
    for at, ratio in known:
        color = MODEL if groups[at].kind == "district" else OTHERS[0]
        axes.plot([ratio.low, ratio.high], [at, at], color=color, linewidth=3, alpha=0.45)
        axes.plot(ratio.value, at, "o", color=color, markersize=7)
    for at, group in enumerate(groups):
        if group.ratio is None:
            axes.annotate("too few to say", (1, at), (6, 0), textcoords="offset points", va="center", fontsize=8)
    axes.axvline(1, color=INK, linewidth=1, linestyle="--")
    axes.set(yticks=range(len(groups)), ylim=(-0.6, len(groups) - 0.4), xlabel="observed / forecast")
    axes.set_yticklabels([_label(group, position) for position, group in enumerate(groups)], fontsize=8)
    axes.set_xlim(left=0, right=max([2.0] + [1.05 * ratio.high for _, ratio in known]))
    return figure


def _label(group: GroupReliability, position: int) -> str:
    return f"{caption(group.group, fallback=f'{group.kind} {position + 1}')} ({group.incidents:,})"
