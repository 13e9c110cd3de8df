"""Where the aliases point, when they came there, and so who was champion when.

A move is noted as begun, made, read back, and noted as done: tags `moved.ALIAS.INSTANT` of the version. A process that
is killed in between leaves a begun move; whether it happened is seen from the alias, and noted before the next move.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from contracts.errors import BadSource
from models.registry.client import Tracking, connect
from models.registry.versions import Alias, Version, all_versions, champion_version

Kind = Literal["publish", "release", "rollback"]
MOVED = "moved"
LONGEST_REASON = 3_000  # characters; tags are limited


@dataclass(frozen=True)
class AliasMove:
    """When an alias came to a version, why, and by whom. `happened`: False where a kill came before the alias moved."""

    name: str
    version: str
    alias: str
    moved_at: datetime
    kind: str
    reason: str
    by: str
    happened: bool


def move_alias(
    tracking: Tracking,
    version: Version,
    *,
    alias: Alias,
    at: datetime,
    reason: str,
    kind: Kind = "release",
    by: str = "",
) -> None:
    """Settle what was left begun, note the move, make it, read it back, note that it is done.

    Raises:
        BadSource: another process moved the alias in between.
    """
    client = connect(tracking)
    _settle(tracking, version.name, alias)
    move = AliasMove(version.name, version.version, alias, at, kind, reason, by, happened=False)
    _note(tracking, move, state="begun")
    client.set_registered_model_alias(version.name, alias, version.version)
    now = str(client.get_model_version_by_alias(version.name, alias).version)
    if now != version.version:
        raise BadSource(
            f"alias {alias} points at version {now}, not {version.version}",
            where=version.name,
            cause="two releases at the same time",
            fix="look at the history and release again",
        )
    _note(tracking, move, state="done")


def alias_moves(tracking: Tracking, name: str) -> tuple[AliasMove, ...]:
    """Every move of every alias of a model, oldest first, those that never happened too.

    Raises:
        NotFound: no such registered model.
    """
    return tuple(move for move, _ in _read(tracking, name))


def champion_at(moves: Iterable[AliasMove], at: datetime) -> AliasMove | None:
    """The move that made the champion of an instant: it holds from its own instant until the next one's, half open."""
    before = [move for move in moves if move.alias == "champion" and move.happened and move.moved_at <= at]
    return before[-1] if before else None


def earlier_champion(moves: Iterable[AliasMove]) -> str | None:
    """The version to go back to. Going back twice goes back two releases, not forth again."""
    line: list[str] = []
    for move in moves:
        if move.alias != "champion" or not move.happened:
            continue
        if move.kind == "rollback" and move.version in line:
            del line[line.index(move.version) + 1 :]
        else:
            line = [version for version in line if version != move.version] + [move.version]
    return line[-2] if len(line) > 1 else None


def _settle(tracking: Tracking, name: str, alias: Alias) -> None:
    for move, state in _read(tracking, name):
        if move.alias == alias and state == "begun":
            _note(tracking, move, state="done" if move.happened else "never made")


def _read(tracking: Tracking, name: str) -> list[tuple[AliasMove, str]]:
    """Moves and their states, oldest first. A begun move happened if it is its alias's last and the alias is there."""
    found = [
        _parse(name, str(version.version), key, text)
        for version in all_versions(tracking, name)
        for key, text in version.tags.items()
        if key.startswith(f"{MOVED}.")
    ]
    found.sort(key=lambda pair: (pair[0].moved_at, int(pair[0].version), pair[0].alias))
    begun = {move.alias: place for place, (move, state) in enumerate(found) if state != "never made"}
    for alias, place in begun.items():
        move, state = found[place]
        if state == "begun":
            there = champion_version(tracking, name, alias="champion" if alias == "champion" else "challenger")
            found[place] = replace(move, happened=there is not None and there.version == move.version), state
    return found


def _parse(name: str, version: str, key: str, text: str) -> tuple[AliasMove, str]:
    alias, instant = key.removeprefix(f"{MOVED}.").split(".", 1)
    noted = json.loads(text)
    state = noted.pop("state")
    move = AliasMove(name, version, alias, datetime.fromisoformat(instant), happened=state == "done", **noted)
    return move, state


def _note(tracking: Tracking, move: AliasMove, *, state: Literal["begun", "done", "never made"]) -> None:
    noted = {"state": state, "kind": move.kind, "by": move.by, "reason": move.reason[:LONGEST_REASON]}
    text = json.dumps(noted, ensure_ascii=False)
    key = f"{MOVED}.{move.alias}.{stamp(move.moved_at)}"
    connect(tracking).set_model_version_tag(move.name, move.version, key, text)


def stamp(at: datetime) -> str:
    """An instant for a tag's name. Ends in Z, because a tag's name may not contain a plus sign."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
