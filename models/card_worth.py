"""The parts of the model card that say what the forecasts are worth, and to whom; Markdown from the run's results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from contracts.alarm_rate import PEAK_AT_ONCE
from contracts.results import Estimate
from contracts.worth import BudgetRow, CostPoint, Worth

INTENDED = (
    "Support for people who decide where to look first: patrols, inspections, standby. A person reads the reasons and "
    "the interval, knows the place, and decides."
)
FORBIDDEN = (
    "automatic sanction, fine, shutdown or dispatch without a person",
    "judging a single person, worker or company, or ranking companies by forecast risk",
    "an alarm for protection of life in place of detectors and interlocks: it forecasts, it does not detect",
    "places, hazards or horizons other than those it was trained for",
    'reading "low" as "safe"',
)
ACCEPTED_ECE_TIMES_CHANCE = 2.0
ACCEPTED_RATIO = (0.8, 1.25)


def budget_text(worth: Worth) -> str:
    """The budget table, hits at k, and at which cost ratios alarms by this forecast are worth it."""
    head = (
        "| budget | alerts a day | precision | recall | incidents caught | notice, median | notice of 1 h or more "
        "| between false alarms | most at once |"
    )
    lines = [head, "|" + " --- |" * 9, *(_budget_line(row) for row in worth.budget)]
    hits = ", ".join(
        f"{100 * hit.share:.0f} % in the {hit.k} highest of each {hit.per} (blind: {100 * hit.by_chance:.1f} %)"
        for hit in worth.hits
    )
    return "\n".join(lines) + (
        "\n\nThe first line is the released threshold as it would have run; the others are thresholds that meet a "
        "budget on these very rows. Notice is at the least, from the first alert of an unbroken run to the last "
        f"forecast before the incident.\n\nIncidents among the highest risks: {hits}.\n\n{worth_acting(worth.costs)}"
    )


def _budget_line(row: BudgetRow) -> str:
    asked = "released" if row.asked_per_day is None else f"{row.asked_per_day:g} a day"
    tied = f" ({row.left_out} equal rows left out)" if row.left_out else ""
    cells = (
        asked + tied,
        f"{row.alerts_per_day:.2f}",
        percent(row.precision),
        percent(row.recall),
        f"{row.caught:,} of {row.incidents:,}",
        hours(row.lead_hours_median),
        percent(row.lead_share_1h),
        hours(row.hours_between_false_alarms),
        f"{row.most_at_once}" + (" (above EEMUA 191's 10)" if row.most_at_once > PEAK_AT_ONCE else ""),
    )
    return "| " + " | ".join(cells) + " |"


def worth_acting(costs: Sequence[CostPoint]) -> str:
    """Where acting by the forecast is cheaper than climatology, never and always."""
    cheaper = [p for p in costs if p.model < min(p.climatology, p.never, p.always)]
    if not cheaper:
        return "At no ratio of costs was acting by this forecast cheaper than climatology, never or always."
    best = max(cheaper, key=lambda p: 1 - p.model / min(p.climatology, p.never, p.always))
    saved = 1 - best.model / min(best.climatology, best.never, best.always)
    return (
        f"Acting by this forecast was cheaper than by climatology, never or always where a miss costs "
        f"{cheaper[0].ratio:,.6g} to {cheaper[-1].ratio:,.6g} false alarms; most at {best.ratio:,.6g}, "
        f"by {100 * saved:.0f} %."
    )


def fairness_text(worth: Worth) -> str:
    """Recall and false alarms by district, and the gap with what chance would show."""
    found = worth.fairness
    lines = ["| district | places | incidents | recall | false alarms a place and month |", "|" + " --- |" * 5]
    lines += [
        f"| {share.group} | {share.places} | {share.incidents} | {_interval(share.recall)} "
        f"| {share.false_alarms_per_place_month.value:.2f} [{share.false_alarms_per_place_month.low:.2f}, "
        f"{share.false_alarms_per_place_month.high:.2f}] |"
        for share in found.shares
    ]
    return "\n".join(lines) + "\n\n" + gap_text(worth)


def gap_text(worth: Worth) -> str:
    found = worth.fairness
    if found.gap is None or found.gap_by_chance is None:
        return f"Gap: {found.note}."
    return (
        f"Gap in recall: {100 * found.gap.value:.0f} points [{100 * found.gap.low:.0f}, {100 * found.gap.high:.0f}], "
        f"{found.best} against {found.worst}; with so few incidents a city without any unfairness stays below "
        f"{100 * found.gap_by_chance:.0f} in 95 of 100 cases: {found.note}."
    )


def groups_table(worth: Worth) -> str:
    """Forecast against observed by district and season."""
    lines = ["| | rows | incidents | forecast | observed | observed / forecast | ECE | ECE by chance |"]
    lines += ["|" + " --- |" * 8]
    lines += [
        f"| {group.group} | {group.rows:,} | {group.incidents:,} | {group.predicted:.4g} | {group.observed:.4g} "
        f"| {_ratio(group.ratio)} | {group.ece:.2g} | {group.ece_by_chance:.2g} |"
        for group in worth.reliability
    ]
    return "\n".join(lines)


def coverage_text(worth: Worth) -> str:
    """How often the stated intervals held."""
    lines = [
        f"- {found.of}: stated {100 * found.stated:.0f} %, held {100 * found.covered:.1f} % of {found.cases:,}; "
        f"worst district {found.worst_group} {100 * found.worst:.0f} %"
        for found in worth.coverage
    ]
    return "\n".join(lines) + (
        "\n\nThe interval of a single place and hour rests on two assumptions that outcomes cannot check "
        "(docs/decisions/007-intervals.md); the interval of a district's week can be checked by anyone."
    )


def severity_text(worth: Worth) -> str:
    """How far stated severities were from those that came, beside one mean."""
    found = worth.severity
    if found is None:
        return "No incident to judge it by."
    one, own, less = found.one_mean, found.deviance, found.difference
    head = f"Mean gamma deviance of {found.incidents:,} incidents (lower is better): one mean {one.value:.4g}"
    if not found.own:
        return f"{head}. Nothing known beforehand told severities apart surely, so the mean of training is stated."
    return (
        f"{head}, by what is known at the time {own.value:.4g}, difference {less.value:+.4g} "
        f"[{less.low:+.4g}, {less.high:+.4g}]."
    )


def failure_modes(worth: Worth) -> Iterator[str]:
    """What this run showed to be weak, then what every such model is weak at."""
    released = worth.budget[0]
    yield f"{released.incidents - released.caught:,} of {released.incidents:,} incidents came without an alert"
    if released.precision is not None:
        yield f"of 100 alerts {100 * (1 - released.precision):.0f} are followed by no incident in their window"
    for group in worth.reliability:
        if group.ratio and (group.ratio.high < ACCEPTED_RATIO[0] or group.ratio.low > ACCEPTED_RATIO[1]):
            word = "overstated" if group.ratio.value < 1 else "understated"
            yield f"the risk of {group.group} was {word}: observed / forecast {_ratio(group.ratio)}"
        elif group.ece > ACCEPTED_ECE_TIMES_CHANCE * group.ece_by_chance and group.ratio:
            yield f"calibration in {group.group} is off beyond chance: ECE {group.ece:.2g}"
    for found in worth.coverage:
        if found.worst < found.stated - 0.1:
            yield f"the interval of {found.of} held in only {100 * found.worst:.0f} % in {found.worst_group}"
    seasons = [group.group for group in worth.reliability if group.kind == "season"]
    if len(seasons) < 4:
        yield f"judged in {', '.join(seasons)} only: the rest of the year is not shown here"
    if worth.top_reason_stays is not None:
        yield f"the first reason changes in {100 * (1 - worth.top_reason_stays):.1f} % of rows under noise of 0.1 %"
    yield "places, metrics or seasons that the training time did not have are extrapolation"
    yield "it forecasts reported incidents: where reporting is poor, the risk is understated"
    yield "when people act on alerts and prevent incidents, later data make the alerts look false"


def percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def hours(value: float | None) -> str:
    return "none" if value is None else f"{value:.0f} h" if value < 72 else f"{value / 24:.1f} days"


def _interval(got: Estimate | None) -> str:
    if got is None:
        return "too few incidents"
    return f"{100 * got.value:.0f} % [{100 * got.low:.0f}, {100 * got.high:.0f}]"


def _ratio(got: Estimate | None) -> str:
    return "too few" if got is None else f"{got.value:.2f} [{got.low:.2f}, {got.high:.2f}]"
