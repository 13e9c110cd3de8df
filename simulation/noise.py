"""Random numbers that do not depend on how long the simulation is: one named stream a purpose, drawn hour by hour."""

from __future__ import annotations

from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

Floats = NDArray[np.floating]


def stream(seed: int, name: str, part: int = 0) -> np.random.Generator:
    """The generator for one purpose (and one month or file of it). Other purposes never shift its numbers."""
    return np.random.default_rng([seed, crc32(name.encode()), part])


def red_noise(generator: np.random.Generator, *, hours: int, columns: int, memory_hours: float) -> Floats:
    """Gaussian noise with unit variance and autocorrelation `exp(-lag / memory_hours)`, hours x columns.

    The first rows are the same however many follow.
    """
    phi = np.exp(-1.0 / memory_hours)
    kicks = generator.standard_normal((hours, columns), dtype=np.float32) * np.float32(np.sqrt(1 - phi**2))
    kicks[0] /= np.sqrt(1 - phi**2)
    return np.asarray(lfilter([1.0], [1.0, -phi], kicks, axis=0))
