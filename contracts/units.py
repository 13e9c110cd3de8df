"""Units of measurement: which exist, and the straight line from a partner's unit to the pilot's.

Source of the definitions: the registry that ships with pint, plus the few that cities count in (vehicles, people, ppb).
pint is imported only when two units differ: most feeds need no conversion, and the import takes half a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from contracts.errors import BadContract, nearest

if TYPE_CHECKING:
    from pint import UnitRegistry

COMMON = [
    "1",
    "percent",
    "permille",
    "ppm",
    "ppb",
    "degC",
    "degF",
    "K",
    "m/s",
    "km/h",
    "knot",
    "mm",
    "cm",
    "m",
    "km",
    "mm/h",
    "mm/day",
    "Pa",
    "hPa",
    "kPa",
    "bar",
    "mbar",
    "psi",
    "g/m^3",
    "mg/m^3",
    "ug/m^3",
    "mg/L",
    "L/s",
    "m^3/s",
    "m^3/h",
    "kg",
    "t",
    "s",
    "min",
    "h",
    "day",
    "Hz",
    "V",
    "A",
    "W",
    "kW",
    "MW",
    "kWh",
    "dB",
    "lx",
    "W/m^2",
    "MJ/m^2",
    "deg",
    "g_0",
    "mm/s",
    "mm/s^2",
    "m/s^2",
    "uS/cm",
    "NTU",
    "count",
    "vehicle",
    "veh",
    "veh/h",
    "people",
    "people/h",
    "count/h",
]

_SPELLINGS = {"℃": "degC", "°C": "degC", "℉": "degF", "°F": "degF", "%": "percent", "㎍/㎥": "ug/m^3", "㎜": "mm"}


@dataclass(frozen=True)
class Conversion:
    """`ours = theirs * scale + offset`."""

    scale: float
    offset: float

    def __call__(self, theirs: float) -> float:
        return theirs * self.scale + self.offset


SAME = Conversion(scale=1.0, offset=0.0)


@lru_cache(maxsize=1)
def _registry() -> UnitRegistry[Any]:
    import pint

    registry: UnitRegistry[Any] = pint.UnitRegistry(cache_folder=None)
    registry.define("ppb = 1e-9")
    registry.define("vehicle = [vehicle] = veh")
    registry.define("person = [person] = _ = people")
    registry.define("NTU = [turbidity]")
    return registry


@lru_cache(maxsize=256)
def conversion(theirs: str, ours: str) -> Conversion:
    """How to turn a number in `theirs` into one in `ours`.

    Raises:
        BadContract: a unit that is not known (names the nearest), or units of different quantities.
    """
    theirs, ours = (_SPELLINGS.get(unit.strip(), unit.strip()) for unit in (theirs, ours))
    if theirs == ours:
        return SAME
    source, target = _unit(theirs), _unit(ours)
    if not _same_quantity(source, target):
        raise BadContract(
            f"{theirs!r} cannot become {ours!r}",
            allowed="units of the same quantity",
            cause="the wrong unit, or the wrong metric, in the contract",
        )
    quantity = _registry().Quantity
    offset = float(quantity(0.0, source).to(target).magnitude)
    scale = float(quantity(1.0, _difference(source)).to(_difference(target)).magnitude)
    # 255.372 - 273.15 leaves 4e-14: the exact zero point is a small fraction (degF to degC: -160/9)
    return Conversion(scale=scale, offset=float(Fraction(offset).limit_denominator(10_000)))


def check_unit(name: str) -> None:
    """Raises BadContract when no such unit exists, naming the nearest."""
    if name not in COMMON:
        _unit(_SPELLINGS.get(name, name))


def _unit(name: str) -> Any:
    import pint

    try:
        return _registry().Unit(name if name != "1" else "")
    except (pint.errors.PintError, ValueError, TypeError, AssertionError, SyntaxError) as error:
        raise BadContract(f"unknown unit {name!r}", allowed=nearest(name, COMMON)) from error


def _same_quantity(source: Any, target: Any) -> bool:
    """By base units too: to pint angles, counts and shares are all numbers, and 1 deg would become 1.7 %."""
    base = _registry().get_base_units
    return bool(source.dimensionality == target.dimensionality and base(source)[1] == base(target)[1])


def _difference(unit: Any) -> Any:
    """A step of the unit: offsets (the zero of degC) do not belong to a difference."""
    names = {"degree_Celsius": "delta_degree_Celsius", "degree_Fahrenheit": "delta_degree_Fahrenheit"}
    return _registry().Unit(names.get(str(unit), str(unit)))
