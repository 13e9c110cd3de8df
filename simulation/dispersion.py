"""Gas in the air: what plants emit goes with the wind, spreads and fades. A Gaussian plume cut down to cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulation.city import City
from simulation.noise import Floats

SECTORS = 16
STAYS = 0.45  # share of an hour's concentration still there an hour later


@dataclass(frozen=True)
class Plume:
    """For each of 16 wind sectors: concentration in every cell for one unit emitted in every plant cell."""

    kernel: Floats  # sectors x cells x plant cells
    opening: int = 0  # of the plant cells, so many at last are summed up by themselves

    def _reaching(self, sector: int, emission: Floats) -> Floats:
        """Where nothing is emitted yet nothing is added: the sum of the others keeps its last bit."""
        old = self.kernel.shape[2] - self.opening
        kernel = self.kernel[sector]
        return np.asarray(kernel[:, :old] @ emission[:old] + kernel[:, old:] @ emission[old:])

    def spread(self, emission: Floats, *, wind_speed_m_s: float, wind_direction_deg: float) -> Floats:
        """Concentration in the cells that this emission brings within the hour: thinner in strong wind."""
        sector = int(np.floor((wind_direction_deg % 360.0) / 360.0 * SECTORS + 0.5)) % SECTORS
        return self._reaching(sector, emission) * (2.4 / (wind_speed_m_s + 0.6))


def plume(city: City) -> Plume:
    """Downwind distance x and crosswind distance y, km: `exp(-y^2 / 2 s^2) / (1 + x / 2)^1.6`, `s = 0.5 + 0.18 x`."""
    there = city.positions_km
    offset = there[:, None] - there[city.plant_cells][None]
    kernel = np.zeros((SECTORS, len(city.cells), city.plant_cells.size))
    for sector in range(SECTORS):
        to = np.radians(sector * 360.0 / SECTORS + 180.0)  # wind comes from the sector and blows to its opposite
        along = offset @ np.array([np.sin(to), np.cos(to)])
        across = offset @ np.array([np.cos(to), -np.sin(to)])
        width = 0.5 + 0.18 * np.maximum(along, 0.0)
        reach = np.exp(-(across**2) / (2 * width**2)) / (1 + np.maximum(along, 0.0) / 2) ** 1.6
        kernel[sector] = np.where(along > 0.3, reach, 0.0)
    at_home = city.plant_cells, np.arange(city.plant_cells.size)
    kernel[:, at_home[0], at_home[1]] = 1.0
    return Plume(kernel, opening=city.opening_cells.size)
