"""The calendar of the simulated city: one row an hour, in Korean time, with public holidays and works' shut-downs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

import holidays
import numpy as np
from numpy.typing import NDArray

KST_OFFSET = timedelta(hours=9)  # Korea has had no daylight saving time since 1988
LEAD_DAYS = 14  # simulated before the first day, so that memory (soil, air, excitation) is there when it begins
TAIL_DAYS = 1  # and after the last, so that the risk at the very end is known

Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Timeline:
    """Rows are hours `(start, start + 1 h]`, from `LEAD_DAYS` before `first_day` to `TAIL_DAYS` after the last.

    shared_days: of the first days, which partners shared before; what follows is what they share now.
    """

    first_day: date
    days: int
    shared_days: int = 0

    @property
    def lead(self) -> int:
        """Rows before the first day."""
        return LEAD_DAYS * 24

    @property
    def shown(self) -> slice:
        """The rows that partners share now."""
        return slice(self.lead + self.shared_days * 24, self.lead + self.days * 24)

    @property
    def recorded(self) -> slice:
        """The rows that partners have shared at last: those of the first share, and of this one."""
        return slice(self.lead, self.shown.stop)

    def row_of_day(self, day: int) -> int:
        """The first row of a day, counted from the first one on record."""
        return self.lead + day * 24

    @property
    def hours(self) -> int:
        return (LEAD_DAYS + self.days + TAIL_DAYS) * 24

    @property
    def origin(self) -> datetime:
        """Start of row 0, UTC."""
        midnight = datetime.combine(self.first_day, datetime.min.time(), tzinfo=UTC) - KST_OFFSET
        return midnight - timedelta(days=LEAD_DAYS)

    @property
    def first_instant(self) -> datetime:
        """The beginning of what partners share now, UTC."""
        return self.origin + timedelta(days=LEAD_DAYS + self.shared_days)

    @property
    def first_end(self) -> datetime:
        """The end of the first shown hour, UTC."""
        return self.first_instant + timedelta(hours=1)

    @property
    def last_instant(self) -> datetime:
        """The end of what partners share, UTC."""
        return self.origin + timedelta(days=LEAD_DAYS + self.days)

    @cached_property
    def start_s(self) -> Ints:
        """Start of each row, seconds since 1970 UTC."""
        return int(self.origin.timestamp()) + np.arange(self.hours, dtype=np.int64) * 3600

    @cached_property
    def months(self) -> tuple[tuple[str, slice], ...]:
        """The shown months, `2025-01` and its rows, counted from the first shown row."""
        labels = [self.label(day) for day in self.dates[LEAD_DAYS + self.shared_days : LEAD_DAYS + self.days]]
        names = sorted(set(labels))
        return tuple(
            (name, slice(labels.index(name) * 24, (labels.index(name) + labels.count(name)) * 24)) for name in names
        )

    def is_month_end(self, row: int) -> bool:
        """Whether the shown rows before this one end with a month."""
        return self.dates[LEAD_DAYS + self.shared_days + row // 24].day == 1

    @property
    def months_shared(self) -> int:
        """Months of which partners shared files before."""
        first, last = self.first_day, self.dates[LEAD_DAYS + self.shared_days - 1]
        return (last.year - first.year) * 12 + last.month - first.month + 1 if self.shared_days else 0

    def label(self, day: date) -> str:
        """The month's name in files: `2025-01`; `2025-01-20` for the rest of a month that was shared until then."""
        seam = self.dates[LEAD_DAYS + self.shared_days]
        rest = self.shared_days and seam.day > 1 and (day.year, day.month) == (seam.year, seam.month)
        return f"{seam:%Y-%m-%d}" if rest else f"{day:%Y-%m}"

    def korean_text(self, *, end: bool, form: str = " ") -> list[str]:
        """`2025-01-01 00:00` of each shown hour's start or end; `form` is what stands between date and time."""
        local = self.start_s[self.shown] + 9 * 3600 + (3600 if end else 0)
        text = np.datetime_as_string(local.astype("datetime64[s]"), unit="m")
        return [stamp.replace("T", form) for stamp in text.tolist()]

    @cached_property
    def dates(self) -> tuple[date, ...]:
        """The Korean date of each simulated day."""
        first = self.first_day - timedelta(days=LEAD_DAYS)
        return tuple(first + timedelta(days=d) for d in range(LEAD_DAYS + self.days + TAIL_DAYS))

    def hourly(self, per_day: NDArray[np.generic]) -> NDArray[np.generic]:
        """One value a day, repeated for its hours."""
        return np.repeat(per_day, 24)

    @cached_property
    def hour(self) -> Ints:
        return np.tile(np.arange(24), len(self.dates))

    @cached_property
    def ordinal(self) -> Ints:
        """Day number, the same whatever the first day is."""
        return np.repeat(np.array([d.toordinal() for d in self.dates]), 24)

    @cached_property
    def weekday(self) -> Ints:
        """0 is Monday."""
        return np.repeat(np.array([d.weekday() for d in self.dates]), 24)

    @cached_property
    def month(self) -> Ints:
        return np.repeat(np.array([d.month for d in self.dates]), 24)

    @cached_property
    def season_angle(self) -> Floats:
        """0 on 1 January, 2 pi a year later."""
        days = np.array([(d - date(d.year, 1, 1)).days for d in self.dates])
        return np.repeat(2 * np.pi * days / 365.25, 24) + 2 * np.pi * self.hour / 24 / 365.25

    @cached_property
    def holiday(self) -> Flags:
        """Korean public holidays, substitutes among them."""
        years = range(self.dates[0].year, self.dates[-1].year + 1)
        korean = holidays.country_holidays("KR", years=years)
        return np.repeat(np.array([d in korean for d in self.dates]), 24)

    @cached_property
    def rest(self) -> Flags:
        """Weekend or public holiday."""
        return (self.weekday >= 5) | self.holiday

    @cached_property
    def shutdown(self) -> Flags:
        """The yearly summer stop of shipyard and car works: from the last Monday of July, two weeks."""
        return np.repeat(np.array([_summer_stop(d) for d in self.dates]), 24)

    @cached_property
    def restart(self) -> Flags:
        """The first two working days after three days off or more."""
        off = (self.rest | self.shutdown)[::24]
        back = np.zeros(off.size, dtype=bool)
        run = worked = 0
        fresh = False
        for day, is_off in enumerate(off):
            run, worked = (run + 1, 0) if is_off else (run, worked + 1)
            if not is_off and worked == 1:
                fresh, run = run >= 3, 0
            back[day] = fresh and 1 <= worked <= 2
        return np.repeat(back, 24)


def _summer_stop(day: date) -> bool:
    end_of_july = date(day.year, 7, 31)
    monday = end_of_july - timedelta(days=end_of_july.weekday())
    return monday <= day < monday + timedelta(days=14)
