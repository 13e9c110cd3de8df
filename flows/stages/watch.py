"""The check of every released model: what changed, how good the forecasts are, what to do. Changes no model."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from contracts.errors import ForesafeError, NotEnoughData
from contracts.results import Decision
from flows.asked import DECISIONS
from flows.outputs import Outputs
from flows.places import hazard_names, outputs_of, params_of, pilot_of
from flows.records import append_records, read_records
from flows.settings import Settings
from flows.tracking import tracking_of
from flows.watched import Material, find_changes, load_watched, see

if TYPE_CHECKING:
    from monitoring.check import Checked
    from monitoring.reference import Reference
    from monitoring.sensors import SensorReport
    from monitoring.windows import Window

Summary = dict[str, Any]
WINDOWS, PAGE = "windows.jsonl", "report.html"


def monitor(
    settings: Settings, name: str, *, now: datetime, at: datetime | None = None, page: bool | None = None
) -> list[Summary]:
    """One window and one decision for each hazard; kept, logged as a time series, and on a page where something moved.

    The same instant again adds nothing. A model that cannot be judged is a recorded state, never an all-clear.

    Args:
        at: what was known then; by default at the last instant at which anything arrived.
        page: whether Evidently's page is made, which takes longer than all else; by default where something moved.
    """
    outputs, hazards = outputs_of(settings, name), hazard_names(settings, name)
    try:
        given = load_watched(outputs, pilot_of(settings, name), params_of(settings, name), at=at, now=now)
    except NotEnoughData as nothing:
        empty = [_unseen(name, hazard, at or now, {"store": str(nothing)}) for hazard in hazards]
        return _decided(settings, outputs, name, empty)
    changes = find_changes(given, outputs)
    checked = [_checked(settings, given, changes, hazard) for hazard in hazards]
    summaries = _decided(settings, outputs, name, [window for window, _, _ in checked])
    _show(outputs, given, [c for c in checked if c[1] is not None], summaries, asked=page)
    return summaries


def decisions(settings: Settings, name: str) -> list[Summary]:
    """Every decision about a pilot's models, oldest first.

    Raises:
        NotFound: no such pilot.
    """
    pilot_of(settings, name)
    return read_records(outputs_of(settings, name).monitor / DECISIONS)


def _checked(
    settings: Settings, given: Material, changes: SensorReport, hazard: str
) -> tuple[Window, Checked | None, Reference | None]:
    """The window of one hazard; what is behind it, where there is a model that can be looked at."""
    from models.registry import champion_version, load_version, registered_name
    from monitoring.check import check_model

    name, tracking = registered_name(given.pilot.name, hazard), tracking_of(settings)
    states = {"sensors": changes.state} if changes.state else {}
    version = champion_version(tracking, name)
    if version is None:
        states["model"] = f"no champion of {name} yet: train and release one"
        return replace(_unseen(given.pilot.name, hazard, given.at, states), findings=changes.findings), None, None
    try:
        model = load_version(tracking, version)
        reference, gone = _reference(settings, version)
        importance = reference.importance[:-1] if reference else np.zeros(len(model.names))
        seen = see(given, model, hazard=hazard, version=version.version, importance=importance)
    except ForesafeError as fault:  # its files are gone, or the pilot's features are no longer the model's
        states["model"] = f"{name} version {version.version} cannot be judged: {fault}"
        unseen = _unseen(given.pilot.name, hazard, given.at, states)
        return replace(unseen, version=version.version, findings=changes.findings), None, None
    seen = replace(seen, states={**seen.states, **states, **({"reference": gone} if gone else {})})
    checked = check_model(seen, reference, findings=changes.findings, params=given.params)
    return checked.window, checked, reference


def _reference(settings: Settings, version: Any) -> tuple[Reference | None, str]:
    """The champion's own, or why there is none."""
    from models.registry import fetch_reference
    from monitoring.reference import Reference

    with tempfile.TemporaryDirectory(prefix="foresafe-reference-") as scratch:
        try:
            return Reference.load(fetch_reference(tracking_of(settings), version, Path(scratch))), ""
        except ForesafeError as fault:
            return None, str(fault)


def _unseen(pilot: str, hazard: str, at: datetime, states: dict[str, str]) -> Window:
    from monitoring.windows import Window

    return Window(pilot, hazard, at, states=states)


def _decided(settings: Settings, outputs: Outputs, name: str, windows: list[Window]) -> list[Summary]:
    """Keep the windows, decide on each model's history, keep the decisions, log the numbers."""
    from models.registry import log_series, registered_name
    from monitoring.decide import decide_retrain
    from monitoring.windows import read_window

    params = params_of(settings, name).monitor
    append_records(outputs.monitor / WINDOWS, [window.as_json() for window in windows])
    kept = [read_window(record) for record in read_records(outputs.monitor / WINDOWS)]
    summaries: list[Summary] = []
    for window in windows:
        subject = registered_name(name, window.hazard)
        history = sorted((w for w in kept if w.hazard == window.hazard and w.at <= window.at), key=lambda w: w.at)
        earlier = [_read_decision(record) for record in read_records(outputs.monitor / DECISIONS)]
        past = [d for d in earlier if d.decided_at < window.at or (d.decided_at == window.at and d.subject != subject)]
        decision = decide_retrain(history, subject=subject, earlier=past, params=params, at=window.at)
        record = {**decision.as_json(), "key": f"{subject}|{window.version}|{window.at.isoformat()}"}
        append_records(outputs.monitor / DECISIONS, [record])
        run_id = ""
        if window.version:
            series = {"experiment": f"{name}-monitor", "subject": subject}
            run_id = log_series(tracking_of(settings), **series, numbers=window.numbers, at=window.at)
        summaries.append({"hazard": window.hazard, "version": window.version, "run_id": run_id, **record})
    return summaries


def _read_decision(record: Summary) -> Decision:
    kept = {key: value for key, value in record.items() if key != "key"}
    return Decision(**{**kept, "decided_at": datetime.fromisoformat(record["decided_at"])})


def _show(
    outputs: Outputs,
    given: Material,
    checked: list[tuple[Window, Any, Any]],
    summaries: list[Summary],
    *,
    asked: bool | None,
) -> None:
    """Evidently's page of the model of which most moved. Without a reference there is nothing to show."""
    from monitoring.page import interesting, render_page

    shown = [
        (window, check, reference) for window, check, reference in checked if reference is not None and check.gated
    ]
    moved = any(window.moved or window.findings for window, _, _ in shown)
    if not shown or not (moved if asked is None else asked):
        return
    window, check, reference = max(shown, key=lambda each: (each[0].drift_share or 0.0, len(each[0].moved)))
    importance = dict(zip(reference.names, reference.importance.tolist(), strict=True))
    columns = [name for name in interesting(window.moved, importance) if name in check.gated.frame.columns]
    reasons = [f"{s['hazard']}: {s['kind']}. {'; '.join(s['reasons'])}" for s in summaries]
    page = render_page(
        reference.rows,
        check.gated.frame,
        columns=columns,
        title=f"{given.pilot.name}, {window.hazard}: the week until {window.at:%Y-%m-%d %H:%M} UTC",
        notes=[*(finding.words for finding in window.findings), *reasons],
        sample_rows=given.params.sample_rows,
        seed=given.params.seed,
    )
    page.save(outputs.monitor / PAGE)
