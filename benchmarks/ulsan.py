"""How much of what could be known each model of the simulated city knows: log-loss skill, climatology 0, true risk 1.

    python -m benchmarks.ulsan [--years N] [--store FOLDER]

The true risk knows every incident at once, which nobody does. So beside it stands a second reference, the law itself
when it is told an incident only once it is reported (`simulation.knowable`): what it reaches, and the model's share of
that. Both once by the test part's outcomes, and once in expectation over the true risk, which no luck of single
incidents moves. And how often the model's intervals hold: of weekly counts, and of the true risk.

Then the first against months of training history, beside rivals that say how much of it can be learned at all
(`benchmarks.learning_curve`); the picture is `var/ulsan-learning-curve.png`.

Simulation, ingest, features, training and calibration are the platform's stages with the pilot's own parameters
(`pilots/ulsan`), in a folder that is gone afterwards. The true risk is the simulation's; no stage but this reads it.
`--years` has the city begin earlier and end on the same day: a longer history to learn from, other random numbers.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl
import yaml

from benchmarks.learning_curve import Curve, curve_table, expected_share, learning_curve, plot_curves
from contracts.errors import ForesafeError
from contracts.params import EvaluateParams
from contracts.results import BoolArray, Estimate, FloatArray, InstantArray, IntArray
from contracts.worth import Coverage
from flows import (
    Material,
    Settings,
    feed_names,
    judge_rows,
    load_material,
    load_settings,
    outputs_of,
    params_of,
    pilot_of,
    stages,
)
from flows.attainable import true_risk
from simulation import knowable_risk

PILOT = "ulsan"
PICTURE = Path("var/ulsan-learning-curve.png")
Result = TypeVar("Result")
INGESTED = datetime(2028, 4, 1, tzinfo=UTC)  # after the last simulated hour; the contracts say when rows were known


@dataclass(frozen=True)
class Reached:
    """One hazard on the test part; the losses are mean log losses.

    share: the model's, 0 as climatology, 1 as the true risk; law_told: the same of the law that is told reports only;
    of_knowable: the model's share where that law is 1. expected, law_told_expected, expected_of_knowable: the three in
    expectation over the true risk. coverage: of its intervals.
    """

    hazard: str
    incidents: int
    climatology: float
    model: float
    truth: float
    share: Estimate
    law_told: Estimate
    of_knowable: Estimate
    expected: float
    law_told_expected: float
    expected_of_knowable: float
    coverage: tuple[Coverage, ...]


def share_of_attainable(
    occurred: BoolArray,
    as_of: InstantArray,
    *,
    model: FloatArray,
    climatology: FloatArray,
    truth: FloatArray,
    params: EvaluateParams,
) -> Estimate:
    """(climatology - model) / (climatology - truth), all log losses, over draws of whole blocks of days.

    Each draw takes the same rows for all three, so that easy and hard days cancel.
    """
    from models.blocks import draw_blocks, estimate
    from models.evaluation import row_losses

    blocks = draw_blocks(as_of, params)
    lost = {
        name: blocks.total(row_losses(values, occurred)["log_loss"])
        for name, values in (("model", model), ("climatology", climatology), ("truth", truth))
    }
    return estimate((lost["climatology"] - lost["model"]) / (lost["climatology"] - lost["truth"]))


def prepare(settings: Settings) -> None:
    """Simulate, ingest, and build features."""
    say("simulate")
    stages.simulate(settings, PILOT, progress=lambda _: None)
    for feed in feed_names(settings, PILOT):
        say(f"ingest {feed}")
        stages.ingest_feed(settings, PILOT, feed, now=INGESTED)
    say("features")
    stages.features(settings, PILOT)


def reach(settings: Settings, hazard: str, *, knowable: pl.DataFrame) -> Reached:
    """Train one hazard and compare it with the truth, and with what was knowable, on the test part.

    Raises:
        NotEnoughData: too few incidents to train or judge on.
    """
    from models import RiskModel
    from models.evaluation import row_losses
    from models.worth import coverage_of_trial

    say(f"train {hazard}")
    stages.train(settings, PILOT, hazard)
    given = load_material(settings, PILOT, hazard)
    model = RiskModel.load(outputs_of(settings, PILOT).model(hazard))
    trial = judge_rows(model, given)
    rows = given.labels.rows[given.parts.test]
    truth = true_risk_of(settings, given)(rows)
    known = np.isfinite(truth)
    values = {
        "model": trial.probability,
        "climatology": trial.baselines["climatology"],
        "truth": truth,
        "told": risk_of(knowable, given)(rows),
    }
    values = {name: forecast[known] for name, forecast in values.items()}
    occurred, as_of = trial.judged.occurred[known], trial.judged.as_of[known]
    losses = {name: float(row_losses(forecast, occurred)["log_loss"].mean()) for name, forecast in values.items()}

    def share(of: str, best: str) -> Estimate:
        stated = {"model": values[of], "climatology": values["climatology"], "truth": values[best]}
        return share_of_attainable(occurred, as_of, **stated, params=given.params.evaluate)

    def expected(of: str, best: str) -> float:
        return expected_share(values[of], values["climatology"], values[best], truth=values["truth"])

    return Reached(
        hazard,
        int(occurred.sum()),
        climatology=losses["climatology"],
        model=losses["model"],
        truth=losses["truth"],
        share=share("model", "truth"),
        law_told=share("told", "truth"),
        of_knowable=share("model", "told"),
        expected=expected("model", "truth"),
        law_told_expected=expected("told", "truth"),
        expected_of_knowable=expected("model", "told"),
        coverage=coverage_of_trial(
            model,
            trial,
            given.features.spine,
            given.labels,
            parts=given.parts,
            districts=given.districts,
            truth=truth,
        ),
    )


def true_risk_of(settings: Settings, given: Material) -> Callable[[IntArray], FloatArray]:
    """Gives the true risk of rows of the spine, inside (0, 1); NaN where the simulation does not state it."""
    return risk_of(stated_truth(settings), given)


def risk_of(stated: pl.DataFrame, given: Material) -> Callable[[IntArray], FloatArray]:
    """The same of any table like that of the true risk."""
    hazard, hours = given.labels.hazard, given.labels.horizon_hours
    stated = stated.select("asset_id", "as_of", hazard)

    def risk(rows: IntArray) -> FloatArray:
        found = true_risk(stated, given.features.spine.take(rows), hazard=hazard, horizon_hours=hours)
        return np.asarray(np.clip(found, 1e-9, 1 - 1e-9))

    return risk


def stated_truth(settings: Settings) -> pl.DataFrame:
    """asset_id, as_of, and each hazard's true risk, as the simulation wrote it."""
    return pl.read_parquet(outputs_of(settings, PILOT).truth / "risk.parquet")


