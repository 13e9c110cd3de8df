"""Back to an earlier champion: checked, recorded, and in seconds."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path

from contracts.errors import BadSource, NotFound
from contracts.results import Decision
from models.registry.client import Tracking, connect
from models.registry.fresh import FreshProcess
from models.registry.moves import alias_moves, earlier_champion, move_alias
from models.registry.record import save_decision
from models.registry.versions import (
    GOLDEN,
    PACKED,
    Version,
    champion_version,
    digest_of,
    fetch,
    find_model,
    find_version,
)


def roll_back(
    tracking: Tracking, name: str, *, to: str, fresh: FreshProcess, at: datetime, by: str, why: str
) -> tuple[Version, Version]:
    """Make an earlier version the champion again, after it loaded and scored its golden rows in a fresh process.

    Args:
        to: its number; empty for the champion before today's.
        fresh: a process that waits for a model.

    Returns:
        The champion until now, and the champion from now on.

    Raises:
        NotFound: no such model or version, or no earlier champion. BadSource: it does not load; the champion stays.
    """
    find_model(tracking, name)
    today = champion_version(tracking, name)
    if today is None:
        raise NotFound(f"{name} has no champion to roll back from", where="registry", fix="train and release first")
    target = find_version(tracking, name, to or _before(tracking, today))
    if target.version == today.version:
        raise NotFound(
            f"version {to} is the champion already", where=name, fix=f"see `foresafe history {name}` for the others"
        )
    still_fit(tracking, target, fresh)
    reasons = (f"from version {today.version} to version {target.version}: {why}",)
    inputs = {"from": today.version, "to": target.version}
    save_decision(tracking, target, Decision("rollback", target.label, reasons, at, inputs=inputs, by=by))
    move_alias(tracking, target, alias="champion", at=at, reason=why, kind="rollback", by=by)
    return today, target


def _before(tracking: Tracking, today: Version) -> str:
    version = earlier_champion(alias_moves(tracking, today.name))
    if version is None:
        raise NotFound(
            "no earlier champion",
            where=today.label,
            cause="it is the first that was released, or the last rollback went back to it",
            fix=f"name a version: `foresafe rollback {today.name} --to VERSION`",
        )
    return version


def still_fit(tracking: Tracking, version: Version, fresh: FreshProcess) -> None:
    """The hashes of everything that was packed and of the golden rows; then, in the fresh process, the scores."""
    tags = connect(tracking).get_model_version(version.name, version.version).tags
    with tempfile.TemporaryDirectory(prefix="foresafe-rollback-") as scratch:
        model = fetch(tracking, version, PACKED, Path(scratch))
        golden = fetch(tracking, version, GOLDEN, Path(scratch))
        now = {"packed_sha256": digest_of(model), "golden_sha256": digest_of(golden)}
        changed = [what for what, digest in now.items() if tags.get(what) != digest]
        if changed:
            raise BadSource(
                f"its files are not those that were registered ({', '.join(changed)})",
                where=version.label,
                cause="files changed after the release",
                fix="name another version with --to; the champion stays",
            )
        fresh.judge(version.label, given=(model, golden))
