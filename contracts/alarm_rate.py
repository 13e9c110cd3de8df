"""How many alarms a person can act on: the long-known rates of process control rooms, used as a ceiling.

EEMUA Publication 191 (Alarm Systems: A Guide to Design, Management and Procurement) calls fewer than one alarm in ten
minutes, averaged over a long time, very likely acceptable for one operator, one to two in ten minutes manageable, and
not more than ten in the first ten minutes after an upset. Read in the ASM Consortium's benchmark against it
("Achieving Effective Alarm System Performance", 37 consoles: one third kept the average, two of 37 the peak).
"""

from __future__ import annotations

from collections.abc import Iterable

ACCEPTABLE_PER_DAY = 144.0  # one in ten minutes, by one operator
PEAK_AT_ONCE = 10  # in ten minutes; the alerts of one forecast instant all come at once


def too_many(alerts_per_day: Iterable[float], *, operators: int) -> str:
    """Why these budgets together are more than the operators can act on, or empty."""
    total, ceiling = sum(alerts_per_day), ACCEPTABLE_PER_DAY * operators
    if total <= ceiling:
        return ""
    people = "1 operator" if operators == 1 else f"{operators} operators"
    return (
        f"alerts_per_day over all hazards is {total:g}, above {ceiling:g} a day: EEMUA 191 finds one alarm in ten "
        f"minutes acceptable for one person, and the pilot has {people}. Lower alerts_per_day, or state how many "
        "people share the alerts (operators)"
    )
