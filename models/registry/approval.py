"""An operator's word on a version that the gate would promote: approved, and so champion, or turned down."""

from __future__ import annotations

from datetime import datetime

from contracts.errors import ForesafeError
from contracts.results import Decision
from models.registry.client import Tracking
from models.registry.fresh import FreshProcess
from models.registry.moves import alias_moves, champion_at, move_alias
from models.registry.record import recorded_decision, save_decision
from models.registry.rollback import still_fit
from models.registry.versions import Version, all_versions, as_version, champion_version, find_version


def approve(
    tracking: Tracking, name: str, version: str, *, fresh: FreshProcess, at: datetime, by: str, why: str
) -> Version:
    """Make a waiting version the champion, after it loaded and scored its golden rows in a fresh process.

    The alias moves first and the approval is noted next: killed in between, the version still waits, and approving it
    again notes what is missing.

    Raises:
        NotFound: no such model or version. ForesafeError: it does not wait, or was judged against another champion than
            today's. BadSource: it does not load.
    """
    waits = find_version(tracking, name, version)
    judged = _waiting(tracking, waits)
    today = champion_version(tracking, name)
    if today is None or today.version != waits.version:
        _same_rival(tracking, waits, judged, today)
        still_fit(tracking, waits, fresh)
        move_alias(tracking, waits, alias="champion", at=at, reason=f"approved: {why}", by=by)
    save_decision(tracking, waits, Decision("promote", waits.label, (f"approved: {why}",), at, by=by))
    return waits


def turn_down(tracking: Tracking, name: str, version: str, *, at: datetime, by: str, why: str) -> Version:
    """Record that a waiting version shall not be champion. Raises NotFound and ForesafeError as `approve`."""
    waits = find_version(tracking, name, version)
    _waiting(tracking, waits)
    save_decision(tracking, waits, Decision("refuse", waits.label, (f"turned down: {why}",), at, by=by))
    return waits


def waiting_versions(tracking: Tracking, name: str) -> tuple[Version, ...]:
    """The versions that wait for an operator, oldest first. Raises NotFound where there is no such model."""
    versions = (as_version(found) for found in all_versions(tracking, name))
    decided = ((version, recorded_decision(tracking, version)) for version in versions)
    return tuple(version for version, decision in decided if decision and decision.kind == "wait")


def _waiting(tracking: Tracking, version: Version) -> Decision:
    decision = recorded_decision(tracking, version)
    if decision is None or decision.kind != "wait":
        last = f"{decision.kind}, by {decision.by}, {decision.decided_at:%Y-%m-%d %H:%M} UTC" if decision else "none"
        there = ", ".join(found.version for found in waiting_versions(tracking, version.name)) or "none"
        raise ForesafeError(
            f"it does not wait for an operator; its last decision: {last}",
            where=version.label,
            allowed=f"a version that waits: {there}",
            fix=f"see `foresafe history {version.name}`",
        )
    return decision


def _same_rival(tracking: Tracking, version: Version, judged: Decision, today: Version | None) -> None:
    """The gate compared it with the champion of that time: against another one nothing is known."""
    then = champion_at(alias_moves(tracking, version.name), judged.decided_at)
    was, now = then.version if then else "none", today.version if today else "none"
    if was != now:
        raise ForesafeError(
            f"it was judged against champion {was}, and the champion is now {now}",
            where=version.label,
            cause="another version was released meanwhile",
            fix="train again: the new challenger is judged against today's champion",
        )
