"""The gate: a challenger is released only if it is better, on untouched rows, scored now. Every rule can refuse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from contracts.params import EvaluateParams, PromoteParams
from contracts.results import Decision, Estimate, Evaluation, FloatArray
from models.evaluation import Judged, evaluate, paired_difference
from models.influence import Influence, TextArray, WithoutPartner, by_district, influences


@dataclass(frozen=True)
class Contender:
    """A model's forecasts of the rows that are judged.

    name: for the record, e.g. `ulsan-flood version 7`. fitted_until: the last instant whose incidents it was fitted
    or calibrated on (`RiskModel.provenance["fitted_until"]`).
    """

    name: str
    probability: FloatArray
    fitted_until: datetime


@dataclass(frozen=True)
class Rule:
    """One rule's verdict. `reason` says what was found, whether it passed or not."""

    name: str
    passed: bool
    reason: str


@dataclass(frozen=True)
class Surroundings:
    """What else is known of the judged rows; a rule that lacks its part says so and passes.

    districts: (m,) text, empty where none is known. without: partner -> the rows as if it had shared nothing.
    champion_fault: why today's champion could not be asked, though there is one; empty if it could.
    """

    districts: TextArray | None = None
    without: Mapping[str, WithoutPartner] = field(default_factory=dict)
    champion_fault: str = ""


def decide_promotion(
    challenger: Contender,
    champion: Contender | None,
    *,
    judged: Judged,
    baselines: Mapping[str, FloatArray],
    params: PromoteParams,
    evaluate_params: EvaluateParams,
    decided_at: datetime,
    surroundings: Surroundings | None = None,
) -> Decision:
    """Promote or refuse, with every rule's finding. Without a champion the baselines alone are the bar.

    Rules: a champion that there is can be asked; rows neither model was fitted on; enough incidents; ECE limit; Brier
    skill over the base rate; against every baseline and the champion, the whole 95 % interval of the paired log loss
    difference below 0, and no worse Brier score; no district surely worse beyond a limit, and no partner's data that
    carries the gain, both against the champion, or the first of the baselines where there is none.

    Args:
        judged: the rows; the forecasts of `challenger`, `champion` and `baselines` are all of exactly these.

    Raises:
        NotEnoughData: no incident at all, or too short a time for the bootstrap. BadTable: not probabilities.
    """
    around = surroundings or Surroundings()
    evaluation = evaluate(challenger.probability, judged, baselines=baselines, params=evaluate_params)
    rivals = {f"baseline {name}": values for name, values in baselines.items()}
    if champion is not None:
        rivals = {f"champion {champion.name}": champion.probability, **rivals}
    differences = {
        name: paired_difference(challenger.probability, values, judged, params=evaluate_params)
        for name, values in rivals.items()
    }
    rival, values = next(iter(rivals.items()))
    districts = _districts(challenger.probability, values, judged, around, evaluate_params)
    partners = influences(challenger.probability, values, judged, around.without)
    rules = [
        *_asked(around.champion_fault),
        *(_untouched(contender, judged) for contender in (challenger, champion) if contender is not None),
        *_own_merit(evaluation, params),
        *(rule for name, difference in differences.items() for rule in _beats(name, difference)),
        _no_district_pays(districts, rival, params),
        *(_not_carried_by(partner, found, rival, params) for partner, found in partners.items()),
    ]
    refused = [rule.reason for rule in rules if not rule.passed]
    return Decision(
        kind="refuse" if refused else "promote",
        subject=challenger.name,
        reasons=tuple(refused or [rule.reason for rule in rules]),
        decided_at=decided_at,
        inputs={
            "challenger": challenger.name,
            "champion": champion.name if champion else None,
            "evaluation": evaluation.as_json(),
            "differences": {n: {score: asdict(e) for score, e in d.items()} for n, d in differences.items()},
            "districts": {district: asdict(found) for district, found in districts.items()},
            "partners": {partner: {**asdict(found), "share": found.share} for partner, found in partners.items()},
            "rules": [asdict(rule) for rule in rules],
        },
        by="the gate",
    )


