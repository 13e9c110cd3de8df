"""One hazard's history replayed, and what is left of it: a page, JSON, pictures, an MLflow run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contracts.errors import ForesafeError, NotEnoughData
from contracts.replay import Replayed
from contracts.results import instant_of
from flows.artefacts import load_features, load_training_set
from flows.compute import computing
from flows.documents import write_json, write_text
from flows.each import Outcome
from flows.material import git_revision
from flows.months import month_borders, month_name
from flows.places import outputs_of, params_of, pilot_of
from flows.settings import Settings
from flows.tracking import tracking_of

if TYPE_CHECKING:
    from models.backtest import Step, World

FILES = ("index.html", "backtest.json")
PROVENANCE = ("from", "to", "observed_until", "store_versions", "spec_hash", "git_revision")


@dataclass(frozen=True)
class Plan:
    """borders: the months' starts, and the end of the last. A challenger is trained every so many months."""

    borders: Sequence[datetime]
    every_months: int
    seeds: int


@dataclass(frozen=True)
class Replay:
    """What a plan came to. refused: hazard -> why it could not be replayed."""

    plan: Plan
    replayed: Sequence[Replayed]
    refused: Mapping[str, str]
    made_at: datetime


def load_world(settings: Settings, name: str, hazard: str, *, seeds: int) -> World:
    """One hazard as the features stage left it, with every version of its incidents.

    Raises:
        NotFound: the features stage has not run. ForesafeError: more seeds than params.yaml has.
    """
    from ingest.store import NONE, Store
    from models.backtest import World

    pilot, params, outputs = pilot_of(settings, name), params_of(settings, name), outputs_of(settings, name)
    train = params.train.of(hazard)
    if not 1 <= seeds <= len(train.seeds):
        raise ForesafeError(f"--seeds {seeds}", where="backtest", allowed=f"1 to {len(train.seeds)} (train.seeds)")
    training, store = load_training_set(outputs.features, ()), Store(outputs.store)
    incidents, assets = (
        store.read(table, version=training.store.get(table, NONE)) for table in ("incidents", "assets")
    )
    train = train.model_copy(update={"seeds": train.seeds[:seeds]})
    rule = pilot.hazards[hazard]
    return World(training.features, incidents, assets, hazard, rule, params.model_copy(update={"train": train}))


def backtest(settings: Settings, name: str, hazard: str, plan: Plan, *, progress: Callable[[Step], None]) -> Replayed:
    """Challengers side by side where `compute` says so, the gate in order, the judging at the end.

    Raises:
        NotFound: the features stage has not run. NotEnoughData: not one forecast of that time has an replay.
    """
    from models.backtest import Term, challenge, districts_known_at, walk
    from models.hindsight import judge_history, no_outcome

    outputs, params = outputs_of(settings, name), params_of(settings, name)
    load = partial(load_world, settings, name, hazard, seeds=plan.seeds)
    world, final = load(), load_training_set(outputs.features, (hazard,)).labels[hazard]
    when = world.features.spine.as_of[final.rows]
    if not ((when >= instant_of(plan.borders[0])) & (when < instant_of(plan.borders[-1]))).any():
        raise no_outcome(hazard, plan.borders)  # now, and not after an hour of training
    starts = [*plan.borders[: -1 : plan.every_months], plan.borders[-1]]
    zone, steps = pilot_of(settings, name).timezone, []
    terms = [Term(month_name(start, zone=zone), start, stop) for start, stop in pairwise(starts)]
    with computing(params.compute, sees=settings.state) as compute:
        challenges = compute.map(partial(challenge, load), terms)
        for step in walk(world, challenges):
            progress(step)
            steps.append(step)
    return judge_history(
        steps,
        world.features.spine,
        final,
        borders=plan.borders,
        districts=districts_known_at(world, plan.borders[-1]),
        level=params.calibrate.interval,
        params=params.evaluate,
    )


