"""What the stages hand to one another and keep: frozen, and JSON where they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
InstantArray = npt.NDArray[np.datetime64]  # datetime64[us], UTC


def instant_of(at: datetime) -> np.datetime64:
    """An aware instant as an InstantArray has it."""
    return np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "us")


@dataclass(frozen=True)
class Spine:
    """The rows to build: asset `assets[asset[i]]` at `as_of[i]`. Training, backtests
    and live requests differ only here.

    asset: (n,) int64 positions in `assets`. as_of: (n,) datetime64[us], UTC.
    """

    assets: tuple[str, ...]
    asset: IntArray
    as_of: InstantArray

    def __len__(self) -> int:
        return len(self.asset)

    def take(self, rows: IntArray) -> Spine:
        return Spine(self.assets, self.asset[rows], self.as_of[rows])

    def frame(self) -> pd.DataFrame:
        """Columns `asset_id` (str) and `as_of` (UTC)."""
        import pandas as pd  # half of what this module would cost to import

        names = np.asarray(self.assets, dtype=object)
        return pd.DataFrame({"asset_id": names[self.asset], "as_of": pd.DatetimeIndex(self.as_of).tz_localize("UTC")})


@dataclass(frozen=True)
class FeatureInfo:
    """What one feature column is, for people and for the registry.

    `words` names it in a reason ("VOC, mean of the last 6 h"); `uses` says what it reads at `as_of`.
    """

    name: str
    kind: str
    words: str
    unit: str
    uses: str
    source: str = ""
    window_hours: int | None = None


@dataclass(frozen=True)
class Features:
    """values: (n spine rows, p features) float32, NaN where nothing was known."""

    spine: Spine
    values: Float32Array
    infos: tuple[FeatureInfo, ...]
    spec_hash: str

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(info.name for info in self.infos)

    def take(self, rows: IntArray) -> Features:
        return Features(self.spine.take(rows), self.values[rows], self.infos, self.spec_hash)

    def column(self, name: str) -> Float32Array:
        return self.values[:, self.names.index(name)]


@dataclass(frozen=True)
class Labels:
    """Ripe labels only: `rows[j]` is the spine row that label `j` belongs to.

    occurred: (m,) bool; count: (m,) incidents in the window; severity: (m,) their sum.
    """

    hazard: str
    horizon_hours: int
    rows: IntArray
    occurred: BoolArray
    count: IntArray
    severity: FloatArray

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Estimate:
    """A number with its interval (95 %, block bootstrap)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ReliabilityBin:
    predicted: float
    observed: float
    rows: int


@dataclass(frozen=True)
class Evaluation:
    """How good one set of scores is on one set of rows.

    scores: metric -> Estimate (log_loss, brier, brier_skill, average_precision, ece, recall_at_k, ...).
    baselines: baseline -> metric -> Estimate, on the same rows.
    """

    hazard: str
    part: str
    rows: int
    incidents: int
    base_rate: float
    scores: Mapping[str, Estimate]
    baselines: Mapping[str, Mapping[str, Estimate]]
    reliability: tuple[ReliabilityBin, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Decision:
    """A record of something decided: promotion, refusal, retraining, rollback. `wait`: for an operator's word."""

    kind: Literal["promote", "wait", "refuse", "retrain", "recalibrate", "rollback", "nothing", "call_a_person"]
    subject: str
    reasons: tuple[str, ...]
    decided_at: datetime
    inputs: Mapping[str, Any] = field(default_factory=dict)
    by: str = ""  # who decided; empty for a rule of ours

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "decided_at": self.decided_at.isoformat()}


@dataclass(frozen=True)
class RuleCount:
    """How often one rule refused rows of one batch, with the first such row."""

    rule: str
    column: str
    rows: int
    first_row: int
    first_value: str | None


@dataclass(frozen=True)
class QualityReport:
    """What became of one batch. Every row is accepted, a duplicate, or quarantined: the three sum to `rows`."""

    pilot: str
    partner: str
    feed: str
    batch: str
    source: str
    rows: int
    accepted: int
    duplicates: int
    quarantined: int
    rules: tuple[RuleCount, ...]
    refused: str = ""  # the whole batch was refused, and why

    def as_json(self) -> dict[str, Any]:
        return asdict(self)
