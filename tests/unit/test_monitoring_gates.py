from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from monitoring.gates import Expected, pass_gates

NAMES = ("gas", "wind", "rain")
EXPECTED = Expected(NAMES, centre=np.zeros(3), spread=np.ones(3), missing=np.array([0.0, 0.0, 0.1]))
ROWS = 60
Change = Callable[[pd.DataFrame], pd.DataFrame]


def good() -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(3).normal(size=(ROWS, 3)), columns=list(NAMES))


def gas(values: object) -> Change:
    return lambda frame: frame.assign(gas=values)


def cell(value: object) -> Change:
    """One value of the gas column, the others as they are."""
    return lambda frame: frame.assign(gas=pd.Series([value, *frame["gas"].iloc[1:]], dtype=object))


def some(count: int, value: float) -> Change:
    return gas(np.r_[np.full(count, value), np.random.default_rng(5).normal(size=ROWS - count)])


# what is done to a good table, and the column that must be named for it
MALFORMED: dict[str, tuple[Change, str]] = {
    "all NaN": (gas(np.nan), "gas"),
    "all None": (gas(None), "gas"),
    "all NaT": (gas(pd.NaT), "gas"),
    "all pd.NA": (gas(pd.array([pd.NA] * ROWS, dtype="Float64")), "gas"),
    "no rows": (lambda f: f.iloc[:0], ""),
    "one row": (lambda f: f.iloc[:1], ""),
    "two rows": (lambda f: f.iloc[:2], ""),
    "no columns": (lambda f: f[[]], "gas"),
    "an empty frame": (lambda f: pd.DataFrame(), ""),
    "text": (gas("x"), "gas"),
    "numbers as text": (gas("1.5"), "gas"),
    "one text among numbers": (cell("broken"), "gas"),
    "bytes": (cell(b"1.0"), "gas"),
    "a list in a cell": (cell([1, 2]), "gas"),
    "a dict in a cell": (cell({"v": 1}), "gas"),
    "a decimal": (cell(Decimal("1.5")), "gas"),
    "a complex cell": (cell(1 + 2j), "gas"),
    "complex": (gas(np.full(ROWS, 1 + 1j)), "gas"),
    "booleans": (gas(True), "gas"),
    "nullable booleans": (gas(pd.array([True] * ROWS, dtype="boolean")), "gas"),
    "dates": (gas(pd.Timestamp("2026-01-01")), "gas"),
    "a date in a cell": (cell(date(2026, 1, 1)), "gas"),
    "zoned instants": (gas(pd.Timestamp("2026-01-01", tz="UTC")), "gas"),
    "durations": (gas(pd.Timedelta("1h")), "gas"),
    "categories": (gas(pd.Categorical(["a", "b"] * (ROWS // 2))), "gas"),
    "periods": (gas(pd.period_range("2026-01", periods=ROWS, freq="M")), "gas"),
    "intervals": (gas(pd.interval_range(0, ROWS)), "gas"),
    "infinity": (some(1, np.inf), "gas"),
    "minus infinity": (some(1, -np.inf), "gas"),
    "+1e300": (some(1, 1e300), "gas"),
    "-1e300": (some(1, -1e300), "gas"),
    "the largest double": (some(3, np.finfo(float).max), "gas"),
    "an integer beyond doubles": (cell(10**400), "gas"),
    "a column missing": (lambda f: f.drop(columns="gas"), "gas"),
    "a column renamed": (lambda f: f.rename(columns={"gas": "Gas"}), "gas"),
    "an extra column": (lambda f: f.assign(extra=1.0), "extra"),
    "a column that is a number": (lambda f: f.assign(**{"_": 1.0}).rename(columns={"_": 7}), "7"),
    "a column twice": (lambda f: pd.concat([f, f[["gas"]]], axis=1), "gas"),
    "mostly missing": (some(ROWS - 2, np.nan), "gas"),
    "half missing": (some(ROWS // 2, np.nan), "gas"),
    "sparse and infinite": (gas(pd.arrays.SparseArray(np.r_[np.inf, np.ones(ROWS - 1)])), "gas"),
}


def test_there_are_forty_malformed_tables() -> None:
    assert len(MALFORMED) >= 40


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_table_is_reported_and_never_crashes(name: str) -> None:
    change, column = MALFORMED[name]
    gated = pass_gates(change(good()), EXPECTED, min_rows=20)
    assert column in {fault.column for fault in gated.faults}, gated.faults
    assert all(fault.reason for fault in gated.faults)
    assert np.isfinite(gated.frame.to_numpy(dtype=float, na_value=0.0)).all()


@pytest.mark.parametrize("name", [n for n, (_, column) in MALFORMED.items() if column == "gas" and n != "no columns"])
def test_the_other_columns_go_on(name: str) -> None:
    change, _ = MALFORMED[name]
    frame = pass_gates(change(good()), EXPECTED, min_rows=20).frame
    for other in ("wind", "rain"):
        np.testing.assert_array_equal(frame[other], good()[other])


@pytest.mark.parametrize("dtype", ["float32", "Float64", "object", "float64[pyarrow]"])
def test_a_sound_table_passes_whatever_its_number_type(dtype: str) -> None:
    gated = pass_gates(good().astype(dtype), EXPECTED, min_rows=20)
    assert gated.faults == ()
    assert tuple(gated.frame.columns) == NAMES
    assert (gated.frame.dtypes == np.float64).all()


def test_as_much_missing_as_in_the_reference_is_no_fault() -> None:
    frame = good()
    frame.loc[: ROWS // 4, "rain"] = np.nan
    assert pass_gates(frame, EXPECTED, min_rows=20).faults == ()
    frame.loc[: ROWS // 2, "rain"] = np.nan
    fault = pass_gates(frame, EXPECTED, min_rows=20).faults[0]
    assert (fault.column, fault.usable) == ("rain", True)


def test_a_column_that_training_hardly_knew_is_no_alarm() -> None:
    never = Expected(NAMES, np.zeros(3), np.ones(3), missing=np.array([1.0, 0.0, 0.9]))
    frame = good().assign(gas=np.nan, rain=[1.0] * 5 + [np.nan] * (ROWS - 5))
    gated = pass_gates(frame, never, min_rows=20)
    assert [fault.column for fault in gated.faults] == ["gas", "rain"]
    assert gated.broken == ()
    assert list(gated.frame.columns) == ["wind"]
