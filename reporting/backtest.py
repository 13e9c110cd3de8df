"""The backtest's page: one HTML file that works offline, pictures inside. How it would have gone, month by month."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from contracts.pilot import Pilot
from contracts.replay import MODEL, NOBODY, MonthJudged, Replayed
from contracts.results import Decision, Estimate
from reporting.page import template

PICTURES = ("skill", "cumulative", "calibration", "champions", "base_rate")
WORDS = {
    "skill": "Log-loss skill of each month: 0 is climatology, 1 knows the future.",
    "cumulative": "The same from the first month on; the band is its 95 % interval.",
    "calibration": "If the forecasts are right, and days not too much alike, 19 of 20 dots lie in the band.",
    "champions": "A cross is a challenger that the gate refused, a dot one that it released.",
    "base_rate": "What changes by itself, whoever forecasts.",
}


@dataclass(frozen=True)
class BacktestPage:
    """All that the page shows. pictures: hazard -> name -> PNG bytes. refused: hazard -> why it could not be replayed.

    seeds, every_months: how it was run; fewer seeds and rarer trainings than in production are said on the page.
    """

    pilot: Pilot
    made_at: datetime
    replayed: Sequence[Replayed]
    pictures: Mapping[str, Mapping[str, bytes]]
    refused: Mapping[str, str]
    seeds: int
    every_months: int


def render_backtest(page: BacktestPage) -> str:
    """The whole page as text."""
    zone = ZoneInfo(page.pilot.timezone)
    return template("backtest.html.j2").render(
        pilot=page.pilot,
        made_at=f"{page.made_at.astimezone(zone):%Y-%m-%d %H:%M}",
        hazards=[_hazard(page, found, zone) for found in page.replayed],
        refused={page.pilot.hazards[hazard].label or hazard: why for hazard, why in page.refused.items()},
        seeds=page.seeds,
        every_months=page.every_months,
        words=WORDS,
        pictures=PICTURES,
    )


def _hazard(page: BacktestPage, found: Replayed, zone: ZoneInfo) -> dict[str, object]:
    pictures = page.pictures[found.hazard]
    return {
        "key": found.hazard,
        "label": page.pilot.hazards[found.hazard].label or found.hazard,
        "rows": found.rows,
        "incidents": found.incidents,
        "unripe": sum(month.unripe for month in found.months),
        "expected": sum(month.expected for month in found.months),
        "releases": found.releases,
        "coverage": found.coverage,
        "trainings": len(found.terms),
        "whole": {name: estimate_words(e) for name, e in found.whole.items()},
        "model": MODEL,
        "pictures": {name: base64.b64encode(pictures[name]).decode("ascii") for name in PICTURES},
        "months": [_month(month, zone) for month in found.months],
        "terms": [_term(name, decision, zone) for name, decision in found.terms],
    }


def _month(month: MonthJudged, zone: ZoneInfo) -> dict[str, object]:
    skill = month.skill or {}
    return {
        "name": f"{month.start.astimezone(zone):%Y-%m}",
        "champions": ", ".join(month.champions),
        "rows": month.rows,
        "unripe": month.unripe,
        "incidents": month.incidents,
        "by_climatology": month.champions == (NOBODY,),
        "expected": month.expected,
        "inside": month.expected_low <= month.incidents <= month.expected_high,
        "skill": estimate_words(skill[MODEL]) if skill else "",
        "others": {name: e.value for name, e in skill.items()},
    }


def _term(name: str, decision: Decision, zone: ZoneInfo) -> dict[str, object]:
    return {
        "at": f"{decision.decided_at.astimezone(zone):%Y-%m-%d}",
        "released": decision.kind == "promote",
        "in_charge": name,
        "nobody": name == NOBODY,
        "reasons": decision.reasons,
    }


def estimate_words(found: Estimate) -> str:
    """`+0.081 [+0.052, +0.110]`."""
    return f"{found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"
