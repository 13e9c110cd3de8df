"""How sure a difference from published predictions is: whole days are drawn, the same ones for both (paired)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.gsnet.scores import Hourly, Hours, Maps, hourly

HOURS_A_DAY = 24
DRAWS = 10_000
NAMES = {"gsnet": "GSNet", "cvit": "C-ViT", "mgstnet": "MG-STNET"}
COVERAGE = (0.025, 0.975)


@dataclass(frozen=True)
class Difference:
    """Ours minus theirs, its 95 % interval, and the share of draws in which ours is better."""

    value: float
    low: float
    high: float
    better: float


def against_published(
    folder: Path, mine: list[Maps], scored: npt.NDArray[np.bool_]
) -> dict[str, dict[str, Difference]]:
    """Method -> `recall_percent` and `map` -> Difference. mine: one prediction a seed; scores are means over seeds.

    Their predictions are for the last hours of the data set, ours must be of the same ones.
    """
    with np.load(folder / "predictions_chicago.npz") as published:
        truth, theirs = published["truth"], {name: published[key] for key, name in NAMES.items()}
    ours = [hourly(truth, predicted, scored) for predicted in mine]
    return {name: differences(ours, hourly(truth, predicted, scored)) for name, predicted in theirs.items()}


def differences(ours: list[Hourly], theirs: Hourly, *, seed: int = 7) -> dict[str, Difference]:
    """Paired by day. The first and the last day may be shorter than the others."""
    day = np.arange(len(theirs.wanted)) // HOURS_A_DAY
    days = int(day.max()) + 1
    drawn = np.random.default_rng(seed).multinomial(days, np.full(days, 1 / days), size=DRAWS)
    weights = np.vstack([np.ones(days), drawn])

    def total(values: Hours) -> Hours:
        return np.asarray(weights @ np.bincount(day, weights=values, minlength=days))

    found = np.mean([one.found for one in ours], axis=0) - theirs.found
    precision = np.mean([one.precision for one in ours], axis=0) - theirs.precision
    return {
        "recall_percent": _difference(100.0 * total(found) / total(theirs.wanted)),
        "map": _difference(total(precision) / total(np.ones(len(day)))),
    }


def _difference(replicated: Hours) -> Difference:
    low, high = np.quantile(replicated[1:], COVERAGE)
    return Difference(float(replicated[0]), float(low), float(high), float((replicated[1:] > 0).mean()))


def table(found: dict[str, dict[str, Difference]]) -> str:
    lines = [f"{'Foresafe minus':<18}{'Recall, points [95 %]':>28}{'better':>8}{'MAP [95 %]':>30}{'better':>8}"]
    for name, scores in found.items():
        recall, precision = scores["recall_percent"], scores["map"]
        one = f"{recall.value:+.2f} [{recall.low:+.2f}, {recall.high:+.2f}]"
        other = f"{precision.value:+.4f} [{precision.low:+.4f}, {precision.high:+.4f}]"
        lines.append(f"{name:<18}{one:>28}{recall.better:>8.1%}{other:>30}{precision.better:>8.1%}")
    return "\n".join(lines)
