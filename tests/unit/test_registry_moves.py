"""Who was champion when, and to whom a rollback goes, from the moves alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from models.registry.moves import AliasMove, champion_at, earlier_champion

START = datetime(2026, 1, 1, tzinfo=UTC)


def moves(*steps: str) -> list[AliasMove]:
    """`+2` releases version 2, `-1` rolls back to 1, `?3` was killed before it moved; an hour apart."""
    kinds = {"+": "release", "-": "rollback", "?": "release"}
    return [
        AliasMove("m", step[1:], "champion", START + timedelta(hours=i), kinds[step[0]], "", "", step[0] != "?")
        for i, step in enumerate(steps)
    ]


def version_at(made: list[AliasMove], hours: float) -> str | None:
    found = champion_at(made, START + timedelta(hours=hours))
    return found and found.version


def test_a_champion_holds_from_its_own_instant_until_the_next_ones() -> None:
    made = moves("+1", "+2", "?3", "-1")
    assert [version_at(made, h) for h in (-0.001, 0, 0.999, 1, 2, 2.999, 3, 99)] == [
        None,
        "1",
        "1",
        "2",
        "2",
        "2",
        "1",
        "1",
    ]


def test_a_challenger_is_no_champion() -> None:
    challenger = AliasMove("m", "5", "challenger", START, "publish", "", "", True)
    assert champion_at([challenger], START) is None
    assert earlier_champion([challenger, *moves("+1")]) is None


def test_going_back_twice_goes_back_two_releases() -> None:
    assert earlier_champion(moves("+1", "+2", "+3")) == "2"
    assert earlier_champion(moves("+1", "+2", "+3", "-2")) == "1"
    assert earlier_champion(moves("+1", "+2", "+3", "-2", "-1")) is None
    assert earlier_champion(moves("+1", "+2", "+3", "-2", "+4")) == "2"
    assert earlier_champion(moves("+1", "+2", "-3")) == "2"
    assert earlier_champion(moves("+1", "+2", "-1", "-2")) == "1"
    assert earlier_champion(moves("+1", "?2")) is None
    assert earlier_champion(moves("+1", "+2", "+1")) == "2"


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8, unique=True))
def test_rollbacks_undo_releases_one_by_one(versions: list[int]) -> None:
    made = moves(*(f"+{version}" for version in versions))
    for version in reversed(versions[:-1]):
        assert earlier_champion(made) == str(version)
        made = moves(*(f"{'-' if m.kind == 'rollback' else '+'}{m.version}" for m in made), f"-{version}")
    assert earlier_champion(made) is None
