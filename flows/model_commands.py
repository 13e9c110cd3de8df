"""The commands about one released model: what became of its versions, and an operator's say in it."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.settings import load_settings

ModelName = Annotated[str, typer.Argument(metavar="MODEL", help="PILOT-HAZARD, such as ulsan-flood.")]


def history(
    model: ModelName,
    at: Annotated[str, typer.Option(help="Only the champion at this ISO instant; without an offset, local time.")] = "",
) -> None:
    """What became of each version, by whom and why, and who was champion."""
    from flows.registered import show_history

    show_history(load_settings(), model, at)


def rollback(
    model: ModelName,
    to: Annotated[str, typer.Option(metavar="VERSION", help="Default: the champion before today's.")] = "",
    why: Annotated[str, typer.Option(help="For the record.")] = "",
) -> None:
    """Make an earlier version the champion again, if it still loads and scores as it did."""
    from flows.registered import go_back

    go_back(load_settings(), model, to=to, why=why)


def approve(
    model: ModelName,
    version: Annotated[str, typer.Argument(metavar="VERSION")],
    why: Annotated[str, typer.Option(help="For the record.")] = "",
) -> None:
    """Make a version that waits for an operator (`release: manual`) the champion."""
    from flows.registered import approve_version

    approve_version(load_settings(), model, version, why=why)


def refuse_version(
    model: ModelName,
    version: Annotated[str, typer.Argument(metavar="VERSION")],
    why: Annotated[str, typer.Option(help="For the record.")],
) -> None:
    """Turn down a version that waits for an operator; the champion stays."""
    from flows.registered import turn_down_version

    turn_down_version(load_settings(), model, version, why=why)


def rebuild(model: ModelName, version: Annotated[str, typer.Argument(metavar="VERSION")]) -> None:
    """Make a registered version again from its entry and the store; compare bytes. Exit code 1 when they differ."""
    from flows.registered import make_again

    if not make_again(load_settings(), model, version):
        raise typer.Exit(1)