def plan_of(settings: Settings, name: str, *, since: str, until: str, every_months: int, seeds: int) -> Plan:
    """The months that there are features of, from `since` to `until` (`2026-03`, or empty), and how often to train.

    Raises:
        ForesafeError: months or numbers that make no sense. NotFound: the features stage has not run.
        NotEnoughData: no whole month.
    """
    if every_months < 1:
        raise ForesafeError(f"--every-months {every_months}", where="backtest", allowed="1 or more")
    as_of = load_features(outputs_of(settings, name).features).spine.as_of
    first, last = (at.astype("datetime64[us]").item().replace(tzinfo=UTC) for at in (as_of.min(), as_of.max()))
    zone = pilot_of(settings, name).timezone
    return Plan(month_borders(first, last, zone=zone, since=since, until=until), every_months, seeds)


def gather(plan: Plan, outcomes: Sequence[Outcome], *, at: datetime) -> Replay:
    """What the hazards came to, one by one. Raises NotEnoughData where none could be replayed."""
    replayed = [outcome.result for outcome in outcomes if not outcome.refused]
    if not replayed:
        raise NotEnoughData("no hazard could be replayed", where="backtest", cause=outcomes[0].refused)
    return Replay(plan, replayed, {outcome.name: outcome.refused for outcome in outcomes if outcome.refused}, at)


def keep(settings: Settings, name: str, replay: Replay) -> Path:
    """Write the page, the numbers and the pictures, log the run; the page's path."""
    from models.replay_plots import plot_replay
    from reporting import BacktestPage, render_backtest

    folder, plan = outputs_of(settings, name).backtest, replay.plan
    paths = {found.hazard: plot_replay(folder, found) for found in replay.replayed}
    page = BacktestPage(
        pilot=pilot_of(settings, name),
        made_at=replay.made_at,
        replayed=replay.replayed,
        pictures={hazard: {key: path.read_bytes() for key, path in drawn.items()} for hazard, drawn in paths.items()},
        refused=replay.refused,
        seeds=plan.seeds,
        every_months=plan.every_months,
    )
    write_text(folder / "index.html", render_backtest(page))
    write_json(folder / "backtest.json", _document(settings, name, replay))
    _log(settings, name, replay.replayed, [path for drawn in paths.values() for path in drawn.values()])
    return folder / "index.html"


def _document(settings: Settings, name: str, replay: Replay) -> dict[str, Any]:
    training, plan = load_training_set(outputs_of(settings, name).features, ()), replay.plan
    return {
        "pilot": name,
        "made_at": replay.made_at.isoformat(),
        "from": plan.borders[0].isoformat(),
        "to": plan.borders[-1].isoformat(),
        "every_months": plan.every_months,
        "seeds": plan.seeds,
        "observed_until": training.observed_until.isoformat(),
        "store_versions": dict(training.store),
        "spec_hash": training.features.spec_hash,
        "git_revision": git_revision(settings.home),
        "params": params_of(settings, name).model_dump(mode="json"),
        "hazards": [found.as_json() for found in replay.replayed],
        "refused": dict(replay.refused),
    }


def _log(settings: Settings, name: str, replayed: Sequence[Replayed], pictures: Sequence[Path]) -> None:
    from models.registry import log_training_run

    metrics: dict[str, float] = {}
    for found in replayed:
        counts = {"rows": found.rows, "incidents": found.incidents, "releases": found.releases}
        metrics |= {f"{found.hazard}.{key}": float(value) for key, value in counts.items()}
        for forecaster, skill in found.whole.items():
            metrics |= {f"{found.hazard}.skill.{forecaster}": skill.value}
            metrics |= {f"{found.hazard}.skill.{forecaster}.{end}": getattr(skill, end) for end in ("low", "high")}
        if found.coverage is not None:
            metrics |= {
                f"{found.hazard}.count_coverage": found.coverage.covered,
                f"{found.hazard}.count_coverage.worst_district": found.coverage.worst,
            }
    texts = {file: (outputs_of(settings, name).backtest / file).read_text("utf-8") for file in FILES}
    document = json.loads(texts["backtest.json"])
    asked = {f"backtest.{key}": str(document[key]) for key in ("every_months", "seeds")}
    log_training_run(
        tracking_of(settings),
        experiment=f"{name}-backtest",
        run_name=f"{name} {document['from'][:10]} to {document['to'][:10]}",
        params={**params_of(settings, name).flat(), **asked},
        metrics=metrics,
        provenance={key: document[key] for key in PROVENANCE},
        files=pictures,
        texts=texts,
    )
