"""The gate: a challenger is released only if it is better, on untouched rows, scored now. Every rule can refuse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

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

    districts: (m,) text, empty where none is known. without: partner -> the rows as if it had shared nothing; where the
    gain may rest on its readings, as if it had reported nothing. silent: partner -> those rows as if it had shared
    nothing, by which the challenger must not be surely worse; empty where `without` is as strict already.
    champion_fault: why today's champion could not be asked, though there is one; empty if it could.
    """

    districts: TextArray | None = None
    without: Mapping[str, WithoutPartner] = field(default_factory=dict)
    silent: Mapping[str, WithoutPartner] = field(default_factory=dict)
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
    difference below 0, and no worse Brier score (`params.sure_of` may ask less of the baselines); no district surely
    worse beyond a limit, and no partner's data that carries the gain, both against the champion, or the first of the
    baselines where there is none.

    Args:
        judged: the rows; the forecasts of `challenger`, `champion` and `baselines` are all of exactly these.

    Raises:
        NotEnoughData: no incident at all, or too short a time for the bootstrap. BadTable: not probabilities.
    """
    around = surroundings or Surroundings()
    evaluation = evaluate(challenger.probability, judged, baselines=baselines, params=evaluate_params)
    rivals = _rivals(champion, baselines)
    differences = {
        name: paired_difference(challenger.probability, values, judged, params=evaluate_params)
        for name, values in rivals.items()
    }
    rival, values = next(iter(rivals.items()))
    districts = _districts(challenger.probability, values, judged, around, evaluate_params)
    partners = influences(challenger.probability, values, judged, around.without, params=evaluate_params)
    silent = influences(challenger.probability, values, judged, around.silent, params=evaluate_params)
    carried = params.max_partner_share * max(0.0, -differences[rival]["log_loss"].value)
    rules = [
        *_asked(around.champion_fault),
        *(_untouched(contender, judged) for contender in (challenger, champion) if contender is not None),
        *_own_merit(evaluation, params),
        *_against(differences, sure_of_all=champion is None or params.sure_of == "all"),
        _no_district_pays(districts, rival, params),
        *(_not_carried_by(name, found, rival, carried, params) for name, found in partners.items()),
        *(_not_worse_without(name, found, rival, carried) for name, found in silent.items()),
    ]
    inputs = {
        "challenger": challenger.name,
        "champion": champion.name if champion else None,
        "evaluation": evaluation.as_json(),
        "differences": {n: {score: asdict(e) for score, e in d.items()} for n, d in differences.items()},
        "districts": {district: asdict(found) for district, found in districts.items()},
        **_recorded(partners=partners, silent=silent),
    }
    return _verdict(challenger.name, rules, inputs, decided_at)


def _verdict(subject: str, rules: Sequence[Rule], inputs: Mapping[str, Any], at: datetime) -> Decision:
    refused = [rule.reason for rule in rules if not rule.passed]
    return Decision(
        kind="refuse" if refused else "promote",
        subject=subject,
        reasons=tuple(refused or [rule.reason for rule in rules]),
        decided_at=at,
        inputs={**inputs, "rules": [asdict(rule) for rule in rules]},
        by="the gate",
    )


def _rivals(champion: Contender | None, baselines: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """The champion first, where there is one."""
    mine = {} if champion is None else {f"champion {champion.name}": champion.probability}
    return mine | {f"baseline {name}": values for name, values in baselines.items()}


def _recorded(**found: Mapping[str, Influence]) -> dict[str, Any]:
    return {
        name: {partner: {**asdict(each), "share": each.share} for partner, each in of.items()}
        for name, of in found.items()
    }


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


def _against(differences: Mapping[str, Mapping[str, Estimate]], *, sure_of_all: bool) -> Iterator[Rule]:
    for name, found in differences.items():
        must = _beats if sure_of_all or name.startswith("champion") else _matches
        yield from must(name, found)


def _beats(rival: str, difference: Mapping[str, Estimate]) -> Iterator[Rule]:
    loss, brier = difference["log_loss"], difference["brier"]
    found = f"log loss {loss.value:+.5f} [{loss.low:+.5f}, {loss.high:+.5f}] against {rival}"
    yield Rule("log_loss", loss.high < 0, found if loss.high < 0 else f"{found}: not surely better")
    found = f"Brier score {brier.value:+.6f} [{brier.low:+.6f}, {brier.high:+.6f}] against {rival}"
    yield Rule("brier", brier.value <= 0, found if brier.value <= 0 else f"{found}: worse")


def _matches(rival: str, difference: Mapping[str, Estimate]) -> Iterator[Rule]:
    """Not surely worse: the champion, which must be surely beaten, would go on if this refused."""
    for name, words, digits in (("log_loss", "log loss", 5), ("brier", "Brier score", 6)):
        score = difference[name]
        found = f"{words} {score.value:+.{digits}f} [{score.low:+.{digits}f}, {score.high:+.{digits}f}] against {rival}"
        yield Rule(name, score.low <= 0, found if score.low <= 0 else f"{found}: surely worse")


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


def _not_carried_by(partner: str, found: Influence, rival: str, limit: float, params: PromoteParams) -> Rule:
    """Two-sided: neither does the gain go with one partner's data, nor is it only there, or far larger, without it.

    A gain that may be chance once both forecasts are at one level (a recalibration's is none) has no parts. Then, and
    where there is none, what is left without the partner speaks only where it surely exceeds `limit`, log loss a row.
    """
    gain, left = found.gain, found.left
    head = f"gain {gain.value:+.5f} over {rival}"
    if left is None:
        return Rule("partner", True, f"{head}: {partner} alone reports incidents, so none is left to judge by")
    words = f"{head}, {left.value:+.5f} without the data of {partner}"
    if gain.value <= 0 and left.low > limit:
        return Rule("partner", False, f"{words}: its data alone speaks against it")
    if gain.low <= 0:
        worse = left.high < -limit
        return Rule("partner", not worse, f"{words}: {'surely worse' if worse else 'too little to carry'}")
    moved, most = 100 * found.share, 100 * params.max_partner_share
    passed = abs(found.share) <= params.max_partner_share
    return Rule("partner", passed, f"{words}: it moves {moved:.0f} % of the gain, limit {most:.0f} % either way")


def _not_worse_without(partner: str, found: Influence, rival: str, limit: float) -> Rule:
    """The gain may rest on a partner's readings, as these changed. But its silence must not surely cost more than
    `limit`, or else what all others share speaks against the challenger."""
    if found.left is None:
        return Rule("partner", True, f"{partner} alone reports incidents, so none is left to judge by in its silence")
    left = found.left
    words = f"gain {left.value:+.5f} [{left.low:+.5f}, {left.high:+.5f}] over {rival} in the silence of {partner}"
    worse = left.high < -limit
    return Rule("partner", not worse, f"{words}: surely worse by more than {limit:.5f}" if worse else words)
