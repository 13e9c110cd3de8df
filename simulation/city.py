"""The places of the simulated Ulsan: about sixty H3 cells of resolution 7, weather stations and river gauges.

Positions and names are real. Population and jobs are rounded shares of the published district totals
(about 1.10 million people, 0.5 million jobs); how they fall on single cells is an assumption. See docs/simulation.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import h3
import numpy as np
from numpy.typing import NDArray

from simulation.changes import Opening

Floats = NDArray[np.float64]

H3_RESOLUTION = 7
SECTORS = ("petrochemical", "shipyard", "automotive", "other")
DISTRICTS = ("남구", "중구", "동구", "북구", "울주군")


@dataclass(frozen=True)
class Cell:
    """One H3 cell. `jobs` are people by sector, in the order of SECTORS."""

    asset_id: str
    name: str
    district: str
    population: int
    jobs: tuple[int, int, int, int]
    road_km: float
    elevation_m: float
    plant_count: int
    commerce: float  # 0..1: shops, markets, nightlife
    riverside: float  # 0..1: share of the built land near the river or a stream

    @property
    def position(self) -> tuple[float, float]:
        """Latitude and longitude of the cell's centre."""
        latitude, longitude = h3.cell_to_latlng(self.asset_id)
        return latitude, longitude


@dataclass(frozen=True)
class Site:
    """A weather station or a river gauge."""

    asset_id: str
    name: str
    kind: str
    district: str
    latitude: float
    longitude: float


