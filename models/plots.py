"""Pictures of a run as PNG: reliability, skill against baselines, score over time, drivers. No global state."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from contracts.params import EvaluateParams
from contracts.results import Evaluation, FloatArray
from contracts.worth import Worth
from models.blocks import draw_blocks
from models.canvas import INK, MODEL, OTHERS, canvas, caption, saved
from models.evaluation import Judged, row_losses
from models.plots_worth import budget_figure, cost_figure, groups_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_all(
    folder: Path,
    evaluation: Evaluation,
    worth: Worth,
    judged: Judged,
    *,
    probability: FloatArray,
    baselines: Mapping[str, FloatArray],
    importance: Mapping[str, float],
    words: Mapping[str, str],
    params: EvaluateParams,
) -> tuple[Path, ...]:
    """Draw every picture of one hazard's run into `folder`; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = {
        "reliability": reliability_figure(evaluation),
        "skill": skill_figure(evaluation),
        "over_time": over_time_figure(judged, probability, baselines=baselines, params=params),
        "drivers": drivers_figure(evaluation.hazard, importance, words=words),
        "budget": budget_figure(worth),
        "costs": cost_figure(worth),
        "groups": groups_figure(worth),
    }
    return tuple(saved(figure, folder / f"{name}.png") for name, figure in figures.items())


def reliability_figure(evaluation: Evaluation) -> Figure:
    """Observed rate against mean forecast, bins of equal row counts, with 95 % Wilson intervals; log axes."""
    figure, axes = canvas(f"{evaluation.hazard}: do the forecasts come true?")
    bins = evaluation.reliability
    predicted, observed, rows = (np.array([getattr(b, k) for b in bins]) for k in ("predicted", "observed", "rows"))
    low, high = _wilson(observed, rows)
    floor = 0.6 * min(predicted.min(), observed[observed > 0].min())
    top = 2.0 * max(predicted.max(), high.max())
    axes.plot([floor, top], [floor, top], color=INK, linewidth=1, linestyle="--", label="perfect")
    axes.vlines(predicted, np.maximum(low, floor), high, color=MODEL, alpha=0.45, linewidth=3)
    axes.plot(predicted, np.maximum(observed, floor), "o", color=MODEL, markersize=6, label="model")
    axes.axhline(evaluation.base_rate, color=OTHERS[0], linewidth=1, label="base rate of this part")
    axes.set(xscale="log", yscale="log", xlim=(floor, top), ylim=(floor, top))
    axes.set(xlabel="forecast probability", ylabel="observed rate")
    ece = evaluation.scores["ece"].value
    axes.legend(frameon=False, loc="upper left", title=f"ECE {ece:.4f}")
    return figure


def skill_figure(evaluation: Evaluation) -> Figure:
    """Log loss skill over the training base rate, model and baselines, with 95 % block-bootstrap intervals."""
    figure, axes = canvas(f"{evaluation.hazard}: skill on the {evaluation.part} part")
    everyone = {"model": evaluation.scores, **evaluation.baselines}
    names = sorted(everyone, key=lambda name: everyone[name]["log_loss_skill"].value)
    for at, name in enumerate(names):
        got = everyone[name]["log_loss_skill"]
        color = MODEL if name == "model" else OTHERS[0]
        axes.plot([got.low, got.high], [at, at], color=color, linewidth=3, alpha=0.45)
        axes.plot(got.value, at, "o", color=color, markersize=8)
        axes.annotate(f"{got.value:.3f}", (got.value, at), (0, 9), textcoords="offset points", ha="center", color=INK)
    axes.axvline(0, color=INK, linewidth=1)
    axes.set(
        yticks=range(len(names)), ylim=(-0.6, len(names) - 0.4), xlabel="log loss skill (0: base rate, 1: perfect)"
    )
    axes.set_yticklabels([name.replace("_", " ") for name in names])
    return figure


def over_time_figure(
    judged: Judged, probability: FloatArray, *, baselines: Mapping[str, FloatArray], params: EvaluateParams
) -> Figure:
    """Log loss skill of each block of days against climatology (or the first baseline)."""
    from matplotlib.dates import ConciseDateFormatter

    figure, axes = canvas(f"{judged.hazard}: skill over time")
    blocks = draw_blocks(judged.as_of, params)
    reference = "climatology" if "climatology" in baselines else next(iter(baselines))
    zero = blocks.sums(row_losses(baselines[reference], judged.occurred)["log_loss"])
    day = (judged.as_of - judged.as_of.min()) / np.timedelta64(86_400_000_000, "us")
    middle_days = blocks.sums(day) / blocks.sums(np.ones(len(day)))
    when = judged.as_of.min() + (middle_days * 86_400_000_000).astype("timedelta64[us]")
    others = {name: values for name, values in baselines.items() if name != reference}
    for (name, values), color in zip(others.items(), OTHERS, strict=False):
        loss = blocks.sums(row_losses(values, judged.occurred)["log_loss"])
        axes.plot(when, 1 - loss / zero, color=color, linewidth=1.2, label=name.replace("_", " "))
    loss = blocks.sums(row_losses(probability, judged.occurred)["log_loss"])
    axes.plot(when, 1 - loss / zero, "o-", color=MODEL, linewidth=2, markersize=4, label="model")
    axes.axhline(0, color=INK, linewidth=1)
    axes.set(ylabel=f"log loss skill over {reference}", xlabel=f"UTC, blocks of {params.block_days:g} days")
    axes.legend(frameon=False, ncols=3, loc="upper left", bbox_to_anchor=(0, -0.24))
    concise = ConciseDateFormatter(axes.xaxis.get_major_locator())  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(concise)
    return figure


def drivers_figure(hazard: str, importance: Mapping[str, float], *, words: Mapping[str, str], top: int = 12) -> Figure:
    """Share of the total gain of the most important features, named in words."""
    figure, axes = canvas(f"{hazard}: what the model listens to")
    names = sorted(importance, key=lambda name: importance[name])[-top:]
    axes.barh(range(len(names)), [100 * importance[name] for name in names], color=MODEL, alpha=0.85)
    axes.set(yticks=range(len(names)), xlabel="share of the total gain, %")
    axes.set_yticklabels([_short(caption(words.get(name, name), fallback=name)) for name in names], fontsize=8)
    axes.grid(axis="y", visible=False)
    return figure


def _short(text: str, limit: int = 44) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _wilson(share: FloatArray, rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """95 % interval of a share (Wilson 1927)."""
    z2 = 1.96**2
    middle = (share + z2 / (2 * rows)) / (1 + z2 / rows)
    half = 1.96 / (1 + z2 / rows) * np.sqrt(share * (1 - share) / rows + z2 / (4 * rows**2))
    return np.maximum(middle - half, 0), middle + half
