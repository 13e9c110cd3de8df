"""The rows that are judged: those that neither the challenger nor today's champion was fitted on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from contracts.params import Params
from contracts.results import instant_of
from flows.material import Material, untouched_by
from models.risk_model import RiskModel
from tests.synthetic_risk import walk

GIVEN = Material(walk().city.features, walk().city.labels, walk().parts, Params(), 5.0, (), {})


def fitted_until(at: str) -> RiskModel:
    return replace(walk().fitted.model, provenance={"fitted_until": at})


def test_a_champion_that_has_seen_half_of_the_test_days_is_judged_on_the_other_half() -> None:
    given = untouched_by(fitted_until("2026-05-20T00:00:00+00:00"), GIVEN)
    as_of = walk().city.features.spine.as_of[walk().city.labels.rows]
    assert as_of[given.parts.test].min() == np.datetime64("2026-05-20T00:00", "us")
    assert given.parts.test[-1] == GIVEN.parts.test[-1]
    assert (given.parts.train, given.parts.calibrate) == (GIVEN.parts.train, GIVEN.parts.calibrate)
    assert given.params.evaluate.block_days == GIVEN.params.after_change.block_days


def test_the_usual_champion_and_one_that_has_seen_all_change_nothing() -> None:
    assert untouched_by(walk().fitted.model, GIVEN) is GIVEN
    assert untouched_by(fitted_until("2027-01-01T00:00:00+00:00"), GIVEN) is GIVEN, "the gate says that it is touched"


def test_an_instant_is_the_same_in_every_zone() -> None:
    assert instant_of(datetime(2026, 1, 1, 9, tzinfo=UTC)) == np.datetime64("2026-01-01T09:00", "us")
    assert instant_of(datetime.fromisoformat("2026-01-01T18:00+09:00")) == np.datetime64("2026-01-01T09:00", "us")
