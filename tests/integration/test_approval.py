"""`release: manual`: what the gate would promote waits for an operator, whose word is carried out and recorded."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contracts.errors import ForesafeError, NotFound
from models.registry import (
    FreshProcess,
    Tracking,
    Version,
    approve,
    champion_version,
    history,
    release,
    turn_down,
    waiting_versions,
)
from tests.integration.test_registry_operations import NAME, day, decided, published, released

pytestmark = pytest.mark.slow


def waits(tracking: Tracking, number: int) -> Version:
    version = published(tracking, day(number), seed=number)
    assert not release(tracking, version, decided("wait", day(number), "an operator decides"))
    return version


def approved(tracking: Tracking, version: str, number: int) -> Version:
    with FreshProcess() as fresh:
        return approve(tracking, NAME, version, fresh=fresh, at=day(number), by="kim@city", why="looks right")


def champion(tracking: Tracking) -> str | None:
    found = champion_version(tracking, NAME)
    return found.version if found else None


def test_a_yes_a_no_and_what_is_too_late(tracking: Tracking) -> None:
    first, second, third = (waits(tracking, number) for number in (1, 2, 3))
    assert champion(tracking) is None, "a waiting version is not the champion"
    assert [version.version for version in waiting_versions(tracking, NAME)] == ["1", "2", "3"]

    assert approved(tracking, second.version, 4) == second
    assert champion(tracking) == "2"
    turn_down(tracking, NAME, third.version, at=day(5), by="kim@city", why="no need")
    assert champion(tracking) == "2"
    with pytest.raises(ForesafeError, match=r"judged against champion none, and the champion is now 2.*train again"):
        approved(tracking, first.version, 6)
    for judged in (second, third):
        with pytest.raises(ForesafeError, match=r"does not wait.*a version that waits: 1"):
            approved(tracking, judged.version, 6)
        with pytest.raises(ForesafeError, match="does not wait"):
            turn_down(tracking, NAME, judged.version, at=day(6), by="kim@city", why="again")
    with pytest.raises(NotFound, match=r"no version '9'"):
        approved(tracking, "9", 6)

    said = [(event.version, event.kind, event.by, event.words) for event in history(tracking, NAME)]
    assert ("2", "promote", "kim@city", "approved: looks right") in said
    assert ("3", "refuse", "kim@city", "turned down: no need") in said


def test_killed_between_the_move_and_the_note_it_is_approved_again(
    tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    released(tracking, day(1), seed=1)
    second = waits(tracking, 2)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("models.registry.approval.save_decision", killed)
        with pytest.raises(KeyboardInterrupt):
            approved(tracking, second.version, 3)
    assert champion(tracking) == "2"
    assert [version.version for version in waiting_versions(tracking, NAME)] == ["2"], "it is not yet on record"
    approved(tracking, second.version, 4)
    assert waiting_versions(tracking, NAME) == ()
    moves = [event for event in history(tracking, NAME) if event.kind == "champion"]
    assert [move.at for move in moves] == [day(1), day(3)], "the alias moved once"
    assert moves[1].at + timedelta(days=1) == [e for e in history(tracking, NAME) if e.kind == "promote"][-1].at
