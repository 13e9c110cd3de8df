"""Our policy through a year: look every few hours for faults and every day at the models, and do what was decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from benchmarks.monitoring_year.watch import DAY, Released, Watched, Year, findings_of, forecast, look, span, subject_of
from contracts.results import Decision
from monitoring import Finding, Window, decide_retrain

Carry = Callable[[Year, datetime, Released, Decision], Released]


@dataclass
class _State:
    """What a running year has so far."""

    models: dict[str, Released]
    scores: dict[str, list[pl.DataFrame]]
    windows: dict[str, list[Window]] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    findings: dict[datetime, tuple[Finding, ...]] = field(default_factory=dict)


def watch_year(year: Year, champions: Mapping[str, Released], carry_out: Carry) -> Watched:
    """Every day: the day's forecasts are issued, then each model is looked at and decided on. In between, what sensors
    and arrivals show is looked at alone, and a person may be called for it.

    Args:
        champions: hazard -> the model at the beginning.
        carry_out: what a `retrain` or `recalibrate` leads to: the model that is in use from then on.
    """
    before = year.first - span(year.pilot, year.params.monitor)
    state = _State(dict(champions), {h: [forecast(year, m, before, year.first)] for h, m in champions.items()})
    for at in year.days():
        for look_at in year.looks(at):
            state.findings[look_at] = findings_of(year, look_at)
            if look_at < at:
                _call(year, look_at, state)
        for hazard in champions:
            state.scores[hazard].append(forecast(year, state.models[hazard], at - DAY, at))
            _judge(year, at, hazard, state, carry_out)
    issued = [part for parts in state.scores.values() for part in parts]
    scores = pl.concat(issued).filter(pl.col("as_of") > year.first)
    released = sum(int(model.version) - 1 for model in state.models.values())
    return Watched(state.decisions, state.findings, scores, released)


def _call(year: Year, at: datetime, state: _State) -> None:
    """A person, where one is needed; the models are left for the day's end."""
    for hazard, model in state.models.items():
        subject, findings = subject_of(year.pilot, hazard), state.findings[at]
        window = Window(year.pilot.name, hazard, at, model.version, findings=findings)
        params = year.params.monitor
        decision = decide_retrain((window,), subject=subject, earlier=state.decisions, params=params, at=at)
        if decision.kind == "call_a_person":
            state.decisions.append(decision)


def _judge(year: Year, at: datetime, hazard: str, state: _State, carry_out: Carry) -> None:
    model, subject = state.models[hazard], subject_of(year.pilot, hazard)
    recent = pl.concat(state.scores[hazard][-(span(year.pilot, year.params.monitor) // DAY + 2) :])
    windows = state.windows.setdefault(hazard, [])
    windows.append(look(year, at, model, recent, state.findings[at]))
    history = windows[-year.params.monitor.of_last :]
    params = year.params.monitor
    decision = decide_retrain(history, subject=subject, earlier=state.decisions, params=params, at=at)
    state.decisions.append(decision)
    if decision.kind in ("retrain", "recalibrate"):
        state.models[hazard] = carry_out(year, at, model, decision)
