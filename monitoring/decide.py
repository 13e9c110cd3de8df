"""What to do about a model: nothing, recalibrate it, retrain it, or call a person. From records alone.

The order of the rules: a fault of the data goes to a person first, because a model trained on it learns the fault;
then what a correction would gain, if that has persisted; then what allows it (cooldown, budget). Inputs that moved are
no reason by themselves: they halve the evidence that is asked of the labels. Every rule leaves a reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from contracts.params import MonitorParams
from contracts.results import Decision
from monitoring.windows import Window

Action = Literal["nothing", "recalibrate", "retrain", "call_a_person"]
MONTH = timedelta(days=30)
A_DAY = timedelta(hours=23)  # a run may come a little early
ONE_CHANGE = timedelta(days=120)  # older ones are another
LEAST_SHARE = 0.002  # of the log loss; less is not worth a retraining, however sure it is


def decide_retrain(
    history: Sequence[Window],
    *,
    subject: str,
    earlier: Sequence[Decision],
    params: MonitorParams,
    at: datetime,
) -> Decision:
    """The decision about one model.

    Args:
        history: its windows, oldest first; those of earlier versions are not looked at, and of the others only such as
            lie a day apart: what is looked at every hour hardly differs from hour to hour, and would persist at once.
        subject: the registered name, such as `ulsan-flood`.
        earlier: decisions of the whole pilot, so that a person is called for one thing once.
    """
    if not history:
        return _decision("nothing", subject, ("no window yet",), at)
    latest = history[-1]
    windows = _a_day_apart([window for window in history if window.version == latest.version])[-params.of_last :]
    if fault := _fault(windows, subject, earlier, params, at):
        return fault
    if not latest.version:
        return _decision("nothing", subject, tuple(latest.states.values()) or ("no champion yet",), at, windows=windows)
    action, reasons = _wanted(windows, params)
    if action != "nothing" and (held := _held_back(subject, earlier, action, params, at)):
        action, reasons = "nothing", (*reasons, held)
    since = {"retrain": latest.learning_since, "recalibrate": latest.recalibrating_since}.get(action)
    inputs = (
        {"since": _first_asked(since, latest.version, subject, earlier, at), "version": latest.version} if since else {}
    )
    return _decision(action, subject, (*reasons, *_unjudged(latest)), at, windows=windows, **inputs)


def _a_day_apart(history: Sequence[Window]) -> list[Window]:
    """The latest, and of those before it every one that is about a day older than the one kept after it."""
    kept = [history[-1]]
    for window in reversed(history[:-1]):
        if kept[-1].at - window.at >= A_DAY:
            kept.append(window)
    return kept[::-1]


def _first_asked(since: str, version: str, subject: str, earlier: Sequence[Decision], at: datetime) -> str:
    """Since when the world is otherwise for this version. What is judged goes back some weeks only, so a change that
    was asked about before, and not answered by a new model, began when it did then."""
    asked = [
        str(d.inputs["since"])
        for d in earlier
        if d.subject == subject and d.inputs.get("version") == version and "since" in d.inputs
    ]
    recent = (told for told in asked if at - datetime.fromisoformat(told) < ONE_CHANGE)
    return min((since, *recent), key=datetime.fromisoformat)


def _fault(
    windows: Sequence[Window], subject: str, earlier: Sequence[Decision], params: MonitorParams, at: datetime
) -> Decision | None:
    """A call for what nobody was called for yet; while a fault is fresh, nothing else is done."""
    faults = {f.key: f.words for window in windows for f in window.findings if f.is_fault}
    if not faults:  # else a silent partner would be called for again, as every column that is empty for it
        faults = {f"gate|{words.split(':')[0]}": f"a column of the model: {words}" for words in windows[-1].gate_faults}
    if not faults:
        return None
    since = at - timedelta(days=params.call_again_days)
    called = {key for d in earlier if d.kind == "call_a_person" and d.decided_at > since for key in d.inputs["faults"]}
    fresh = {key: words for key, words in faults.items() if key not in called}
    if fresh:
        return _decision("call_a_person", subject, tuple(fresh.values()), at, faults=sorted(fresh))
    waiting = tuple(f"a person was called for: {words}" for words in faults.values())
    return _decision("nothing", subject, (*waiting, "the model is left alone until the data is mended"), at)


def _wanted(windows: Sequence[Window], params: MonitorParams) -> tuple[Action, tuple[str, ...]]:
    """What the evidence asks for, if it held in the latest window and in enough of the last ones."""
    drifted = _held(windows, [(w.drift_share or 0.0) >= params.drift_share for w in windows], params)
    limit = params.loss_z / 2 if drifted else params.loss_z
    moved = _moved_words(windows[-1], drifted)
    latest = windows[-1]
    if latest.learning_z is None or latest.recalibrating_z is None:
        return "nothing", (*moved, latest.states.get("performance", "performance was not judged"))
    learn = [(w.learning_z or 0.0) >= limit and w.learning_share >= LEAST_SHARE for w in windows]
    line = [(w.recalibrating_z or 0.0) >= limit and w.recalibrating_share >= LEAST_SHARE for w in windows]
    if _held(windows, learn, params):
        gain = f"{latest.learning_share:.1%} of the log loss could be learnt from {latest.learning_what}"
        return "retrain", (f"{gain} ({_so(latest.learning_z, learn, limit)})", *moved)
    if _held(windows, line, params):
        gain = f"a recalibration would save {latest.recalibrating_share:.1%} of the log loss"
        return "recalibrate", (f"{gain} ({_so(latest.recalibrating_z, line, limit)})", *moved)
    highest = max(latest.learning_z, latest.recalibrating_z)
    held = f"the forecasts hold: a correction would gain {highest:.1f} standard errors, limit {limit:.1f}"
    if learn[-1] or line[-1]:
        held = f"not lasting yet: {sum(a or b for a, b in zip(learn, line, strict=True))} of {params.persist} windows"
    return "nothing", (held, *moved)


def _held(windows: Sequence[Window], flags: Sequence[bool], params: MonitorParams) -> bool:
    return bool(flags) and flags[-1] and sum(flags) >= params.persist


def _so(z: float, flags: Sequence[bool], limit: float) -> str:
    return f"{z:.1f} standard errors, limit {limit:.1f}; {sum(flags)} of the last {len(flags)} windows"


def _moved_words(latest: Window, drifted: bool) -> tuple[str, ...]:
    world = tuple(f.words for f in latest.findings if not f.is_fault)
    if not latest.moved:
        return world
    more = f" and {len(latest.moved) - 3} more" if len(latest.moved) > 3 else ""
    share = f"{latest.drift_share or 0.0:.0%} of the importance"
    lasting = "lasting" if drifted else "not lasting, or not enough"
    return (f"moved: {', '.join(latest.moved[:3])}{more} ({share}; {lasting})", *world)


def _held_back(subject: str, earlier: Sequence[Decision], action: Action, params: MonitorParams, at: datetime) -> str:
    """Why it may not be done now; empty if it may."""
    done = [d.decided_at for d in earlier if d.subject == subject and d.kind in ("retrain", "recalibrate")]
    if done and at - max(done) < timedelta(days=params.cooldown_days):
        until = max(done) + timedelta(days=params.cooldown_days)
        return f"held back: {action} again from {until:%Y-%m-%d} on (cooldown of {params.cooldown_days:g} days)"
    trained = [d for d in earlier if d.subject == subject and d.kind == "retrain" and at - d.decided_at < MONTH]
    if action == "retrain" and len(trained) >= params.retrainings_a_month:
        return f"held back: {len(trained)} retrainings in 30 days, budget {params.retrainings_a_month}"
    return ""


def _unjudged(latest: Window) -> tuple[str, ...]:
    """What could not be looked at is said beside every decision: it is no "all well"."""
    return tuple(f"{part}: {state}" for part, state in latest.states.items() if part != "performance")


def _decision(
    kind: Action, subject: str, reasons: tuple[str, ...], at: datetime, *, windows: Sequence[Window] = (), **inputs: Any
) -> Decision:
    return Decision(kind, subject, reasons, at, {"windows": [w.key for w in windows], **inputs})