# h3 cell, name, district, population in thousands, jobs in hundreds (petrochemical, shipyard, automotive, other),
# road km, elevation m, plants, commerce, riverside
_ROWS = (
    ("8730c122cffffff", "삼산·달동", "남구", 62, 0, 0, 0, 380, 74, 8, 0, 1.0, 0.5),
    ("8730c1220ffffff", "신정", "남구", 58, 0, 0, 0, 240, 62, 18, 0, 0.7, 0.5),
    ("8730c1319ffffff", "무거·삼호", "남구", 48, 0, 0, 0, 130, 46, 22, 0, 0.6, 0.7),
    ("8730c1224ffffff", "옥동", "남구", 36, 0, 0, 0, 120, 40, 45, 0, 0.4, 0.2),
    ("8730c122effffff", "여천·야음 (미포석유화학)", "남구", 40, 62, 0, 0, 120, 52, 12, 9, 0.3, 0.3),
    ("8730c1223ffffff", "선암·대현", "남구", 38, 4, 0, 0, 110, 44, 30, 0, 0.4, 0.1),
    ("8730c1205ffffff", "상개·부곡 (미포국가산단)", "남구", 6, 88, 0, 0, 60, 34, 25, 11, 0.0, 0.1),
    ("8730c120cffffff", "장생포·고사 (SK에너지)", "남구", 3, 74, 0, 0, 40, 30, 9, 8, 0.1, 0.1),
    ("8730c122bffffff", "매암·울산본항", "남구", 4, 36, 12, 0, 90, 36, 5, 6, 0.1, 0.4),
    ("8730c1203ffffff", "용연·성암", "남구", 1, 46, 0, 0, 30, 22, 28, 7, 0.0, 0.0),
    ("8730c120affffff", "황성·용연신항", "남구", 1, 38, 6, 0, 30, 20, 8, 6, 0.0, 0.0),
    ("8730c130bffffff", "태화·유곡", "중구", 44, 0, 0, 0, 90, 44, 14, 0, 0.5, 0.9),
    ("8730c1356ffffff", "우정·성안", "중구", 46, 0, 0, 0, 110, 42, 55, 0, 0.3, 0.1),
    ("8730c1352ffffff", "성남·학성", "중구", 42, 0, 0, 0, 150, 52, 9, 0, 0.9, 0.8),
    ("8730c1350ffffff", "반구·병영", "중구", 52, 0, 0, 0, 110, 48, 12, 0, 0.4, 0.7),
    ("8730c130affffff", "다운", "중구", 22, 0, 0, 0, 40, 26, 25, 0, 0.2, 0.5),
    ("8730c1272ffffff", "전하 (현대중공업)", "동구", 56, 0, 240, 0, 110, 44, 18, 2, 0.6, 0.0),
    ("8730c1254ffffff", "방어진·일산", "동구", 52, 0, 60, 0, 80, 40, 16, 0, 0.5, 0.0),
    ("8730c120dffffff", "미포조선·화암", "동구", 10, 0, 110, 0, 30, 22, 12, 1, 0.1, 0.0),
    ("8730c1274ffffff", "남목·서부", "동구", 30, 0, 40, 0, 40, 28, 60, 0, 0.3, 0.0),
    ("8730c1266ffffff", "주전", "동구", 2, 0, 0, 0, 10, 12, 40, 0, 0.1, 0.0),
    ("8730c1229ffffff", "염포·성내", "북구", 14, 0, 22, 60, 30, 28, 14, 1, 0.1, 0.2),
    ("8730c122dffffff", "양정 (현대자동차)", "북구", 16, 0, 0, 250, 40, 34, 7, 2, 0.2, 0.5),
    ("8730c1353ffffff", "명촌·진장", "북구", 24, 0, 0, 40, 100, 38, 6, 0, 0.5, 0.9),
    ("8730c135effffff", "효문공단", "북구", 6, 6, 0, 90, 40, 28, 18, 2, 0.1, 0.3),
    ("8730c1355ffffff", "연암", "북구", 20, 0, 0, 30, 50, 28, 15, 0, 0.2, 0.5),
    ("8730c1346ffffff", "화봉·송정", "북구", 46, 0, 0, 10, 60, 34, 22, 0, 0.4, 0.4),
    ("8730c1371ffffff", "호계", "북구", 38, 0, 0, 10, 50, 30, 30, 0, 0.3, 0.4),
    ("8730c1366ffffff", "매곡·중산산단", "북구", 26, 0, 0, 50, 40, 26, 55, 0, 0.2, 0.2),
    ("8730c1375ffffff", "천곡", "북구", 16, 0, 0, 6, 20, 18, 50, 0, 0.1, 0.1),
    ("8730c134dffffff", "정자항", "북구", 4, 0, 0, 0, 10, 12, 10, 0, 0.2, 0.1),
    ("8730c134effffff", "강동·산하", "북구", 8, 0, 0, 0, 10, 14, 45, 0, 0.2, 0.0),
    ("8730c1218ffffff", "온산 산암 (S-OIL)", "울주군", 1, 62, 0, 0, 20, 24, 15, 9, 0.0, 0.2),
    ("8730c121cffffff", "온산 처용 (비철·유화)", "울주군", 1, 48, 4, 0, 20, 24, 18, 8, 0.0, 0.3),
    ("8730c121affffff", "온산 이진·당월", "울주군", 1, 34, 18, 0, 10, 20, 20, 5, 0.0, 0.1),
    ("8730c121effffff", "온산 방도·학남", "울주군", 2, 30, 10, 6, 20, 22, 25, 5, 0.0, 0.2),
    ("8730c121bffffff", "온산항", "울주군", 0, 16, 22, 0, 20, 14, 4, 3, 0.0, 0.1),
    ("8730c12adffffff", "덕신", "울주군", 22, 4, 2, 4, 50, 28, 20, 0, 0.3, 0.4),
    ("8730c128dffffff", "진하·서생", "울주군", 5, 0, 0, 0, 20, 18, 12, 0, 0.2, 0.4),
    ("8730c12d6ffffff", "간절곶", "울주군", 2, 0, 0, 0, 10, 12, 30, 0, 0.2, 0.0),
    ("8730c1299ffffff", "신암·새울", "울주군", 3, 0, 0, 0, 40, 14, 25, 0, 0.1, 0.0),
    ("8730c12acffffff", "온양 남창", "울주군", 26, 0, 0, 6, 40, 26, 25, 0, 0.3, 0.4),
    ("8730c1206ffffff", "청량 덕하", "울주군", 16, 4, 0, 4, 30, 26, 35, 0, 0.2, 0.2),
    ("8730c131bffffff", "율리 (울주군청)", "울주군", 8, 0, 0, 0, 40, 22, 60, 0, 0.2, 0.1),
    ("8730c1232ffffff", "회야·대복", "울주군", 8, 0, 0, 4, 20, 18, 55, 0, 0.1, 0.4),
    ("8730c138cffffff", "웅촌", "울주군", 8, 2, 0, 12, 20, 18, 75, 0, 0.1, 0.3),
    ("8730c130effffff", "범서 구영", "울주군", 40, 0, 0, 0, 40, 28, 25, 0, 0.3, 0.6),
    ("8730c1303ffffff", "범서 천상", "울주군", 26, 0, 0, 0, 20, 22, 40, 0, 0.2, 0.5),
    ("8730c1336ffffff", "언양", "울주군", 20, 0, 0, 6, 50, 30, 70, 0, 0.5, 0.6),
    ("8730c1332ffffff", "울산역·삼남", "울주군", 12, 0, 0, 6, 50, 26, 85, 0, 0.3, 0.3),
    ("8730c104bffffff", "삼남 가천 (삼성SDI)", "울주군", 6, 14, 0, 8, 40, 20, 110, 2, 0.1, 0.1),
    ("8730c1333ffffff", "반천", "울주군", 6, 4, 0, 10, 20, 16, 55, 0, 0.1, 0.8),
    ("8730c1068ffffff", "상북·길천산단", "울주군", 7, 0, 0, 16, 20, 18, 130, 0, 0.1, 0.4),
    ("8730c13a5ffffff", "삼동", "울주군", 2, 0, 0, 2, 10, 14, 120, 0, 0.0, 0.2),
    ("8730c1304ffffff", "사연·대곡", "울주군", 2, 0, 0, 0, 10, 14, 70, 0, 0.0, 0.5),
    ("8730c1ad4ffffff", "두동", "울주군", 3, 0, 0, 2, 10, 16, 120, 0, 0.0, 0.2),
    ("8730c1a8affffff", "두서", "울주군", 3, 0, 0, 6, 10, 16, 140, 0, 0.0, 0.2),
    ("8730c1aabffffff", "봉계", "울주군", 3, 0, 0, 2, 10, 14, 110, 0, 0.2, 0.2),
)

