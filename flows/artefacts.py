"""What stages leave for one another, keyed by pilot: NumPy and Parquet for numbers, JSON for words. No pickle.

    features/PILOT/values.npy            (n, p) float32, read memory-mapped
    features/PILOT/asset.npy, as_of.npy  (n,) the spine
    features/PILOT/labels-HAZARD.parquet row, occurred, count, severity
    features/PILOT/features.json         names, meanings, assets, store version, data instant
    ANY.json                             a result's own as_json

A folder is written beside its place and moved there whole, so that a stage that is killed leaves the old one.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.lib.format import open_memmap

from contracts.errors import BadSource, NotFound
from contracts.results import FeatureInfo, Features, Float32Array, IntArray, Labels, Spine
from flows.documents import read_json, write_json

Portion = tuple[IntArray, Float32Array]  # (m,) rows of the spine, (m, p) their values


@dataclass(frozen=True)
class TrainingSet:
    """Features and labels of one pilot, with where they came from.

    districts: of each asset of the spine, empty where it has none. observed_until: the instant up to which the store is
    taken to know everything. store: table -> version.
    """

    features: Features
    labels: Mapping[str, Labels]
    districts: tuple[str, ...]
    observed_until: datetime
    store: Mapping[str, int]


def save_training_set(training: TrainingSet, folder: Path, *, portions: Iterable[Portion] | None = None) -> None:
    """Write `folder` anew, whole or not at all.

    portions: the values, some rows after others, where they are more than memory holds; those of `training` are then
    not looked at.
    """
    spine = training.features.spine
    with replaced(folder) as draft:
        shape = len(spine), len(training.features.infos)
        open_memmap(draft / "values.npy", mode="w+", dtype=np.float32, shape=shape, fortran_order=True)
        every = [(np.arange(len(spine)), training.features.values)]
        for rows, values in every if portions is None else portions:
            _fill(draft / "values.npy", rows, values)
        np.save(draft / "asset.npy", spine.asset, allow_pickle=False)
        np.save(draft / "as_of.npy", spine.as_of, allow_pickle=False)
        for hazard, labels in training.labels.items():
            _labels_frame(labels).write_parquet(draft / f"labels-{hazard}.parquet")
        write_json(draft / "features.json", _header(training))


def _fill(path: Path, rows: IntArray, values: Float32Array) -> None:
    """Column by column, as the file lies; opened each time, so that what is written does not stay mapped."""
    out = np.load(path, mmap_mode="r+", allow_pickle=False)
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and (np.diff(rows) == 1).all():
        place: slice | IntArray = slice(rows[0], rows[-1] + 1)
    else:
        place = rows
    for column in range(out.shape[1]):
        out[place, column] = values[:, column]
    out.flush()


def load_training_set(folder: Path, hazards: tuple[str, ...]) -> TrainingSet:
    """The training set with the labels of these hazards.

    Raises:
        NotFound: the features stage has not run, or not for such a hazard. BadSource: an older Foresafe wrote it.
    """
    header = read_json(folder / "features.json", made_by="features")
    if "districts" not in header:
        raise BadSource(
            "features without districts", where=str(folder), cause="an older Foresafe wrote them", fix="build them anew"
        )
    return TrainingSet(
        features=load_features(folder),
        labels={hazard: _load_labels(folder, hazard, header) for hazard in hazards},
        districts=tuple(header["districts"]),
        observed_until=datetime.fromisoformat(header["observed_until"]),
        store=header["store"],
    )


def load_features(folder: Path) -> Features:
    """The features alone, memory-mapped.

    Raises:
        NotFound: the features stage has not run.
    """
    header = read_json(folder / "features.json", made_by="features")
    spine = Spine(
        assets=tuple(header["assets"]),
        asset=np.load(folder / "asset.npy", allow_pickle=False),
        as_of=np.load(folder / "as_of.npy", allow_pickle=False),
    )
    values = np.load(folder / "values.npy", mmap_mode="r", allow_pickle=False)
    infos = tuple(FeatureInfo(**info) for info in header["features"])
    return Features(spine, values, infos, header["spec_hash"])


def _header(training: TrainingSet) -> dict[str, Any]:
    features = training.features
    return {
        "spec_hash": features.spec_hash,
        "observed_until": training.observed_until.isoformat(),
        "store": dict(training.store),
        "horizon_hours": {hazard: labels.horizon_hours for hazard, labels in training.labels.items()},
        "rows": len(features.spine),
        "assets": list(features.spine.assets),
        "districts": list(training.districts),
        "features": [asdict(info) for info in features.infos],
    }


def _labels_frame(labels: Labels) -> pl.DataFrame:
    return pl.DataFrame(
        {"row": labels.rows, "occurred": labels.occurred, "count": labels.count, "severity": labels.severity}
    )


def _load_labels(folder: Path, hazard: str, header: Mapping[str, Any]) -> Labels:
    path = folder / f"labels-{hazard}.parquet"
    if not path.is_file():
        raise NotFound(f"no labels of {hazard!r}", where=str(folder), fix="run the features stage again")
    frame = pl.read_parquet(path)
    return Labels(
        hazard=hazard,
        horizon_hours=header["horizon_hours"][hazard],
        rows=frame["row"].to_numpy(),
        occurred=frame["occurred"].to_numpy(),
        count=frame["count"].to_numpy(),
        severity=frame["severity"].to_numpy(),
    )


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """An empty folder to write into, which takes the place of `folder` only when all went well."""
    draft = folder.with_name(folder.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        yield draft
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    draft.replace(folder)
