"""`foresafe`: the command line. Every command imports what it needs when it runs, so that --help is instant."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from contracts.errors import ForesafeError
from flows.model_commands import approve, history, rebuild, refuse_version, rollback
from flows.services import mlflow_variables
from flows.settings import COMPUTE_VARIABLES, adopt, load_settings

app = typer.Typer(
    help="Forecasts where and when accidents will happen in a city, from what its partners share.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

PilotName = Annotated[str, typer.Argument(metavar="PILOT", help="A folder under pilots/, such as ulsan.")]
Direct = Annotated[bool, typer.Option("--direct", help="Run the stages here, without a Prefect server.")]
REFUSED, PARTLY = 2, 1


@app.command()
def check(pilot: PilotName) -> None:
    """Say whether a pilot's YAML is sound and its feeds are readable."""
    from flows.console import table
    from flows.instants import now
    from flows.places import hazard_names
    from ingest.check import check_pilot

    settings = load_settings()
    hazard_names(settings, pilot)
    findings = check_pilot(settings.pilots / pilot, roots=settings.roots, now=now())
    table(f"check {pilot}", [{"": found.level, "feed": found.feed, "finding": found.words} for found in findings])
    if any(found.level == "error" for found in findings):
        raise typer.Exit(REFUSED)


@app.command()
def simulate(pilot: PilotName = "ulsan") -> None:
    """Write what partners of the simulated city would share, and the truth about it."""
    from flows import stages
    from flows.console import say

    summary = stages.simulate(load_settings(), pilot, progress=say)
    say(f"{summary['cells']} cells, {summary['hours']} hours, incidents: {summary['incidents']}")


@app.command()
def ingest(pilot: PilotName, direct: Direct = False) -> None:
    """Pull every feed, quarantine bad rows, commit the rest. Exit code 1 when a feed was refused."""
    from flows import run
    from flows.console import table
    from flows.pages import ingest_rows

    outcomes = run.ingest(load_settings(), pilot, direct=direct)
    table(f"ingest {pilot}", ingest_rows(outcomes))
    _close([(row["feed"], row["refused"]) for row in ingest_rows(outcomes)])


@app.command()
def features(pilot: PilotName) -> None:
    """List the features of a pilot, in words."""
    from features import feature_infos
    from flows.console import table
    from flows.places import pilot_of

    rows = [
        {"feature": info.name, "words": info.words, "unit": info.unit, "uses": info.uses}
        for info in feature_infos(pilot_of(load_settings(), pilot))
    ]
    table(f"{len(rows)} features of {pilot}", rows)


@app.command()
def train(
    pilot: PilotName,
    asked: Annotated[bool, typer.Option("--asked", help="Only what monitoring asked for and nobody did yet.")] = False,
    direct: Direct = False,
) -> None:
    """Features, then per hazard: train, judge, track, and release what wins. Exit code 1 when a hazard was refused."""
    from flows import run
    from flows.console import say, table
    from flows.pages import train_rows, verdicts

    outcomes = run.train(load_settings(), pilot, direct=direct, asked=asked)
    table(f"train {pilot}", train_rows(outcomes))
    for line in verdicts(outcomes):
        say(line)
    _close([(outcome.name, outcome.refused) for outcome in outcomes])


@app.command()
def tune(
    pilot: PilotName,
    hazards: Annotated[list[str] | None, typer.Argument(metavar="[HAZARD]...", help="Default: all that train.")] = None,
    minutes: Annotated[float, typer.Option(help="For all of them together.")] = 10.0,
) -> None:
    """Search for better training parameters on folds of the training part. Changes nothing: it writes what it found."""
    from flows.tuning import show, tune_each

    settings = load_settings()
    outcomes = tune_each(settings, pilot, hazards or [], minutes=minutes)
    show(settings, pilot, outcomes)
    _close([(outcome.name, outcome.refused) for outcome in outcomes])


@app.command()
def score(
    pilot: PilotName,
    as_of: Annotated[str, typer.Option(help="ISO instant; without an offset, the pilot's time. Default: newest.")] = "",
    direct: Direct = False,
) -> None:
    """Forecast every asset and hazard with the released models."""
    from datetime import datetime

    from flows import run
    from flows.console import say, table
    from flows.instants import in_seoul, read_instant
    from flows.pages import score_rows
    from flows.places import outputs_of, pilot_of

    settings = load_settings()
    instant = read_instant(as_of, zone=pilot_of(settings, pilot).timezone) if as_of else None
    summary = run.score(settings, pilot, as_of=instant, direct=direct)
    when = in_seoul(datetime.fromisoformat(summary["as_of"]))
    table(f"highest risks in {pilot} as of {when}", score_rows(summary))
    say(f"{summary['rows']} scores in {outputs_of(settings, pilot).scores}")


@app.command()
def backfill(
    pilot: PilotName,
    first: Annotated[str, typer.Option("--from", help="ISO instant; without an offset, the pilot's time.")],
    last: Annotated[str, typer.Option("--to", help="As --from; it is part of the range.")],
    every_hours: Annotated[int, typer.Option(help="Hours between forecasts. Default: the pilot's cadence.")] = 0,
) -> None:
    """Forecast a past range with today's models, each hour from what was known then. Safe to stop and run again."""
    from flows import run
    from flows.console import say
    from flows.instants import read_instant
    from flows.places import pilot_of

    settings = load_settings()
    zone = pilot_of(settings, pilot).timezone
    start, end = read_instant(first, zone=zone, where="--from"), read_instant(last, zone=zone, where="--to")
    done = run.backfill(settings, pilot, first=start, last=end, every_hours=every_hours)
    say(f"{done['scored']} of {done['hours']} hours forecast now, {done['there']} were there; {done['rows']} new rows")