STATIONS = (
    Site("station-152", "울산기상대 (지점 152)", "weather_station", "중구", 35.5824, 129.3347),
    Site("station-onsan", "온산 관측소", "weather_station", "울주군", 35.4330, 129.3500),
    Site("station-bangeojin", "방어진 관측소", "weather_station", "동구", 35.4950, 129.4300),
    Site("station-eonyang", "언양 관측소", "weather_station", "울주군", 35.5700, 129.1250),
)

GAUGES = (
    Site("gauge-eonyang", "언양 수위표 (태화강 상류)", "river_gauge", "울주군", 35.5640, 129.1500),
    Site("gauge-seonbawi", "선바위교 수위표", "river_gauge", "울주군", 35.5620, 129.2400),
    Site("gauge-taehwa", "태화교 수위표", "river_gauge", "중구", 35.5500, 129.3120),
    Site("gauge-dongcheon", "동천 병영교 수위표", "river_gauge", "중구", 35.5700, 129.3560),
    Site("gauge-hoeya", "회야강 덕신 수위표", "river_gauge", "울주군", 35.4200, 129.3100),
)


@dataclass(frozen=True)
class City:
    """Cells as arrays: everything the drivers and the law need, in one order of cells.

    opening: a complex that is not there from the beginning, in a cell that has no plant.
    """

    cells: tuple[Cell, ...]
    stations: tuple[Site, ...] = STATIONS
    gauges: tuple[Site, ...] = GAUGES
    opening: Opening | None = None

    @cached_property
    def positions_km(self) -> Floats:
        """East and north of the city's middle, km, one row a cell."""
        return _km([cell.position for cell in self.cells])

    @cached_property
    def jobs(self) -> Floats:
        """People at work places, cells x SECTORS."""
        return np.array([cell.jobs for cell in self.cells], dtype=float)

    @cached_property
    def population(self) -> Floats:
        return np.array([cell.population for cell in self.cells], dtype=float)

    @cached_property
    def road_km(self) -> Floats:
        return np.array([cell.road_km for cell in self.cells])

    @cached_property
    def elevation_m(self) -> Floats:
        return np.array([cell.elevation_m for cell in self.cells])

    @cached_property
    def plants(self) -> Floats:
        """Those of the beginning."""
        return np.array([cell.plant_count for cell in self.cells], dtype=float)

    @cached_property
    def commerce(self) -> Floats:
        return np.array([cell.commerce for cell in self.cells])

    @cached_property
    def riverside(self) -> Floats:
        return np.array([cell.riverside for cell in self.cells])

    @cached_property
    def plant_cells(self) -> NDArray[np.intp]:
        """Cells that have a plant, and so process sensors; at last the one where a complex opens."""
        return np.concatenate([np.flatnonzero(self.plants > 0), self.opening_cells])

    @cached_property
    def opening_cells(self) -> NDArray[np.intp]:
        """The cell where a complex opens; none where nothing opens."""
        opening = self.opening
        ids = [cell.asset_id for cell in self.cells]
        return np.array([] if opening is None else [ids.index(opening.asset_id)], dtype=np.intp)

    @cached_property
    def crowd_cells(self) -> NDArray[np.intp]:
        """Cells where the city counts people."""
        return np.flatnonzero(self.commerce >= 0.2)

    def district(self, name: str) -> NDArray[np.bool_]:
        """Which cells lie in this district."""
        return np.array([cell.district == name for cell in self.cells])

    def distance_km(self, sites: tuple[Site, ...]) -> Floats:
        """Cells x sites."""
        there = _km([(site.latitude, site.longitude) for site in sites])
        return np.asarray(np.linalg.norm(self.positions_km[:, None] - there[None], axis=2))

    @cached_property
    def neighbours(self) -> Floats:
        """Cells x cells: 1 where two cells touch."""
        index = {cell.asset_id: i for i, cell in enumerate(self.cells)}
        touching = np.zeros((len(index), len(index)))
        for cell_id, i in index.items():
            for other in h3.grid_ring(cell_id, 1):
                if other in index:
                    touching[i, index[other]] = 1.0
        return touching


def _km(positions: list[tuple[float, float]]) -> Floats:
    degrees = np.array(positions)
    east = (degrees[:, 1] - 129.30) * 111.32 * np.cos(np.radians(35.53))
    north = (degrees[:, 0] - 35.53) * 110.94
    return np.column_stack([east, north])


def ulsan() -> City:
    """The city, always the same."""
    return City(
        tuple(
            Cell(
                asset_id,
                name,
                district,
                population=thousands * 1000,
                jobs=(petro * 100, ship * 100, auto * 100, other * 100),
                road_km=float(road),
                elevation_m=float(elevation),
                plant_count=plants,
                commerce=commerce,
                riverside=riverside,
            )
            for (
                asset_id,
                name,
                district,
                thousands,
                petro,
                ship,
                auto,
                other,
                road,
                elevation,
                plants,
                commerce,
                riverside,
            ) in _ROWS
        )
    )
