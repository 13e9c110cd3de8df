"""A released risk model: boosters as text, everything else as JSON. Saving, verified loading, scoring."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from contracts.errors import BadSource, BadTable
from contracts.results import FeatureInfo, Features, FloatArray, IntArray
from contracts.tables import SCORES
from models.bands import Bands
from models.baselines import climatology
from models.calibrate import Calibrator
from models.explain import UsualValues, drivers
from models.intervals import IntervalTable
from models.pyfunc import MANIFEST, expected_counts, incident_severities, raw_scores, verified_files
from models.train import check_finite, parse_booster

FORMAT = 2
EXPLAINED_ROWS = 2_000


@dataclass(frozen=True)
class RiskModel:
    """Everything a forecast needs, frozen.

    boosters: LightGBM text, one a seed. infos: the features in order; `spec_hash` is that of their specification.
    count_variance: relative variance of a district's weekly count. mean_severity: of one incident, and base_rate: both
    of the training part. severity: LightGBM text of an incident's severity over that mean, or none. provenance: where
    it came from, JSON values only (`fitted_until` is the instant up to which its labels saw incidents).
    """

    hazard: str
    horizon_hours: int
    boosters: tuple[str, ...]
    calibrator: Calibrator
    interval: IntervalTable
    count_variance: float
    mean_severity: float
    severity: tuple[str, ...]
    bands: Bands
    infos: tuple[FeatureInfo, ...]
    spec_hash: str
    usual: UsualValues
    base_rate: float
    provenance: Mapping[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(info.name for info in self.infos)

    @cached_property
    def parsed(self) -> tuple[lgb.Booster, ...]:
        return tuple(parse_booster(text) for text in self.boosters)

    def predict(self, features: Features) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Probability, low, high: each (n,). Columns are found by name, so features added later do not matter.

        Raises:
            BadTable: a feature the model was trained on is missing or means something else, or an infinite value.
        """
        values = self.aligned(features).values
        check_finite(values, self.names)
        probability = self.calibrator.apply(raw_scores(self.parsed, values).mean(axis=0))
        return (probability, *self.interval.apply(probability))

    def incident_severity(self, features: Features) -> FloatArray:
        """(n,) how severe one incident would be. Raises as `predict`."""
        boosters = tuple(parse_booster(text) for text in self.severity)
        return incident_severities(boosters, self.aligned(features).values, mean=self.mean_severity)

    def aligned(self, features: Features) -> Features:
        """These rows with exactly the model's features, in its order; raises as `predict`."""
        columns = self._columns(features)
        same = columns == list(range(len(features.infos)))
        values = features.values if same else features.values[:, columns]
        return Features(features.spine, values, self.infos, self.spec_hash)

    def save(self, folder: Path) -> Path:
        """Write the model folder whole or not at all; an older one of the same name is replaced."""
        files = self._files()
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        files[MANIFEST] = _json({"format": FORMAT, "files": digests})
        half = folder.with_name(f".{folder.name}.half")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        for name, content in files.items():
            (half / name).write_bytes(content)
        shutil.rmtree(folder, ignore_errors=True)
        half.rename(folder)
        return folder

    @classmethod
    def load(cls, folder: Path) -> RiskModel:
        """Read a model folder; every hash is checked before anything is parsed.

        Raises:
            BadSource: no such folder, a file missing or changed, or a format of a newer platform.
        """
        try:
            files = verified_files(folder)
        except ValueError as fault:
            raise BadSource(str(fault), where=f"model {folder.name}") from fault
        document = json.loads(files["model.json"])
        if document["format"] != FORMAT:
            raise BadSource(f"format {document['format']}", where=f"model {folder.name}", allowed=str(FORMAT))
        return cls(
            hazard=document["hazard"],
            horizon_hours=document["horizon_hours"],
            boosters=tuple(files[name].decode("utf-8") for name in document["boosters"]),
            calibrator=Calibrator.from_json(document["calibrator"]),
            interval=IntervalTable.from_json(document["interval"]),
            count_variance=document["count_variance"],
            mean_severity=document["mean_severity"],
            severity=tuple(files[name].decode("utf-8") for name in document.get("severity", ())),
            bands=Bands.from_json(document["bands"]),
            infos=tuple(FeatureInfo(**info) for info in document["features"]),
            spec_hash=document["spec_hash"],
            usual=UsualValues.from_json(json.loads(files["usual.json"])),
            base_rate=document["base_rate"],
            provenance=document["provenance"],
        )

    def _columns(self, features: Features) -> list[int]:
        """Where the model's features are. A name is not enough: kind, unit, window and what is read must agree."""
        there = {info.name: (position, info) for position, info in enumerate(features.infos)}
        columns = []
        for mine in self.infos:
            position, other = there.get(mine.name, (-1, None))
            if other is None or replace(other, words=mine.words) != mine:
                raise BadTable(
                    f"feature {mine.name} {'is missing' if other is None else 'means something else now'}",
                    where=f"score {self.hazard}",
                    allowed=f"the features of specification {self.spec_hash[:12]}; these are {features.spec_hash[:12]}",
                    cause="the pilot's features changed after training",
                    fix="train and release again",
                )
            columns.append(position)
        return columns

    def _files(self) -> dict[str, bytes]:
        texts = {f"booster-{i + 1}.txt": text.encode("utf-8") for i, text in enumerate(self.boosters)}
        severity = {f"severity-{i + 1}.txt": text.encode("utf-8") for i, text in enumerate(self.severity)}
        document = {
            "format": FORMAT,
            "hazard": self.hazard,
            "horizon_hours": self.horizon_hours,
            "boosters": list(texts),
            "calibrator": self.calibrator.to_json(),
            "interval": self.interval.to_json(),
            "count_variance": self.count_variance,
            "mean_severity": self.mean_severity,
            "severity": list(severity),
            "bands": self.bands.to_json(),
            "features": [asdict(info) for info in self.infos],
            "spec_hash": self.spec_hash,
            "base_rate": self.base_rate,
            "provenance": dict(self.provenance),
        }
        return {**texts, **severity, "model.json": _json(document), "usual.json": _json(self.usual.to_json())}


