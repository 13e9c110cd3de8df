"""A replayed training and its gate do not change when everything known later is deleted; a planted leak is seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.results import Labels
from features import build_labels
from models import backtest
from models.backtest import Challenge, Term, World, challenge, walk
from tests.replay_world import DAYS, END, FIRST, terms, world


def as_it_was(full: World, term: Term) -> World:
    """Without what was reported or corrected after the term's start."""
    return replace(full, incidents=full.incidents.filter(pl.col("known_at") <= term.start))


def differences(full: World, term: Term) -> list[str]:
    """What of a term's training, baselines and gate depends on what was known later."""
    past = as_it_was(full, term)
    one, other = challenge(lambda: full, term), challenge(lambda: past, term)
    found = [] if one.refused == other.refused else ["refusal"]
    found += [name for name in one.baselines if not np.array_equal(one.baselines[name], other.baselines[name])]
    found += [] if _model(one) == _model(other) else ["model"]
    decided = [next(walk(there, [it])).decision for there, it in ((full, one), (past, other))]
    return found + ([] if decided[0] == decided[1] else ["decision"])


def _model(found: Challenge) -> object:
    return found.bout and (found.bout.challenger.boosters, found.bout.challenger.calibrator)


@settings(max_examples=6, deadline=None)
@given(day=st.integers(5, DAYS - 5), seed=st.integers(1, 3))
def test_nothing_that_was_known_later_matters(day: int, seed: int) -> None:
    start = FIRST + timedelta(days=day)
    assert differences(world(seed), Term("a term", start, start + timedelta(days=5))) == []


def test_the_whole_walk_does_not_depend_on_later_reports() -> None:
    """Decision after decision: the champion of the second training is judged again at the third."""
    plan = terms(70, 95, 120)
    full = world()
    past = as_it_was(full, plan[-1])
    one, other = ([*walk(there, (challenge(lambda w=there: w, term) for term in plan))] for there in (full, past))
    assert [step.decision for step in one] == [step.decision for step in other]
    assert [step.champion for step in one] == [step.champion for step in other]
    assert all(np.array_equal(a.probability, b.probability) for a, b in zip(one, other, strict=True))


def final_truth_of_ripe_rows(given: World, at: object) -> Labels:
    """The leak that looks harmless: only rows that were ripe then, but with what was found out about them since."""
    honest = LABELS_KNOWN_AT(given, at)  # type: ignore[arg-type]
    later = build_labels(
        given.incidents, given.features.spine, hazard=given.hazard, rule=given.rule, observed_until=END
    )
    return replace(honest, occurred=later.occurred[np.searchsorted(later.rows, honest.rows)])


def rows_that_are_ripe_today(given: World, _at: object) -> Labels:
    return build_labels(given.incidents, given.features.spine, hazard=given.hazard, rule=given.rule, observed_until=END)


LABELS_KNOWN_AT = backtest.labels_known_at


@pytest.mark.parametrize("leak", [final_truth_of_ripe_rows, rows_that_are_ripe_today])
def test_a_planted_leak_is_caught(leak: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtest, "labels_known_at", leak)
    term = terms(90)[0]
    assert {"model", "decision"} <= set(differences(world(), term))