def curve(settings: Settings, hazard: str) -> Curve:
    """One hazard's learning curve. Raises NotEnoughData as `reach`."""
    say(f"learning curve {hazard}")
    given = load_material(settings, PILOT, hazard)
    return learning_curve(given, true_risk_of(settings, given))


def table(found: Mapping[str, Reached | ForesafeError]) -> str:
    """One line a hazard; a hazard that could not be trained says why."""
    losses = f"{'climatology':>13}{'model':>10}{'true risk':>11}"
    shares = f"{'of attainable':>21}{'law told':>10}{'of knowable':>21}"
    lines = [
        f"{'':<18}{'':>10}{'log loss of':^34}{'by outcomes: share':^52}  {'in expectation: share':^34}",
        f"{'hazard':<18}{'incidents':>10}{losses}{shares}  {'of attainable':>13}{'law told':>9}{'of knowable':>12}",
    ]
    for hazard, got in found.items():
        if isinstance(got, ForesafeError):
            lines.append(f"{hazard:<18}not trained: {got}")
            continue
        lines.append(
            f"{hazard:<18}{got.incidents:>10,}{got.climatology:>13.5f}{got.model:>10.5f}{got.truth:>11.5f}"
            f"{_with_interval(got.share)}{got.law_told.value:>10.3f}{_with_interval(got.of_knowable)}"
            f"  {got.expected:>13.3f}{got.law_told_expected:>9.3f}{got.expected_of_knowable:>12.3f}"
        )
    return "\n".join(lines)


def coverage_table(found: Mapping[str, Reached | ForesafeError]) -> str:
    """One line a hazard: how often its intervals hold on the test part; in brackets in the worst district."""
    trained = {hazard: got for hazard, got in found.items() if not isinstance(got, ForesafeError)}
    heads = dict.fromkeys(one.of for got in trained.values() for one in got.coverage)
    lines = [f"{'hazard':<18}" + "".join(f"{head:>38}" for head in heads)]
    for hazard, got in trained.items():
        held = (f"{100 * one.covered:.1f} ({100 * one.worst:.0f})" for one in got.coverage)
        lines.append(f"{hazard:<18}" + "".join(f"{words:>38}" for words in held))
    return "\n".join(lines)


