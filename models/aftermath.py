"""How much more happens right after an incident than was forecast: the part of the risk that a forecast cannot know.

Incidents bring incidents, and the first is often reported after the second. Rows of the next few windows at the place
of an incident are compared with their forecasts, which know whatever was reported by then. Nothing here needs the true
risk; a hazard whose incidents come one by one shows next to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from contracts.results import BoolArray, FloatArray, InstantArray, IntArray
from models.split import HOUR

WINDOWS = 3  # that count as "right after", each as long as the horizon


@dataclass(frozen=True)
class Aftermath:
    """share: of the incidents, those right after another beyond what was forecast there; jump: how much higher than its
    forecast the risk of a row is there, as a probability. Both 0 where nothing of the kind shows."""

    share: float = 0.0
    jump: float = 0.0


def fit_aftermath(
    probability: FloatArray, occurred: BoolArray, *, asset: IntArray, as_of: InstantArray, horizon_hours: int
) -> Aftermath:
    """From rows that the model was not fitted on: all of some time, those without an incident too. Each (m,), any
    order."""
    here = right_after(occurred, asset=asset, as_of=as_of, horizon_hours=horizon_hours)
    excess = float(occurred[here].sum() - probability[here].sum())
    if excess <= 0:
        return Aftermath()
    return Aftermath(share=excess / float(occurred.sum()), jump=excess / float(here.sum()))


def right_after(occurred: BoolArray, *, asset: IntArray, as_of: InstantArray, horizon_hours: int) -> BoolArray:
    """(m,) whether the window of a row begins in one of the WINDOWS after one with an incident at the same place."""
    window = int(horizon_hours * HOUR / np.timedelta64(1, "us"))
    since = (as_of - as_of.min()).astype("timedelta64[us]").astype(np.int64)
    reach = (1 + WINDOWS) * window
    key = asset.astype(np.int64) * (since.max() + reach + 1) + since  # so far apart that no place reaches into the next
    struck = np.sort(key[occurred])
    ended, long_ago = (np.searchsorted(struck, key - back, side="right") for back in (window, reach))
    return np.asarray(ended > long_ago)
