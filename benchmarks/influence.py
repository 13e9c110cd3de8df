"""How much of a model's gain goes with one partner: its readings hidden, or a model trained without them.

    python -m benchmarks.influence [--store FOLDER]          or make bench-influence; the last line is JSON

The gate hides (docs/decisions/006-influence.md): that costs no training. This trains again, one seed, with every
reading of the partner unknown, and puts both beside each other. Either way the rows whose incident nobody else reported
are left out of what is judged; not of training, or else the model would forecast less than its rival does. Shares of
the gain over climatology on the test part of simulated Ulsan; below 0, the partner's data hide gain.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.ulsan import PILOT, asked_state, attempt, prepare, say
from contracts.errors import ForesafeError
from contracts.results import Features, FloatArray
from flows import Material, Settings, load_material, load_settings, outputs_of, pilot_of
from flows.evidence import known_without, metrics_of_partners
from ingest.store import Store
from models.baselines import climatology
from models.calibrate import Calibrator, fit_calibrator
from models.evaluation import Judged
from models.influence import WithoutPartner, influences, unknown_readings
from models.pyfunc import raw_scores
from models.train import Ensemble, train


@dataclass(frozen=True)
class Shares:
    """Of one hazard's gain over climatology. None: without the partner no incident is left to judge by.

    hidden: readings hidden, incidents left out. retrained: trained without the readings, incidents left out.
    incidents: only those left out, as the gate does for a first model.
    """

    hazard: str
    partner: str
    hidden: float | None
    retrained: float | None
    incidents: float | None


def shares(settings: Settings, hazard: str) -> list[Shares]:
    """One line a partner. Raises NotEnoughData: too few incidents to train on."""
    given, pilot = load_material(settings, PILOT, hazard), pilot_of(settings, PILOT)
    reported = Store(outputs_of(settings, PILOT).store).read(
        "incidents", version=given.provenance["store_versions"].get("incidents")
    )
    metrics = metrics_of_partners(settings, pilot)
    say(f"{hazard}: everybody's data")
    features, judged, rival = given.features, _judged(given), _climatology(given)
    whole = fit(given, features)
    forecast = predict(whole, features, given)
    found = []
    for partner in sorted({*metrics, *reported["partner"].unique().to_list()}):
        say(f"{hazard}: without {partner}")
        known = known_without(partner, reported, given, pilot, part=given.parts.test)
        silent = unknown_readings(features, metrics.get(partner, frozenset()))
        forecasts = {
            "hidden": predict(whole, silent, given),
            "retrained": predict(fit(given, silent), silent, given),
            "incidents": forecast,
        }
        without = {how: WithoutPartner(known, mine, rival) for how, mine in forecasts.items()}
        moved = influences(forecast, rival, judged, without, params=given.params.evaluate)
        found.append(Shares(hazard, partner, **{h: None if m.left is None else m.share for h, m in moved.items()}))
    return found


def fit(given: Material, features: Features) -> tuple[Ensemble, Calibrator]:
    """The hazard's model of one seed, trained and calibrated on these features."""
    parts, labels = given.parts, given.labels
    one = given.params.train.model_copy(update={"seeds": given.params.train.seeds[:1]})
    ensemble = train(features, labels, parts=parts, config=one)
    raw = raw_scores(ensemble.parsed(), features.values[labels.rows[parts.calibrate]]).mean(axis=0)
    occurred, method = labels.occurred[parts.calibrate], given.params.calibrate.method
    return ensemble, fit_calibrator(raw, occurred, method=method)


def predict(model: tuple[Ensemble, Calibrator], features: Features, given: Material) -> FloatArray:
    ensemble, calibrator = model
    rows = given.labels.rows[given.parts.test]
    return calibrator.apply(raw_scores(ensemble.parsed(), features.values[rows]).mean(axis=0))


def _judged(given: Material) -> Judged:
    labels, test = given.labels, given.parts.test
    return Judged(
        hazard=labels.hazard,
        part="test",
        occurred=labels.occurred[test],
        as_of=given.features.spine.as_of[labels.rows[test]],
        base_rate=float(labels.occurred[given.parts.train].mean()),
        alerts_per_day=given.alerts_per_day,
    )


def _climatology(given: Material) -> FloatArray:
    rate = float(given.labels.occurred[given.parts.train].mean())
    return climatology(given.features, given.labels.hazard, given.labels.rows[given.parts.test], base_rate=rate)


def lines(found: list[Shares]) -> Iterator[str]:
    yield f"{'hazard':<18}{'partner':<12}{'hidden':>8}{'retrained':>11}{'incidents alone':>17}"
    for each in found:
        texts = ["-" if s is None else f"{100 * s:.0f} %" for s in (each.hidden, each.retrained, each.incidents)]
        yield f"{each.hazard:<18}{each.partner:<12}{texts[0]:>8}{texts[1]:>11}{texts[2]:>17}"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = replace(load_settings(), state=asked_state() or Path(folder))
        if settings.state == Path(folder):
            prepare(settings)
        got = {hazard: attempt(shares, settings, hazard) for hazard in pilot_of(settings, PILOT).hazards}
    for hazard, refused in got.items():
        if isinstance(refused, ForesafeError):
            say(f"{hazard}: {refused}")
    found = [each for several in got.values() if not isinstance(several, ForesafeError) for each in several]
    print("\n".join(lines(found)))
    apart = [
        abs(each.hidden - each.retrained) for each in found if each.hidden is not None and each.retrained is not None
    ]
    print(json.dumps({"partners": len(found), "largest_difference": round(max(apart, default=0.0), 3)}))


if __name__ == "__main__":
    main()
