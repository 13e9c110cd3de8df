"""The public benchmark of next-hour traffic accidents in Chicago (GSNet, AAAI 2021), by the platform's own path.

    python -m benchmarks.chicago              the test part: the row beside the published table
    python -m benchmarks.chicago --validate   the validation part alone, for choosing features and parameters

Ingest, features, training and calibration are the pilot's (`pilots/chicago`); only the published metric is here.
Every look at the test part is written down in `benchmarks/gsnet/test_part_scored.jsonl`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, brier_score_loss

from benchmarks.gsnet import against
from benchmarks.gsnet.scores import GRID, PUBLISHED, Maps, Published, published_scores, rush_hours
from contracts.errors import ForesafeError
from contracts.results import Features, IntArray
from flows import stages
from flows.material import Material, git_revision, load_material
from flows.places import feed_names
from flows.settings import Settings, load_settings

HAZARD = "traffic_accident"
SEEDS = 5
FIRST_HOUR = np.datetime64("2016-02-01T06:00")  # local midnight on a clock six hours behind UTC
INGESTED = datetime(2016, 10, 2, tzinfo=UTC)  # after the last hour; the contracts state delays, not receipt
TIMES_SCORED = Path(__file__).parent / "gsnet" / "test_part_scored.jsonl"


def as_maps(features: Features, rows: IntArray, values: npt.NDArray[np.float64]) -> tuple[Maps, int]:
    """One value a row -> (hours, 20, 20), 0 where there is no row; and the first hour's number in the data set."""
    hour = ((features.spine.as_of[rows] - FIRST_HOUR) / np.timedelta64(1, "h")).astype(int)
    cells = np.array([[int(part) for part in asset.split("-")[1:]] for asset in features.spine.assets])
    row, col = cells[features.spine.asset[rows]].T
    maps = np.zeros((hour.max() - hour.min() + 1, GRID, GRID))
    maps[hour - hour.min(), row, col] = values
    return maps, int(hour.min())


@dataclass(frozen=True)
class Run:
    """One set of seeds: its scores, its predictions (hours, 20, 20), and which cells are scored (20, 20)."""

    scores: dict[str, float]
    predicted: Maps
    scored: npt.NDArray[np.bool_]


def run_seed(given: Material, seed: int, part: IntArray) -> Run:
    """Train with one set of seeds, predict `part` (positions into the labels), and score it."""
    from models.fit import fit_risk_model

    seeds = tuple(100 * seed + s for s in given.params.train.seeds)
    fitted = fit_risk_model(
        given.features,
        given.labels,
        parts=given.parts,
        train_params=given.params.train.model_copy(update={"seeds": seeds}),
        calibrate_params=given.params.calibrate,
        alerts_per_day=given.alerts_per_day,
        provenance={},
    )
    rows = given.labels.rows[part]
    probability = fitted.model.predict(given.features.take(rows))[0]
    truth, first = as_maps(given.features, rows, given.labels.severity[part])
    predicted, _ = as_maps(given.features, rows, probability)
    scored = np.isfinite(predicted).all(axis=0) & (as_maps(given.features, rows, np.ones(len(rows)))[0][0] > 0)
    rush = rush_hours(first, len(truth))
    every_hour, in_rush = (published_scores(truth[h], predicted[h], scored) for h in (rush | True, rush))
    return Run(_named(every_hour, in_rush) | _as_probabilities(given, part, probability), predicted, scored)


def _named(every_hour: Published, in_rush: Published) -> dict[str, float]:
    return {
        "rmse": every_hour.rmse,
        "recall": every_hour.recall_percent,
        "map": every_hour.mean_average_precision,
        "rush_rmse": in_rush.rmse,
        "rush_recall": in_rush.recall_percent,
        "rush_map": in_rush.mean_average_precision,
    }


def _as_probabilities(given: Material, part: IntArray, probability: npt.NDArray[np.float64]) -> dict[str, float]:
    occurred = given.labels.occurred[part]
    return {
        "average_precision": float(average_precision_score(occurred, probability)),
        "brier": float(brier_score_loss(occurred, probability)),
        "ece": expected_calibration_error(occurred, probability),
    }


