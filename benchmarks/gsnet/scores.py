"""The published metric, hour by hour, and the published rows.

Protocol and rows: Wang et al., GSNet (AAAI 2021), as later papers (RiskContra, MG-STNET) report them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

GRID = 20
RUSH_HOURS = (6, 7, 8, 15, 16, 17, 18)
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
Hours = npt.NDArray[np.float64]  # (hours,)


@dataclass(frozen=True)
class Published:
    """The three published scores of one set of hours. rmse looks only at cells that had an accident."""

    rmse: float
    recall_percent: float
    mean_average_precision: float


@dataclass(frozen=True)
class Hourly:
    """What Recall and MAP are made of, (hours,) each: accident cells, those found, and the hour's average precision."""

    wanted: Hours
    found: Hours
    precision: Hours


def published_scores(truth: Maps, predicted: Maps, scored: npt.NDArray[np.bool_]) -> Published:
    """RMSE, Recall and MAP as the published code defines them. truth, predicted: (hours, 20, 20); scored: (20, 20)."""
    mask = scored[None] * (truth > 0)
    rmse = float(np.sqrt(np.mean(((truth - predicted) * (mask / mask.mean())) ** 2)))
    of_hours = hourly(truth, predicted, scored)
    recall = 100.0 * of_hours.found.sum() / of_hours.wanted.sum()
    return Published(rmse, float(recall), float(of_hours.precision.mean()))


def hourly(truth: Maps, predicted: Maps, scored: npt.NDArray[np.bool_]) -> Hourly:
    """In each hour k cells had an accident: the k truly riskiest are compared with the k predicted (ties to the lower
    index). An hour without accidents counts 0 in MAP, and not in Recall."""
    hits = [_hits(y[scored], p[scored]) for y, p in zip(truth, predicted, strict=True)]
    return Hourly(
        wanted=np.array([float(len(hit)) for hit in hits]),
        found=np.array([float(hit.sum()) for hit in hits]),
        precision=np.array([_average_precision(hit) for hit in hits]),
    )


def rush_hours(first: int, count: int) -> npt.NDArray[np.bool_]:
    """(count,) whether each hour from the `first` of the data set on is a rush hour."""
    return np.isin(np.arange(first, first + count) % 24, RUSH_HOURS)


def _hits(truth: npt.NDArray[np.float64], predicted: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    k = int((truth > 0).sum())
    return np.isin(np.argsort(-predicted, kind="stable")[:k], np.argsort(-truth, kind="stable")[:k])


def _average_precision(hits: npt.NDArray[np.bool_]) -> float:
    if not len(hits):
        return 0.0
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].sum() / len(hits))
