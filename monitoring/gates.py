"""What must hold of a table before drift is measured on it: each column is judged by itself, and a bad one is named.

Evidently 0.7 raises on a column that is empty, missing, extra or text, and calls one single row drift; 1e300 passes
through as a distance of 1e297. One such column must not hide what the others show, so it is taken out and reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from contracts.results import FloatArray

FURTHEST_SPREADS = 1e6  # beyond: a broken number, not a value
MORE_MISSING = 0.2  # of the rows, beyond the share that the reference has
ALL_MISSING = 0.98  # in the reference: then nothing known now is nothing new


@dataclass(frozen=True)
class Expected:
    """What the reference says of each column: (p,) centre and spread of its values, share of rows that lack one."""

    names: tuple[str, ...]
    centre: FloatArray
    spread: FloatArray
    missing: FloatArray


@dataclass(frozen=True)
class ColumnFault:
    """One column that does not pass, and why. `column` is empty for the table as a whole.

    usable: the others, and it as far as it is known, can still be compared. alarming: it was otherwise in training.
    """

    column: str
    reason: str
    usable: bool = False
    alarming: bool = True


@dataclass(frozen=True)
class Gated:
    """frame: the usable expected columns as float64, in the expected order. faults: everything that did not pass."""

    frame: pd.DataFrame
    faults: tuple[ColumnFault, ...]

    @property
    def broken(self) -> tuple[ColumnFault, ...]:
        """Faults that take a column, or the table, out of the comparison, and that training did not know."""
        return tuple(fault for fault in self.faults if fault.alarming and not fault.usable)


def pass_gates(frame: pd.DataFrame, expected: Expected, *, min_rows: int) -> Gated:
    """The columns that can be compared, and a fault for each that cannot. Never raises on what the frame holds.

    Args:
        min_rows: fewer rows, or fewer known values in a column, say nothing.
    """
    if len(frame) < min_rows:
        reason = f"{len(frame)} rows; needed {min_rows}"
        return Gated(pd.DataFrame(index=frame.index), (ColumnFault("", reason),))
    faults, usable = list(_strangers(frame, expected)), {}
    for position, name in enumerate(expected.names):
        places = np.flatnonzero(np.asarray([label == name for label in frame.columns], dtype=bool))
        if len(places) != 1:
            faults.append(
                ColumnFault(name, f"there are {len(places)} columns of this name" if len(places) else "missing")
            )
            continue
        column, fault = _judged(frame.iloc[:, int(places[0])], name, expected, position, min_rows=min_rows)
        if fault is not None:
            faults.append(fault)
        if column is not None:
            usable[name] = column
    return Gated(pd.DataFrame(usable, index=frame.index), tuple(faults))


def _strangers(frame: pd.DataFrame, expected: Expected) -> Sequence[ColumnFault]:
    known = set(expected.names)
    extra = sorted({str(label) for label in frame.columns if not (isinstance(label, str) and label in known)})
    return [
        ColumnFault(name, "the reference has no such column; left out", usable=True, alarming=False) for name in extra
    ]


def _judged(
    column: pd.Series, name: str, expected: Expected, position: int, *, min_rows: int
) -> tuple[FloatArray | None, ColumnFault | None]:
    """Its values as float64 where it can be compared, and what is wrong with it."""
    values, reason = _numbers(column)
    if values is None:
        return None, ColumnFault(name, reason)
    known = values[~np.isnan(values)]
    lacking = 1 - len(known) / len(values)
    sparser = lacking > min(expected.missing[position] + MORE_MISSING, ALL_MISSING)
    if len(known) < min_rows:
        found = f"{len(known)} known values; needed {min_rows}" if len(known) else f"no value in {len(values)} rows"
        return None, ColumnFault(name, found, alarming=sparser and expected.missing[position] < ALL_MISSING)
    if infinite := int(np.isinf(known).sum()):
        return None, ColumnFault(name, f"{infinite} infinite values")
    limit = FURTHEST_SPREADS * expected.spread[position]
    far = np.abs(known - expected.centre[position]) > limit
    if far.any():
        return None, ColumnFault(name, f"{int(far.sum())} impossible values such as {known[far][0]:.3g}")
    if sparser:
        said = f"{lacking:.0%} of the rows have no value; {expected.missing[position]:.0%} in the reference"
        return values, ColumnFault(name, said, usable=True)
    return values, None


def _numbers(column: pd.Series) -> tuple[FloatArray | None, str]:
    """float64 with NaN for what is missing, or None and why: nothing is guessed from text."""
    if isinstance(column.dtype, pd.SparseDtype):
        column = pd.Series(np.asarray(column), index=column.index)
    if pd.api.types.is_object_dtype(column.dtype):
        return _from_objects(column)
    plain = pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_complex_dtype(column.dtype)
    if not plain or pd.api.types.is_bool_dtype(column.dtype):
        return None, f"of type {column.dtype}; numbers were expected"
    return column.to_numpy(dtype=np.float64, na_value=np.nan), ""


def _from_objects(column: pd.Series) -> tuple[FloatArray | None, str]:
    wrong = [v for v in column if not (v is None or v is pd.NA or v is pd.NaT or _is_number(v))]
    if wrong:
        return None, f"{len(wrong)} values are not numbers, such as {str(wrong[0])[:40]!r}"
    return np.array([float(v) if _is_number(v) else np.nan for v in column], dtype=np.float64), ""


def _is_number(value: object) -> bool:
    """An int that is too large for a double is no number of ours."""
    if isinstance(value, bool | np.bool_):
        return False
    if isinstance(value, int):
        return abs(value) < 10**300
    return isinstance(value, float | np.floating | np.integer)
