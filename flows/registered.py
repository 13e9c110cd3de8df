"""The registry for an operator: what became of a model's versions, going back to one, making one again."""

from __future__ import annotations

from datetime import datetime

from flows.console import say, table
from flows.instants import in_seoul, now, read_instant
from flows.places import zone_of_model
from flows.settings import Settings, operator
from flows.tracking import tracking_of


def show_history(settings: Settings, model: str, at: str) -> None:
    """Every event of a model, and its champion today; or its champion at one instant."""
    from models.registry import alias_moves, champion_at, history, unexplained_champion

    instant = read_instant(at, zone=zone_of_model(settings, model), where="--at") if at else now()
    tracking = tracking_of(settings)
    events, moves = history(tracking, model), alias_moves(tracking, model)
    if not at:
        shown = [
            {"when": in_seoul(e.at), "version": e.version, "what": e.kind, "by": e.by, "why": e.words} for e in events
        ]
        table(f"history of {model}", shown)
    champion = champion_at(moves, instant)
    say(_who(champion and (champion.version, champion.moved_at), instant))
    if not at and (differs := unexplained_champion(tracking, model, champion)):
        say(f"! {differs}")


def _who(champion: tuple[str, datetime] | None, instant: datetime) -> str:
    when = f"champion at {in_seoul(instant)}"
    return f"{when}: version {champion[0]}, since {in_seoul(champion[1])}" if champion else f"{when}: none"


def go_back(settings: Settings, model: str, *, to: str, why: str) -> None:
    """The process in which the version must load starts first: it imports LightGBM while this one imports MLflow."""
    from models.registry import FreshProcess

    with FreshProcess() as fresh:
        from models.registry import roll_back

        was, champion = roll_back(
            tracking_of(settings), model, to=to, fresh=fresh, at=now(), by=operator(), why=why or "no reason given"
        )
    say(f"{model}: version {champion.version} is the champion, version {was.version} no longer")


def approve_version(settings: Settings, model: str, version: str, *, why: str) -> None:
    """An operator's yes to a version that waits; the process in which it must load starts first."""
    from models.registry import FreshProcess

    with FreshProcess() as fresh:
        from models.registry import approve

        champion = approve(
            tracking_of(settings), model, version, fresh=fresh, at=now(), by=operator(), why=why or "no reason given"
        )
    say(f"{model}: version {champion.version} is the champion")


def turn_down_version(settings: Settings, model: str, version: str, *, why: str) -> None:
    """An operator's no to a version that waits; the champion stays."""
    from models.registry import turn_down

    refused = turn_down(tracking_of(settings), model, version, at=now(), by=operator(), why=why)
    say(f"{model}: version {refused.version} is turned down; the champion stays")


def make_again(settings: Settings, model: str, version: str) -> bool:
    """Whether every file came out the same; says which did not, and what is otherwise here."""
    from flows.stages.rebuild import rebuild

    rebuilt = rebuild(settings, model, version)
    for warning in rebuilt.warnings:
        say(f"! {warning}")
    rows = [
        {"file": f.file, "bytes": "different" if f.difference else "equal", "what": f.difference} for f in rebuilt.files
    ]
    table(f"{model} version {version}, made again", rows)
    say("equal, byte for byte" if rebuilt.equal else "different")
    return rebuilt.equal
