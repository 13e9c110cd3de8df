"""What was corrected later: in its old form for a forecast made before the correction, in its new form from then on."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from contracts.results import Features
from contracts.tables import Tables
from features import build_features, build_labels, scoring_spine, training_spine
from tests.properties import worlds
from tests.properties.worlds import EVERYTHING, START

PILOT = worlds.pilot(EVERYTHING)
CORRECTED = 14  # the hour at which each correction becomes known
NO_READINGS, NO_INCIDENTS = worlds.readings_of(), worlds.incidents_of()

READING = ("a", "voc_ppb", 10.5, 10.5, 40.0)
LOWER = ("a", "voc_ppb", 10.5, CORRECTED, 4.0)
POPULATION = ("a", "population", 1, 1, 1000.0)
RECOUNT = ("a", "population", 1, CORRECTED, 5000.0)
FIRE = ("fire", "a", 10, 11, 1.0)
OTHERS = (("other", "b", 3, 3, 1.0), ("another", "c", 5, 6, 2.0))
MOVED = ("fire", "b", 10, CORRECTED, 1.0)
EARLIER = ("fire", "a", 8, CORRECTED, 1.0)
WITHDRAWN = ("fire", "a", 10, CORRECTED, 0.0)
TRIVIAL, GRAVE = ("fire", "a", 10, 11, 0.5), ("fire", "a", 10, CORRECTED, 2.0)

CORRECTIONS = {  # name: the first version, the correction of it
    "a lower reading": (READING, LOWER),
    "a recounted population": (POPULATION, RECOUNT),
    "an incident of another asset": (FIRE, MOVED),
    "an incident that occurred earlier": (FIRE, EARLIER),
    "an incident that was graver": (TRIVIAL, GRAVE),
}


def tables_of(*rows: tuple[str, str, float, float, float]) -> Tables:
    readings = [row for row in rows if row[1] in worlds.METRICS]
    incidents = [row for row in rows if row[1] not in worlds.METRICS]
    return Tables(worlds.readings_of(*readings), worlds.incidents_of(*incidents, *OTHERS), worlds.assets())


def built(tables: Tables, hour: int) -> Features:
    return build_features(tables, scoring_spine(tables, PILOT, as_of=START + timedelta(hours=hour)), PILOT)


def value(tables: Tables, hour: int, column: str, asset: int = 0) -> float:
    return float(built(tables, hour).column(column)[asset])


@pytest.mark.parametrize(("first", "correction"), CORRECTIONS.values(), ids=CORRECTIONS)
def test_every_feature_sees_the_old_form_before_and_the_new_form_after(
    first: tuple[str, str, float, float, float], correction: tuple[str, str, float, float, float]
) -> None:
    """Bit for bit: as if never corrected before, and as if it had been right from the start after."""
    id_, where, when, _, severity = correction
    right_from_the_start = tables_of((id_, where, when, first[3], severity))
    both, never_corrected = tables_of(first, correction), tables_of(first)
    for hour in (CORRECTED - 2, CORRECTED - 1):
        np.testing.assert_array_equal(built(both, hour).values, built(never_corrected, hour).values)
    for hour in (CORRECTED, CORRECTED + 5):
        np.testing.assert_array_equal(built(both, hour).values, built(right_from_the_start, hour).values)
    assert not np.array_equal(
        built(both, CORRECTED - 1).values, built(right_from_the_start, CORRECTED - 1).values, equal_nan=True
    )


@pytest.mark.parametrize(("first", "correction"), CORRECTIONS.values(), ids=CORRECTIONS)
def test_one_build_over_the_correction_agrees_with_a_build_an_hour(
    first: tuple[str, str, float, float, float], correction: tuple[str, str, float, float, float]
) -> None:
    tables = tables_of(first, correction)
    spine = training_spine(
        tables, PILOT, first=START + timedelta(hours=12), last=START + timedelta(hours=16), every_hours=1
    )
    bulk = build_features(tables, spine, PILOT).values
    hours = [built(tables, hour).values for hour in range(12, 17)]
    np.testing.assert_array_equal(bulk, np.concatenate(hours))


@pytest.mark.parametrize(
    ("column", "before", "after"),
    [
        ("voc_ppb_mean_30h", 30.0, 12.0),
        ("voc_ppb_max_30h", 40.0, 20.0),
        ("voc_ppb_min_30h", 20.0, 4.0),
        ("voc_ppb_std_30h", 10.0, 8.0),
        ("voc_ppb_last_30h", 40.0, 4.0),
        ("voc_ppb_count_30h", 2.0, 2.0),
    ],
)
def test_a_corrected_reading_replaces_its_value_and_is_not_counted_twice(
    column: str, before: float, after: float
) -> None:
    tables = tables_of(("a", "voc_ppb", 9.5, 9.5, 20.0), READING, LOWER)
    assert value(tables, CORRECTED - 1, column) == pytest.approx(before, abs=1e-3)
    assert value(tables, CORRECTED, column) == pytest.approx(after, abs=1e-3)


def test_a_correction_known_between_two_hours_counts_from_the_next() -> None:
    tables = tables_of(READING, ("a", "voc_ppb", 10.5, CORRECTED + 0.01, 4.0))
    assert value(tables, CORRECTED, "voc_ppb_last_30h") == 40.0
    assert value(tables, CORRECTED + 1, "voc_ppb_last_30h") == 4.0


def test_a_reassigned_incident_leaves_one_count_and_joins_the_other() -> None:
    tables = tables_of(FIRE, MOVED)
    of_a = [value(tables, hour, "fire_count_24h", 0) for hour in (CORRECTED - 1, CORRECTED)]
    of_b = [value(tables, hour, "fire_count_24h", 1) for hour in (CORRECTED - 1, CORRECTED)]
    assert (of_a, of_b) == ([1.0, 0.0], [1.0, 2.0])


def test_a_withdrawn_incident_counts_until_it_is_withdrawn() -> None:
    tables = tables_of(FIRE, WITHDRAWN)
    assert [value(tables, hour, "fire_count_24h") for hour in (CORRECTED - 1, CORRECTED)] == [1.0, 0.0]
    since = [value(tables, hour, "fire_hours_since") for hour in (CORRECTED - 1, CORRECTED)]
    assert since[0] == 3.0
    assert np.isnan(since[1])


def test_hours_since_follow_a_corrected_time() -> None:
    tables = tables_of(FIRE, EARLIER)
    assert [value(tables, hour, "fire_hours_since") for hour in (CORRECTED - 1, CORRECTED)] == [3.0, 6.0]


def test_climatology_forgets_a_withdrawn_incident_and_no_sooner() -> None:
    withdrawn, kept = tables_of(FIRE, WITHDRAWN), tables_of(FIRE)
    for column in ("fire_climatology", "fire_climatology_s5", "fire_recent_rate"):
        assert value(withdrawn, CORRECTED - 1, column) == value(kept, CORRECTED - 1, column)
        assert value(withdrawn, CORRECTED, column) < value(kept, CORRECTED, column)


def test_an_attribute_changes_when_its_change_is_known() -> None:
    tables = tables_of(POPULATION, RECOUNT)
    assert [value(tables, hour, "population") for hour in (CORRECTED - 1, CORRECTED)] == [1000.0, 5000.0]


@pytest.mark.parametrize(
    ("correction", "before", "after"),
    [(MOVED, {"a": 1.0}, {"b": 1.0}), (WITHDRAWN, {"a": 1.0}, {}), (GRAVE, {"a": 1.0}, {"a": 2.0})],
)
def test_a_label_is_what_is_known_when_it_is_made(
    correction: tuple[str, str, float, float, float], before: dict[str, float], after: dict[str, float]
) -> None:
    tables = Tables(NO_READINGS, worlds.incidents_of(FIRE, correction), worlds.assets())
    spine = scoring_spine(tables, PILOT, as_of=START + timedelta(hours=9))
    for hour, truth in ((CORRECTED - 1, before), (CORRECTED, after)):
        until = START + timedelta(hours=hour)
        rule = PILOT.hazards["fire"]
        labels = build_labels(tables.incidents, spine, hazard="fire", rule=rule, observed_until=until)
        assert labels.severity.tolist() == [truth.get(asset, 0.0) for asset in spine.assets]
        assert labels.occurred.tolist() == [asset in truth for asset in spine.assets]


def test_a_label_moves_to_the_window_of_a_corrected_time() -> None:
    tables = Tables(NO_READINGS, worlds.incidents_of(FIRE, EARLIER), worlds.assets())
    spine = training_spine(
        tables, PILOT, first=START + timedelta(hours=7), last=START + timedelta(hours=9), every_hours=1
    )
    where = (spine.asset == 0).nonzero()[0]
    rule = PILOT.hazards["fire"]
    for hour, truth in ((CORRECTED - 1, [False, False, True]), (CORRECTED, [True, False, False])):
        until = START + timedelta(hours=hour)
        labels = build_labels(tables.incidents, spine, hazard="fire", rule=rule, observed_until=until)
        assert labels.occurred[where].tolist() == truth
