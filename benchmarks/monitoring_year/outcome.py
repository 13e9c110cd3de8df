"""What came of one seed's two years, and of several seeds: the printed tables and the numbers at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.monitoring_year.scores import Named, calls_per_month, median_delay

MORE_IS_BETTER = ("changes_detected", "naive_retrainings")  # of the numbers; of all others less is
SHORT = ("needless", "calls/month", "detected", "delay", "loss ratio", "retrained", "plain")


@dataclass(frozen=True)
class Quiet:
    """What came of the stationary year. called_for: first reasons. plain: retrainings of the plain trigger."""

    retrainings: int
    recalibrations: int
    called_for: tuple[str, ...]
    plain: int


@dataclass(frozen=True)
class Changed:
    """What came of the year with changes. released: retrainings and recalibrations that passed the gate.

    losses: who -> total log loss; `truth` is the simulation's own risk.
    """

    named: tuple[Named, ...]
    retrainings: int
    recalibrations: int
    released: int
    calls: int
    trained_by_oracle: int
    plain: int
    losses: Mapping[str, float]


@dataclass(frozen=True)
class Outcome:
    """Of one seed. days: that each of the two years was watched."""

    seed: int
    days: int
    quiet: Quiet
    changed: Changed

    @property
    def numbers(self) -> dict[str, float]:
        """What the benchmark ends with. A retraining is of one model; the plain trigger retrains both."""
        return {
            "needless_retrainings": self.quiet.retrainings,
            "false_calls_per_month": round(calls_per_month(len(self.quiet.called_for), days=self.days), 2),
            "changes_detected": sum(found.at is not None for found in self.changed.named),
            "median_delay_days": round(median_delay(self.changed.named), 2),
            "loss_vs_oracle": round(self.changed.losses["ours"] / self.changed.losses["oracle"], 4),
            "retrainings": self.changed.retrainings,
            "naive_retrainings": self.changed.plain,
        }


def worst_of(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Each number of the seed that does worst in it."""
    every = [outcome.numbers for outcome in outcomes]
    return {name: (min if name in MORE_IS_BETTER else max)(found[name] for found in every) for name in every[0]}


def table(outcome: Outcome) -> str:
    """One seed: what was named when, and both triggers side by side."""
    quiet, changed = outcome.quiet, outcome.changed
    lines = [f"{'change':<22}{'seen first when':<52}{'named after':>12}  as"]
    for found in changed.named:
        kind = " or ".join(found.change.kinds) or "retrain"
        also = f"; also {', '.join(found.others)}" if found.others else ""
        lines.append(f"{found.change.name:<22}{found.change.sees:<52}{_delay(found):>12}  {kind}{also}")
    lines += ["", f"{'':<52}{'ours':>10}{'plain trigger':>16}"]
    rows = (
        ("quiet year: models retrained", quiet.retrainings, quiet.plain),
        ("quiet year: models recalibrated", quiet.recalibrations, ""),
        ("quiet year: calls to a person", len(quiet.called_for), ""),
        ("year with changes: models retrained", changed.retrainings, changed.plain),
        ("year with changes: models recalibrated", changed.recalibrations, ""),
        ("year with changes: of both, past the gate", changed.released, ""),
        ("year with changes: calls to a person", changed.calls, ""),
    )
    lines += [f"{name:<52}{ours:>10}{plain:>16}" for name, ours, plain in rows]
    words = {"never": "no retraining at all", "truth": "the simulation's own risk"}
    words |= {"oracle": f"oracle ({changed.trained_by_oracle} models made)", "ours": "ours"}
    lines += ["", "log loss of the year with changes, both hazards, in all"]
    lines += [f"  {words[name]:<50}{changed.losses[name]:>10.1f}" for name in words]
    return "\n".join(lines)


def side_by_side(outcomes: Sequence[Outcome]) -> str:
    """Several seeds: a column of delays each, then a line of numbers each with the worst and the median of all.

    recovered: of the loss that no retraining at all has beyond the simulation's own risk, the share that ours saves.
    """
    seeds = [str(outcome.seed) for outcome in outcomes]
    lines = [f"{'named after':<22}" + "".join(f"{seed:>12}" for seed in seeds)]
    for found in zip(*(outcome.changed.named for outcome in outcomes), strict=True):
        lines.append(f"{found[0].change.name:<22}" + "".join(f"{_delay(each):>12}" for each in found))
    lines += ["", f"{'seed':<10}" + "".join(f"{name:>12}" for name in (*SHORT, "past gate", "recovered"))]
    for outcome in outcomes:
        changed = outcome.changed
        gate = f"{changed.released} of {changed.retrainings + changed.recalibrations}"
        shown = (*outcome.numbers.values(), gate, f"{100 * _recovered(changed.losses):.1f} %")
        lines.append(f"{outcome.seed:<10}" + "".join(f"{value:>12}" for value in shown))
    median = [round(float(np.median(found)), 4) for found in zip(*(o.numbers.values() for o in outcomes), strict=True)]
    for name, values in (("worst", worst_of(outcomes).values()), ("median", median)):
        lines.append(f"{name:<10}" + "".join(f"{value:>12}" for value in values))
    return "\n".join(lines)


def _recovered(losses: Mapping[str, float]) -> float:
    return (losses["never"] - losses["ours"]) / (losses["never"] - losses["truth"])


def _delay(found: Named) -> str:
    return "never" if found.delay_days is None else f"{found.delay_days:.1f} d"
