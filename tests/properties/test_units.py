"""Units: there and back is the same number, limits keep their order, and what is not convertible is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import BadContract
from contracts.units import COMMON, SAME, check_unit, conversion

PAIRS = [
    ("degF", "degC"), ("K", "degC"), ("degF", "K"), ("ppb", "ppm"), ("km/h", "m/s"), ("percent", "1"),
    ("hPa", "kPa"), ("mm", "cm"), ("veh/h", "vehicle/day"), ("mm/day", "mm/h"), ("ug/m^3", "mg/m^3"), ("℃", "degF"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("theirs", "ours", "given_", "wanted"),
    [
        ("degF", "degC", 32.0, 0.0), ("degF", "degC", 212.0, 100.0), ("K", "degC", 273.15, 0.0),
        ("degC", "K", -273.15, 0.0), ("ppb", "ppm", 1500.0, 1.5), ("km/h", "m/s", 36.0, 10.0),
        ("percent", "1", 50.0, 0.5), ("%", "percent", 50.0, 50.0), ("hPa", "kPa", 1013.0, 101.3),
    ],
)  # fmt: skip
def test_known_values(theirs: str, ours: str, given_: float, wanted: float) -> None:
    assert conversion(theirs, ours)(given_) == pytest.approx(wanted, abs=1e-12)


@given(st.sampled_from(PAIRS), st.floats(-1e6, 1e6))
def test_there_and_back_is_the_same_number(pair: tuple[str, str], value: float) -> None:
    theirs, ours = pair
    back = conversion(ours, theirs)(conversion(theirs, ours)(value))
    assert math.isclose(back, value, rel_tol=1e-9, abs_tol=1e-8)


@given(st.sampled_from(PAIRS), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_order_is_kept_so_that_limits_can_be_converted(pair: tuple[str, str], one: float, other: float) -> None:
    to_ours = conversion(*pair)
    assert (to_ours(min(one, other)) <= to_ours(max(one, other))) is True


@pytest.mark.parametrize("unit", COMMON)
def test_every_unit_that_is_named_as_known_is_known(unit: str) -> None:
    check_unit(unit)
    assert conversion(unit, unit) == SAME


def test_an_unknown_unit_names_the_nearest_and_another_quantity_is_refused() -> None:
    with pytest.raises(BadContract, match="did you mean 'ppb'"):
        conversion("ppbb", "ppm")
    with pytest.raises(BadContract, match="cannot become"):
        conversion("hPa", "degC")
    for theirs, ours in (("veh/h", "people/h"), ("deg", "percent"), ("count", "percent"), ("1", "deg")):
        with pytest.raises(BadContract, match="cannot become"):
            conversion(theirs, ours)