def _districts(
    probability: FloatArray, rival: FloatArray, judged: Judged, around: Surroundings, params: EvaluateParams
) -> dict[str, Estimate]:
    if around.districts is None:
        return {}
    return by_district(probability, rival, judged, districts=around.districts, params=params)


def _asked(champion_fault: str) -> Iterator[Rule]:
    if champion_fault:
        yield Rule("champion", False, f"today's champion could not be asked: {champion_fault}")


def _untouched(contender: Contender, judged: Judged) -> Rule:
    first = judged.as_of.min().astype("datetime64[us]").item().replace(tzinfo=UTC)
    passed = first >= contender.fitted_until
    found = "were not used to fit" if passed else "were partly used to fit"
    return Rule("untouched", passed, f"rows from {first:%Y-%m-%d %H:%M} UTC on {found} {contender.name}")


def _own_merit(evaluation: Evaluation, params: PromoteParams) -> Iterator[Rule]:
    enough = evaluation.incidents >= params.min_test_incidents
    yield Rule("incidents", enough, f"{evaluation.incidents} rows with an incident, needed {params.min_test_incidents}")
    ece = evaluation.scores["ece"].value
    yield Rule("calibration", ece <= params.max_ece, f"expected calibration error {ece:.4f}, limit {params.max_ece}")
    skill = evaluation.scores["brier_skill"].value
    passed = skill > params.min_brier_skill
    yield Rule("skill", passed, f"Brier skill {skill:.4f}, must be above {params.min_brier_skill}")


def _beats(rival: str, difference: Mapping[str, Estimate]) -> Iterator[Rule]:
    loss, brier = difference["log_loss"], difference["brier"]
    found = f"log loss {loss.value:+.5f} [{loss.low:+.5f}, {loss.high:+.5f}] against {rival}"
    yield Rule("log_loss", loss.high < 0, found if loss.high < 0 else f"{found}: not surely better")
    found = f"Brier score {brier.value:+.6f} [{brier.low:+.6f}, {brier.high:+.6f}] against {rival}"
    yield Rule("brier", brier.value <= 0, found if brier.value <= 0 else f"{found}: worse")


def _no_district_pays(districts: Mapping[str, Estimate], rival: str, params: PromoteParams) -> Rule:
    """Refuse where a district's log loss is higher beyond the limit, and the bootstrap supports that it is higher."""
    if not districts:
        return Rule("district", True, "no district is known")
    limit = params.max_district_loss
    worse = {name: found for name, found in districts.items() if found.value > limit and found.low > 0}
    shown = worse or dict([max(districts.items(), key=lambda pair: pair[1].value)])
    found = "; ".join(
        f"{name} {100 * e.value:+.1f} % [{100 * e.low:+.1f}, {100 * e.high:+.1f}]" for name, e in shown.items()
    )
    words = f"log loss by district against {rival}, {'too bad' if worse else 'the worst'}: {found}"
    return Rule("district", not worse, f"{words}, limit {100 * limit:+.1f} %")


def _not_carried_by(partner: str, found: Influence, rival: str, params: PromoteParams) -> Rule:
    """Two-sided: neither does the gain go with one partner's data, nor is it only there, or far larger, without it."""
    head = f"gain {found.gain:+.5f} over {rival}"
    if found.left is None:
        return Rule("partner", True, f"{head}: {partner} alone reports incidents, so none is left to judge by")
    words = f"{head}, {found.left:+.5f} without the data of {partner}"
    if found.gain <= 0:
        verdict = "its data alone speaks against it" if found.left > 0 else "none to carry"
        return Rule("partner", found.left <= 0, f"{words}: {verdict}")
    moved, limit = 100 * found.share, 100 * params.max_partner_share
    passed = abs(found.share) <= params.max_partner_share
    return Rule("partner", passed, f"{words}: it moves {moved:.0f} % of the gain, limit {limit:.0f} % either way")
