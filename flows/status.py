"""`foresafe status`: what runs, what ran, how fresh the data is, who is champion, what monitoring saw.

From the files that the flows leave and from the registry: it answers while no server runs, and starts none.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from flows.console import OUT, say, table
from flows.freshness import Freshness, freshness
from flows.instants import in_seoul, now
from flows.journal import read_entry
from flows.outputs import Outputs
from flows.places import feed_names, outputs_of, pilot_of
from flows.platform import services
from flows.records import read_records
from flows.server import answers, running
from flows.settings import Settings
from flows.tracking import tracking_of

FLOWS = ("ingest", "score", "monitor", "train", "backtest", "backfill")
_LAST_DECISIONS = 5
Row = dict[str, Any]


def show_status(settings: Settings, pilot: str, *, as_json: bool) -> None:
    """The servers and every pilot's flows; of one pilot, also its feeds, champions and decisions.

    Raises:
        NotFound: no such pilot.
    """
    at = now()
    found = one_pilot(settings, pilot, at=at) if pilot else every_pilot(settings)
    if as_json:
        OUT.print_json(json.dumps({"at": at, **found}, default=_text, ensure_ascii=False))
        return
    for title, rows in found.items():
        table(title.replace("_", " "), [{key: _shown(value) for key, value in row.items()} for row in rows])
    say(in_seoul(at))


def every_pilot(settings: Settings) -> dict[str, list[Row]]:
    """`servers`, and `flows`: a row a pilot and flow that ever ran."""
    names = sorted(path.parent.name for path in settings.pilots.glob("*/pilot.yaml"))
    return {"servers": server_rows(settings), "flows": [row for name in names for row in flow_rows(settings, name)]}


def one_pilot(settings: Settings, name: str, *, at: datetime) -> dict[str, list[Row]]:
    """`servers`, `flows`, `feeds`, `champions`, `decisions`. Raises NotFound: no such pilot."""
    pilot_of(settings, name)
    return {
        "servers": server_rows(settings),
        "flows": flow_rows(settings, name),
        "feeds": feed_rows(settings, name, at=at),
        "champions": champion_rows(settings, name, at=at),
        "decisions": decision_rows(outputs_of(settings, name)),
    }


def server_rows(settings: Settings) -> list[Row]:
    """Ours, up or down; and those that the settings name elsewhere."""
    ours = [{"server": s.name, "address": running(s) or "", "up": running(s) is not None} for s in services(settings)]
    elsewhere = {"Prefect": (settings.prefect_url, "/health"), "MLflow": (settings.mlflow_uri, "/health")}
    there = {row["server"] for row in ours}
    named = [
        {"server": name, "address": url, "up": answers(url.rstrip("/") + path)}
        for name, (url, path) in elsewhere.items()
        if url and name not in there
    ]
    return [*named, *ours]


def flow_rows(settings: Settings, name: str) -> list[Row]:
    """The last run of each flow that ever ran."""
    entries = ((flow, read_entry(outputs_of(settings, name), flow)) for flow in FLOWS)
    return [
        {"pilot": name, "flow": flow, "state": e.state, "began": e.began_at, "seconds": e.seconds, "words": e.words}
        for flow, e in entries
        if e is not None
    ]


def feed_rows(settings: Settings, name: str, *, at: datetime) -> list[Row]:
    """Each feed's last row: when it was observed, when it was known, and whether it is late by its own habit."""
    found = freshness(outputs_of(settings, name).store)
    return [_feed_row(feed, found.get(feed), at) for feed in feed_names(settings, name)]


def _feed_row(feed: str, fresh: Freshness | None, at: datetime) -> Row:
    if fresh is None:
        return {
            "feed": feed,
            "observed": None,
            "known": None,
            "usually_hours": None,
            "silent_hours": None,
            "late": None,
        }
    return {
        "feed": feed,
        "observed": fresh.observed,
        "known": fresh.known,
        "usually_hours": fresh.usual_hours,
        "silent_hours": fresh.silent_hours(at),
        "late": fresh.late(at),
    }


def champion_rows(settings: Settings, name: str, *, at: datetime) -> list[Row]:
    """Each hazard's champion, since when, what waits for an operator, and what monitoring last measured of it."""
    url = settings.mlflow_uri
    if url.startswith(("http://", "https://")) and not answers(url.rstrip("/") + "/health"):
        return [{"hazard": hazard, "champion": "MLflow does not answer"} for hazard in pilot_of(settings, name).hazards]
    windows = {
        window["hazard"]: window for window in read_records(outputs_of(settings, name).monitor / "windows.jsonl")
    }
    return [
        {"hazard": hazard, **_champion(settings, f"{name}-{hazard}", at), **_live(windows.get(hazard))}
        for hazard in pilot_of(settings, name).hazards
    ]


def _champion(settings: Settings, model: str, at: datetime) -> Row:
    from contracts.errors import NotFound
    from models.registry import alias_moves, champion_at, champion_version, waiting_versions

    tracking = tracking_of(settings)
    version = champion_version(tracking, model)
    try:
        since = champion_at(alias_moves(tracking, model), at)
        waits = ", ".join(waiting.version for waiting in waiting_versions(tracking, model))
    except NotFound:
        since, waits = None, ""
    return {
        "champion": version.version if version else "none: climatology",
        "since": since.moved_at if since else None,
        "age_days": round((at - since.moved_at).total_seconds() / 86_400, 1) if since else None,
        "waits": waits,
    }


def _live(window: Row | None) -> Row:
    """What the last window of monitoring says: log loss on ripe labels beside what the model itself expected."""
    numbers = window["numbers"] if window else {}
    return {
        "live_log_loss": numbers.get("realised.log_loss"),
        "expected": numbers.get("realised.expected_log_loss"),
        "drift_share": window["drift_share"] if window else None,
        "seen": datetime.fromisoformat(window["at"]) if window else None,
        "not_judged": "; ".join(window["states"].values()) if window else "monitoring has not run",
    }


def decision_rows(outputs: Outputs) -> list[Row]:
    """What monitoring last decided, newest last."""
    return [
        {
            "decided": datetime.fromisoformat(made["decided_at"]),
            "model": made["subject"],
            "decision": made["kind"],
            "why": "; ".join(made["reasons"]),
        }
        for made in read_records(outputs.monitor / "decisions.jsonl")[-_LAST_DECISIONS:]
    ]


def _shown(value: object) -> object:
    return in_seoul(value) if isinstance(value, datetime) else value


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON")