def expected_calibration_error(occurred: npt.NDArray[np.bool_], probability: npt.NDArray[np.float64]) -> float:
    """Over ten bins of equal count, as in the platform's own evaluation."""
    from models.evaluation import reliability_bins

    bins = reliability_bins(probability, occurred, 10)
    return float(sum(b.rows * abs(b.predicted - b.observed) for b in bins) / len(occurred))


def prepare(settings: Settings) -> Material:
    """Shared files -> store -> features and labels, by the platform's stages."""
    for feed in feed_names(settings, "chicago"):
        say(f"ingest {feed}")
        stages.ingest_feed(settings, "chicago", feed, now=INGESTED)
    say("features")
    stages.features(settings, "chicago")
    return load_material(settings, "chicago", HAZARD)


def table(mine: dict[str, float], title: str) -> str:
    lines = [f"{title:<34}{'all hours':^27}{'rush hours':^27}{'average':>9}"]
    lines.append(
        f"{'method':<34}{'RMSE':>8}{'Recall %':>10}{'MAP':>8} {'RMSE':>8}{'Recall %':>10}{'MAP':>8}{'precision':>11}"
    )
    ours = tuple(
        mine[k] for k in ("rmse", "recall", "map", "rush_rmse", "rush_recall", "rush_map", "average_precision")
    )
    for name, row in {**PUBLISHED, f"Foresafe, mean of {SEEDS} seeds": ours}.items():
        last = "" if row[6] is None else f"{row[6]:.4f}"
        lines.append("".join([f"{name:<34}", _three(row[:3]), " ", _three(row[3:6]), f"{last:>11}"]))
    return "\n".join(lines)


def _three(row: tuple[float, ...]) -> str:
    return f"{row[0]:>8.3f}{row[1]:>10.2f}{row[2]:>8.4f}"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def write_down(mine: dict[str, float], settings: Settings) -> int:
    """One more line for one more look at the test part; how many there are now."""
    entry = {"at": f"{datetime.now(UTC):%Y-%m-%d}", "code": git_revision(settings.home), **mine}
    with TIMES_SCORED.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")
    return len(TIMES_SCORED.read_text(encoding="utf-8").splitlines())


def compete(settings: Settings, *, validate: bool) -> None:
    given = prepare(settings)
    part = given.parts.calibrate if validate else given.parts.test
    runs = []
    for seed in range(1, SEEDS + 1):
        runs.append(run_seed(given, seed, part))
        say(f"seed {seed}: Recall {runs[-1].scores['recall']:.2f} %, MAP {runs[-1].scores['map']:.4f}")
    mine = {key: round(float(np.mean([run.scores[key] for run in runs])), 5) for key in runs[0].scores}
    title = "validation part (not comparable)" if validate else "test part"
    print(table(mine, title))
    print("RMSE looks only at cells that had an accident (a constant 1.0 scores 6.36): reported, never optimised.")
    last: dict[str, object] = {**mine, "seeds": SEEDS, "part": title.split()[0]}
    if not validate:
        published = settings.shared / "chicago-accidents" / "published"
        found = against.against_published(published, [run.predicted for run in runs], runs[0].scored)
        print(against.table(found))
        last["against"] = {name: {key: asdict(d) for key, d in scores.items()} for name, scores in found.items()}
        last["times_scored"] = write_down(mine, settings)
        print(f"the test part has been looked at {last['times_scored']} times: {TIMES_SCORED.name}")
    print(json.dumps(last))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--validate", action="store_true", help="score the validation part, never the test part")
    validate = parser.parse_args().validate
    with tempfile.TemporaryDirectory() as folder:
        settings = replace(load_settings(), state=Path(folder))
        if not (settings.shared / "chicago-accidents").is_dir():
            return print(f"skipped: no chicago-accidents in {settings.shared}; set FORESAFE_DATA")
        try:
            compete(settings, validate=validate)
        except ForesafeError as error:
            raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