@app.command()
def backtest(
    pilot: PilotName,
    since: Annotated[str, typer.Option("--from", metavar="MONTH", help="Such as 2026-03. Default: the first.")] = "",
    until: Annotated[str, typer.Option("--to", metavar="MONTH", help="Included. Default: the last.")] = "",
    hazard: Annotated[list[str] | None, typer.Option(help="May be given several times. Default: all.")] = None,
    every_months: Annotated[int, typer.Option(help="Train a challenger every so many months.")] = 1,
    seeds: Annotated[int, typer.Option(help="So many of train.seeds; one is fastest, and a little less skilled.")] = 1,
) -> None:
    """Replay history month by month as it would have run: train, gate, forecast; judged with what is known today."""
    from flows.replaying import run_backtest

    settings = load_settings()
    outcomes = run_backtest(
        settings, pilot, hazard or [], since=since, until=until, every_months=every_months, seeds=seeds
    )
    _close([(outcome.name, outcome.refused) for outcome in outcomes])


@app.command()
def monitor(
    pilot: PilotName,
    at: Annotated[str, typer.Option(help="ISO instant; without an offset, the pilot's time. Default: newest.")] = "",
    page: Annotated[
        bool | None, typer.Option("--page/--no-page", help="Make Evidently's page. Default: when something moved.")
    ] = None,
    direct: Direct = False,
) -> None:
    """Check every released model: what changed, how good its forecasts are, what to do."""
    from flows import run
    from flows.console import table
    from flows.instants import read_instant
    from flows.pages import decision_rows
    from flows.places import pilot_of

    settings = load_settings()
    instant = read_instant(at, zone=pilot_of(settings, pilot).timezone, where="--at") if at else None
    table(f"monitor {pilot}", decision_rows(run.monitor(settings, pilot, at=instant, page=page, direct=direct)))


@app.command()
def decisions(pilot: PilotName, rows: Annotated[int, typer.Option(help="List so many, newest last.")] = 20) -> None:
    """What was decided about a pilot's models, and why."""
    from flows.console import table
    from flows.pages import decision_rows
    from flows.stages.watch import decisions as made

    table(f"decisions for {pilot}", decision_rows(made(load_settings(), pilot)[-rows:]))


@app.command()
def report(pilot: PilotName) -> None:
    """Write the report page of what the other stages left."""
    from flows import stages
    from flows.console import say
    from flows.instants import now

    say(str(stages.report(load_settings(), pilot, now=now())["report"]))


class Stage(StrEnum):
    """The stages of dvc.yaml."""

    simulate = "simulate"
    ingest = "ingest"
    features = "features"
    train = "train"
    evaluate = "evaluate"
    track = "track"
    score = "score"
    report = "report"


@app.command()
def stage(name: Stage, pilot: PilotName) -> None:
    """Run one stage as dvc.yaml does: the stage function alone, no server. Releases nothing."""
    from flows.rerun import rerun

    _close(rerun(load_settings(), name.value, pilot))


for command in (history, rollback, approve, refuse_version, rebuild):
    app.command(name=command.__name__.removesuffix("_version"))(command)


@app.command()
def demo() -> None:
    """Simulate, ingest, train, release, score, report: the whole way in minutes."""
    from flows.demo import run_demo

    run_demo(load_settings())


@app.command()
def up(
    port: Annotated[int, typer.Option(help="The first of four ports in a row. Default: any that are free.")] = 0,
) -> None:
    """Start the whole platform and keep it up: servers, pages, what prefect.yaml schedules. Ctrl-C stops all of it."""
    from flows.platform import stay_up

    stay_up(load_settings(), first_port=port or None)


@app.command()
def down() -> None:
    """Stop the platform of this project from another terminal, used or not; clears half-dead servers."""
    from flows.platform import take_down

    take_down(load_settings())


@app.command()
def status(
    pilot: Annotated[str, typer.Argument(metavar="[PILOT]", help="One pilot, in full. Default: all, in short.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False,
) -> None:
    """Say which servers run, what each flow last did, how fresh each feed is, and who is champion."""
    from flows.status import show_status

    show_status(load_settings(), pilot, as_json=as_json)


class Action(StrEnum):
    """What to do with refused rows."""

    list = "list"
    replay = "replay"


@app.command()
def quarantine(
    pilot: PilotName,
    action: Annotated[Action, typer.Argument(help="Show them, or judge them once more after a contract was mended.")],
    feed: Annotated[str, typer.Option(help="List one feed only.")] = "",
    rows: Annotated[int, typer.Option(help="List so many, newest first.")] = 20,
) -> None:
    """Rows that were refused: list those not accepted since, or take them in again after a fix."""
    from flows.quarantined import list_refused, replay_refused

    if action is Action.list:
        return list_refused(load_settings(), pilot, feed=feed, rows=rows)
    _close(replay_refused(load_settings(), pilot))


def _close(outcomes: list[tuple[str, str]]) -> None:
    """A line for each refusal, and exit code 1 when there is any."""
    from flows.console import refuse

    refused = [(name, why) for name, why in outcomes if why]
    for name, why in refused:
        refuse(f"{name}: {why}")
    if refused:
        raise typer.Exit(PARTLY)


def main() -> None:
    """The console entry: a refusal is one line on stderr and exit code 2; Ctrl-C is 130."""
    adopt({**mlflow_variables(), **COMPUTE_VARIABLES})
    try:
        app()
    except ForesafeError as refusal:
        from flows.console import refuse

        refuse(str(refusal))
        sys.exit(REFUSED)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
