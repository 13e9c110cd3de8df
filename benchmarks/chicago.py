"""The public benchmark of next-hour traffic accidents in Chicago (GSNet, AAAI 2021), by the platform's own path.

    python -m benchmarks.chicago              the test part: the row beside the published table
    python -m benchmarks.chicago --validate   the validation part alone, for choosing features and parameters

Ingest, features, training and calibration are the pilot's (`pilots/chicago`); only the published metric is here.
Protocol and published rows: Wang et al., GSNet (AAAI 2021), as later papers (RiskContra, MG-STNET) report them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, brier_score_loss

from contracts.errors import ForesafeError
from contracts.results import Features, IntArray
from flows import stages
from flows.material import Material, load_material
from flows.places import feed_names
from flows.settings import Settings, load_settings

HAZARD = "traffic_accident"
SEEDS = 5
GRID = 20
RUSH_HOURS = (6, 7, 8, 15, 16, 17, 18)
FIRST_HOUR = np.datetime64("2016-02-01T06:00")  # local midnight on a clock six hours behind UTC
INGESTED = datetime(2016, 10, 2, tzinfo=UTC)  # after the last hour; the contracts state delays, not receipt
PUBLISHED = {  # method: RMSE, Recall %, MAP for all hours, then for rush hours, then average precision where known
    "historical average": (14.958, 13.80, 0.0572, 10.256, 15.89, 0.0644, None),
    "XGBoost": (15.695, 12.58, 0.0545, 10.369, 15.22, 0.0614, None),
    "GRU": (12.648, 17.83, 0.0664, 9.042, 18.66, 0.0758, None),
    "ConvLSTM": (11.131, 18.84, 0.0789, 8.525, 20.30, 0.0925, None),
    "GSNet": (10.823, 20.27, 0.0976, 8.282, 21.26, 0.1204, 0.1360),
    "MGHSTN": (7.910, 19.40, 0.0829, 6.157, 21.32, 0.1056, None),
    "C-ViT": (9.393, 20.21, 0.0909, 7.009, 21.70, 0.1109, 0.1420),
    "TWCCnet": (11.116, 20.69, 0.0900, 8.491, 22.52, 0.1128, None),
    "MG-STNET": (9.182, 22.16, 0.0982, 6.623, 23.24, 0.1218, 0.1442),
    "RiskContra": (10.378, 22.30, 0.1079, 7.866, 23.87, 0.1373, None),
}

Maps = npt.NDArray[np.float64]  # (hours, 20, 20)


@dataclass(frozen=True)
class Published:
    """The three published scores of one set of hours. rmse looks only at cells that had an accident."""

    rmse: float
    recall_percent: float
    mean_average_precision: float


def published_scores(truth: Maps, predicted: Maps, scored: npt.NDArray[np.bool_]) -> Published:
    """RMSE, Recall and MAP as the published code defines them.

    truth, predicted: (hours, 20, 20); scored: (20, 20). In each hour k cells had an accident: the k truly riskiest
    are compared with the k predicted (ties to the lower index). An hour without accidents counts 0 in MAP, and not in
    Recall.
    """
    mask = scored[None] * (truth > 0)
    rmse = float(np.sqrt(np.mean(((truth - predicted) * (mask / mask.mean())) ** 2)))
    hits_per_hour = [_hits(y[scored], p[scored]) for y, p in zip(truth, predicted, strict=True)]
    wanted = sum(len(hits) for hits in hits_per_hour)
    recall = 100.0 * sum(hits.sum() for hits in hits_per_hour) / wanted
    return Published(rmse, float(recall), float(np.mean([_average_precision(hits) for hits in hits_per_hour])))


def _hits(truth: npt.NDArray[np.float64], predicted: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    k = int((truth > 0).sum())
    return np.isin(np.argsort(-predicted, kind="stable")[:k], np.argsort(-truth, kind="stable")[:k])


def _average_precision(hits: npt.NDArray[np.bool_]) -> float:
    if not len(hits):
        return 0.0
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].sum() / len(hits))


def rush_hours(first: int, count: int) -> npt.NDArray[np.bool_]:
    """(count,) whether each hour from the `first` of the data set on is a rush hour."""
    return np.isin(np.arange(first, first + count) % 24, RUSH_HOURS)


def as_maps(features: Features, rows: IntArray, values: npt.NDArray[np.float64]) -> tuple[Maps, int]:
    """One value a row -> (hours, 20, 20), 0 where there is no row; and the first hour's number in the data set."""
    hour = ((features.spine.as_of[rows] - FIRST_HOUR) / np.timedelta64(1, "h")).astype(int)
    cells = np.array([[int(part) for part in asset.split("-")[1:]] for asset in features.spine.assets])
    row, col = cells[features.spine.asset[rows]].T
    maps = np.zeros((hour.max() - hour.min() + 1, GRID, GRID))
    maps[hour - hour.min(), row, col] = values
    return maps, int(hour.min())


def run_seed(given: Material, seed: int, part: IntArray) -> dict[str, float]:
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
    rows, occurred = given.labels.rows[part], given.labels.occurred[part]
    probability = fitted.model.predict(given.features.take(rows))[0]
    truth, first = as_maps(given.features, rows, given.labels.severity[part])
    predicted, _ = as_maps(given.features, rows, probability)
    scored = np.isfinite(predicted).all(axis=0) & (as_maps(given.features, rows, np.ones(len(rows)))[0][0] > 0)
    every, rush = (
        published_scores(truth[hours], predicted[hours], scored)
        for hours in (np.ones(len(truth), bool), rush_hours(first, len(truth)))
    )
    return {
        "rmse": every.rmse,
        "recall": every.recall_percent,
        "map": every.mean_average_precision,
        "rush_rmse": rush.rmse,
        "rush_recall": rush.recall_percent,
        "rush_map": rush.mean_average_precision,
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--validate", action="store_true", help="score the validation part, never the test part")
    validate = parser.parse_args().validate
    with tempfile.TemporaryDirectory() as folder:
        settings = replace(load_settings(), state=Path(folder))
        if not (settings.shared / "chicago-accidents").is_dir():
            return print(f"skipped: no chicago-accidents in {settings.shared}; set FORESAFE_DATA")
        try:
            given = prepare(settings)
        except ForesafeError as error:
            raise SystemExit(str(error)) from error
        part = given.parts.calibrate if validate else given.parts.test
        runs = []
        for seed in range(1, SEEDS + 1):
            runs.append(run_seed(given, seed, part))
            say(f"seed {seed}: Recall {runs[-1]['recall']:.2f} %, MAP {runs[-1]['map']:.4f}")
    mine = {key: float(np.mean([run[key] for run in runs])) for key in runs[0]}
    title = "validation part (not comparable)" if validate else "test part"
    print(table(mine, title))
    print("RMSE looks only at cells that had an accident (a constant 1.0 scores 6.36): reported, never optimised.")
    print(json.dumps({**{k: round(v, 5) for k, v in mine.items()}, "seeds": SEEDS, "part": title.split()[0]}))


if __name__ == "__main__":
    main()
