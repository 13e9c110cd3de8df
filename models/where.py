"""Where judged rows are: their places, and the district of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from contracts.results import IntArray

NOWHERE = "no district"


@dataclass(frozen=True)
class Where:
    """The places of the judged rows. asset: (m,) positions; district: (m,) positions in `names`."""

    asset: IntArray
    district: IntArray
    names: tuple[str, ...]

    @classmethod
    def of(cls, asset: IntArray, districts: Sequence[str]) -> Where:
        """asset: (m,) positions in `districts`, the district of each place; empty text where it has none."""
        names, position = np.unique([name or NOWHERE for name in districts], return_inverse=True)
        return cls(asset, position[asset].astype(np.int64), tuple(str(name) for name in names))
