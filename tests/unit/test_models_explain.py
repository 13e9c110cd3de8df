from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from models.explain import (
    UsualValues,
    contributions,
    driver_words,
    drivers,
    hour_of_day,
    readable,
    reasons,
    setting_of,
    usual_values,
)
from models.pyfunc import raw_scores
from tests.synthetic_risk import INFOS, walk

VOC = INFOS[2]


def test_a_reason_reads_like_one() -> None:
    assert (
        driver_words(VOC, value=412.3, usual=95.1, contribution=0.8)
        == "VOC, mean of the last 6 h: 412 ppb (usual 95.1)"
    )
    assert driver_words(VOC, value=12.0, usual=95.0, contribution=-0.8).endswith("(usual 95), lowers the risk")
    assert driver_words(VOC, value=np.nan, usual=95.0, contribution=0.1) == (
        "VOC, mean of the last 6 h: not known (usual 95)"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (412.34, "412"),
        (95.0, "95"),
        (0.012345, "0.0123"),
        (-3.14159, "-3.14"),
        (2e7, "2.00e+07"),
        (9999.6, "10000"),
    ],
)
def test_numbers_are_readable(value: float, text: str) -> None:
    assert readable(value) == text


def test_contributions_add_up_to_the_score() -> None:
    model, features = walk().fitted.model, walk().city.features
    values = features.values[:50]
    moved = contributions(model.parsed, values)
    expected = np.mean([b.predict(values, pred_contrib=True)[:, -1] for b in model.parsed], axis=0)
    np.testing.assert_allclose(moved.sum(axis=1) + expected, raw_scores(model.parsed, values).mean(axis=0), rtol=1e-6)


def test_the_cause_in_the_law_is_the_first_reason() -> None:
    """A row whose gas is far above usual, and nothing else is: the gas must be named first."""
    model, features = walk().fitted.model, walk().city.features
    row = features.take(np.array([0]))
    values = row.values.copy()
    values[0, 2] = 230.0
    values[0, 3] = 1.5
    (text,) = drivers(model.parsed, replace(row, values=values), model.usual)
    assert "VOC, mean of the last 6 h: 230 ppb (usual" in text
    assert "lowers" not in next(line for line in text.splitlines() if line.startswith("VOC"))
    assert 1 <= len(text.splitlines()) <= 3


def test_where_and_when_are_one_reason() -> None:
    """Nobody can read a longitude: what such columns add together is said once, as odds, and nothing of it is lost."""
    model, features = walk().fitted.model, walk().city.features
    kinds = ("climatology", "climatology", "trailing", "trailing", "calendar", "place", "trailing", "trailing")
    infos = tuple(replace(info, kind=kind) for info, kind in zip(INFOS, kinds, strict=True))
    shown = replace(features.take(np.arange(40)), infos=infos)
    setting = setting_of(infos)
    assert list(setting) == [0, 1, 4, 5]
    each, folded = contributions(model.parsed, shown.values), reasons(model.parsed, shown.values, setting)
    np.testing.assert_allclose(folded[:, 0], each[:, setting].sum(axis=1), rtol=1e-12)
    assert not folded[:, [1, 4, 5]].any()
    np.testing.assert_array_equal(folded[:, [2, 3, 6, 7]], each[:, [2, 3, 6, 7]])
    said = [line for text in drivers(model.parsed, shown, model.usual) for line in text.splitlines()]
    odds = readable(float(np.exp(folded[np.abs(folded[:, 0]).argmax(), 0])))
    assert f"this place at this time of the week and year: {odds} times the average odds" in said
    assert not any("usual for this place and hour" in line or "hour of the day" in line for line in said)


def test_usual_values_are_medians_of_the_same_place_and_hour() -> None:
    features = walk().city.features
    rows = np.arange(30 * 24 * 20, dtype=np.int64)
    usual = usual_values(features, rows, importance=np.arange(8.0))
    at = (features.spine.asset[rows] == 3) & (hour_of_day(features.spine.as_of[rows]) == 7)
    expected = np.nanmedian(features.values[rows][at, 2])
    assert usual.at(VOC.name, "cell-03", 7) == pytest.approx(expected, rel=1e-3)
    assert usual.at(VOC.name, "a new place", 7) == usual.overall[VOC.name][1]
    back = UsualValues.from_json(json.loads(json.dumps(usual.to_json(), allow_nan=False)))
    assert back == usual


def test_no_row_has_no_reasons() -> None:
    model, features = walk().fitted.model, walk().city.features
    assert drivers(model.parsed, features.take(np.array([], dtype=np.int64)), model.usual) == []