def score(
    model: RiskModel,
    features: Features,
    *,
    name: str,
    version: str,
    degraded: str = "",
    explained_rows: int = EXPLAINED_ROWS,
) -> pd.DataFrame:
    """The scores table of these rows: columns of `contracts.tables.SCORES`, in spine order.

    Args:
        name, version: of the registered model.
        degraded: why this forecast is weaker than usual, or empty.
        explained_rows: reasons are given for at most so many rows, those of the highest risk; the rest have none.

    Raises:
        BadTable: features that do not fit the model.
    """
    probability, low, high = model.predict(features)
    rows = np.arange(len(probability), dtype=np.int64)
    where = features.spine.frame()
    columns = {
        "asset_id": where["asset_id"].astype("str"),
        "hazard": model.hazard,
        "as_of": where["as_of"],
        "horizon_hours": model.horizon_hours,
        "probability": probability,
        "low": low,
        "high": high,
        "expected_count": expected_counts(probability),
        "expected_severity": expected_counts(probability) * model.incident_severity(features),
        "baseline": climatology(features, model.hazard, rows, base_rate=model.base_rate),
        "band": pd.Series(model.bands.names(probability), dtype="str"),
        "drivers": pd.Series(_drivers(model, features, probability, explained_rows), dtype="str"),
        "model": name,
        "version": version,
        "degraded": degraded,
    }
    return pd.DataFrame(columns)[[column.name for column in SCORES.columns]]


def _drivers(model: RiskModel, features: Features, probability: FloatArray, limit: int) -> list[str]:
    shown: IntArray = np.sort(np.argsort(-probability, kind="stable")[:limit]).astype(np.int64)
    texts = [""] * len(probability)
    for row, text in zip(shown, drivers(model.parsed, model.aligned(features.take(shown)), model.usual), strict=True):
        texts[row] = text
    return texts


def _json(document: Mapping[str, Any]) -> bytes:
    """Sorted and without NaN, so that equal models are equal bytes."""
    return json.dumps(document, ensure_ascii=False, sort_keys=True, allow_nan=False, indent=1).encode("utf-8")