def _with_interval(of: Estimate) -> str:
    return f"{of.value:>7.3f} [{of.low:.2f}, {of.high:.2f}]"


def summary(found: Mapping[str, Reached | ForesafeError], curves: Mapping[str, Curve]) -> str:
    """One JSON object; a hazard that could not be trained counts as climatology, 0, in the medians.

    median_attainable_share: of each hazard's best share that incidents taught, be it with the law's form known.
    """
    trained = {hazard: got if isinstance(got, Reached) else None for hazard, got in found.items()}

    def each(of: Callable[[Reached], float]) -> dict[str, float]:
        return {hazard: round(of(got), 4) if got else 0.0 for hazard, got in trained.items()}

    shares, told = each(lambda got: got.share.value), each(lambda got: got.of_knowable.value)
    expected, expected_told = each(lambda got: got.expected), each(lambda got: got.expected_of_knowable)
    best = [curves[hazard].attainable if hazard in curves else 0.0 for hazard in found]
    return json.dumps(
        {
            "shares": shares,
            "median_share": _median(shares.values()),
            "shares_of_knowable": told,
            "median_share_of_knowable": _median(told.values()),
            "expected_shares": expected,
            "expected_shares_of_knowable": expected_told,
            "median_expected_share_of_knowable": _median(expected_told.values()),
            "median_attainable_share": _median(best),
        }
    )


def _median(values: Iterable[float]) -> float:
    return round(float(np.median(list(values))), 4)


def attempt(what: Callable[[Settings, str], Result], settings: Settings, hazard: str) -> Result | ForesafeError:
    try:
        return what(settings, hazard)
    except ForesafeError as refusal:
        return refusal


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    asked = arguments()
    with tempfile.TemporaryDirectory() as folder:
        settings = replace(load_settings(), state=asked.store or Path(folder) / "var")
        try:
            if asked.years:
                settings = with_history(settings, asked.years, home=Path(folder) / "home")
            if not asked.store:
                prepare(settings)
        except ForesafeError as error:
            raise SystemExit(str(error)) from error
        hazards = list(pilot_of(settings, PILOT).hazards)
        say("what was knowable")
        simulated = params_of(settings, PILOT).simulate
        knowable = knowable_risk(simulated)
        found = {hazard: attempt(partial(reach, knowable=knowable), settings, hazard) for hazard in hazards}
        tried = {hazard: attempt(curve, settings, hazard) for hazard in hazards}
    curves = {hazard: got for hazard, got in tried.items() if not isinstance(got, ForesafeError)}
    print(f"{simulated.days:,} days from {simulated.first_day} on; log loss of the test part, and shares of the skill:")
    print(
        "climatology is 0; of attainable: 1 is the true risk; of knowable: 1 is the law that is told an incident only"
    )
    print("once it is reported. In brackets 95 % over weeks.")
    print(table(found))
    print("\nHow many of a hundred the stated 90 % intervals hold, in brackets in the worst district:")
    print(coverage_table(found))
    print("\nThe first share in expectation, against months of training history (the model with one seed):")
    print(curve_table(curves))
    print(plot_curves(curves, PICTURE) if curves else "no curve: nothing could be trained")
    print(summary(found, curves))
    if not curves:
        raise SystemExit(1)


def with_history(settings: Settings, years: int, *, home: Path) -> Settings:
    """The same pilot, simulated from so many years before its last day on.

    Args:
        home: a folder to be made, with the pilots and the changed parameters.
    """
    shutil.copytree(settings.pilots, home / "pilots")
    params = yaml.safe_load((settings.home / "params.yaml").read_text(encoding="utf-8"))
    usual = params_of(settings, PILOT).simulate
    end = date.fromisoformat(usual.first_day) + timedelta(days=usual.days)
    first = end.replace(year=end.year - years)
    params["simulate"] = {**params["simulate"], "first_day": first.isoformat(), "days": (end - first).days}
    (home / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    return replace(settings, home=home)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Share of the attainable skill on simulated Ulsan.")
    parser.add_argument("--years", type=int, help="of history, instead of the pilot's own days")
    parser.add_argument("--store", type=Path, help="a state folder that is simulated, ingested and built already")
    return parser.parse_args()


if __name__ == "__main__":
    main()
