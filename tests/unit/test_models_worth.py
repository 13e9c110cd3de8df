"""Fair shares and reliability by group against plain counting; the whole as JSON and back."""

from __future__ import annotations

import json

import numpy as np
import pytest

from contracts.params import EvaluateParams
from contracts.worth import read_worth
from models.blocks import draw_blocks
from models.evaluation import reliability_bins
from models.fairness import MIN_INCIDENTS, fair_shares, gap_by_chance
from models.grouped import poisson_mean_deviation, reliability_by_group
from models.split import HOUR
from models.where import Where
from models.worth import SEASONS, season_of
from tests.synthetic_risk import walk, walk_worth

NAMES = ("east", "west", "tiny")
RANDOM = np.random.default_rng(8)
PLACES, HOURS = 8, 24 * 60
ASSET = np.tile(np.arange(PLACES), HOURS)
AS_OF = np.datetime64("2026-01-15", "us") + np.repeat(np.arange(HOURS), PLACES) * HOUR
GROUP = np.array([0, 0, 0, 1, 1, 1, 1, 2])[ASSET]
RISK = np.where(GROUP == 2, 1e-4, RANDOM.beta(0.5, 12, len(ASSET)))
BLOCKS = draw_blocks(AS_OF, EvaluateParams(block_days=5, replicates=200))


def shares(score: np.ndarray, occurred: np.ndarray):  # type: ignore[no-untyped-def]
    return fair_shares(score, occurred, threshold=0.15, asset=ASSET, group=GROUP, names=NAMES, blocks=BLOCKS)


def test_recall_and_burden_are_what_one_would_count() -> None:
    occurred = RANDOM.random(len(RISK)) < RISK
    found = {share.group: share for share in shares(RISK, occurred).shares}
    for group, name in enumerate(NAMES[:2]):
        mine = group == GROUP
        alert = RISK[mine] >= 0.15
        assert found[name].incidents == occurred[mine].sum()
        assert found[name].alerts == alert.sum()
        assert found[name].recall.value == pytest.approx((alert & occurred[mine]).sum() / occurred[mine].sum())
        monthly = (alert & ~occurred[mine]).sum() / found[name].places / 60 * 30
        assert found[name].false_alarms_per_place_month.value == pytest.approx(monthly)
        assert found[name].recall.low < found[name].recall.value < found[name].recall.high


def test_too_few_incidents_give_no_recall_and_say_so() -> None:
    occurred = RANDOM.random(len(RISK)) < RISK
    result = shares(RISK, occurred)
    tiny = result.shares[2]
    assert tiny.incidents < MIN_INCIDENTS
    assert tiny.recall is None
    assert "1 districts have too few incidents" in result.note
    alone = shares(RISK, occurred & (GROUP == 0))
    assert alone.gap is None
    assert alone.note.startswith("too few incidents")


def test_an_unfair_model_is_seen_and_a_fair_one_is_not() -> None:
    occurred = RANDOM.random(len(RISK)) < RISK
    fair = shares(RISK, occurred)
    assert fair.gap.value < fair.gap_by_chance
    unfair = shares(np.where(GROUP == 1, RISK / 3, RISK), occurred)
    assert unfair.gap.value > unfair.gap_by_chance
    assert unfair.gap.low > 0
    assert (unfair.best, unfair.worst) == ("east", "west")
    assert unfair.note.startswith("more than chance")


def test_none_caught_is_not_certainty() -> None:
    occurred = RANDOM.random(len(RISK)) < RISK
    blind = shares(np.where(GROUP == 0, 0.01, 0.5), occurred)
    east, west = (share.recall for share in blind.shares[:2])
    incidents = blind.shares[0].incidents
    assert (east.value, east.low) == (0, 0)
    assert (1 - east.high) ** incidents == pytest.approx(0.025)
    assert (west.value, west.high) == (1, 1)
    assert west.low < 1


def test_the_gap_by_chance_grows_as_incidents_become_few() -> None:
    recall = np.array([0.3, 0.3, 0.3])
    assert gap_by_chance(recall, np.full(3, 20.0)) > 2 * gap_by_chance(recall, np.full(3, 400.0))


def test_reliability_by_group_is_that_of_the_group_alone() -> None:
    occurred = RANDOM.random(len(RISK)) < RISK
    score = np.where(GROUP == 1, np.clip(2 * RISK, 0, 0.99), RISK).clip(1e-6)
    found = reliability_by_group(score, occurred, kind="district", group=GROUP, names=NAMES, blocks=BLOCKS, bins=10)
    for group, got in enumerate(found):
        bins = reliability_bins(score[group == GROUP], occurred[group == GROUP], 10)
        assert got.ece == pytest.approx(sum(b.rows * abs(b.predicted - b.observed) for b in bins) / got.rows)
        assert got.predicted == pytest.approx(score[group == GROUP].mean())
    east, west, tiny = found
    assert east.ratio.low < 1 < east.ratio.high
    assert west.ratio.high < 0.8
    assert west.ece > 3 * west.ece_by_chance
    assert east.ece < 2 * east.ece_by_chance
    assert tiny.ratio is None


def test_a_group_of_few_weeks_has_no_interval() -> None:
    first = ((AS_OF - AS_OF[0]) < np.timedelta64(15, "D")).astype(np.int64)  # 3 blocks of 5 days
    occurred = RANDOM.random(len(RISK)) < RISK
    found = reliability_by_group(
        RISK, occurred, kind="season", group=first, names=("later", "first"), blocks=BLOCKS, bins=5
    )
    assert found[0].ratio is not None
    assert found[1].incidents > MIN_INCIDENTS
    assert found[1].ratio is None


def test_the_mean_deviation_of_a_count_is_the_summed_one() -> None:
    from scipy.stats import poisson

    for mean in (0.02, 0.9, 1.0, 4.5, 60.0):
        k = np.arange(400)
        assert poisson_mean_deviation(np.array([mean]))[0] == pytest.approx(
            (np.abs(k - mean) * poisson(mean).pmf(k)).sum()
        )


def test_seasons_follow_the_local_calendar() -> None:
    at = np.array(["2026-02-28T14:59", "2026-02-28T15:00", "2026-12-01T00:00"], dtype="datetime64[us]")
    assert [SEASONS[s] for s in season_of(at, "Asia/Seoul")] == [SEASONS[0], SEASONS[1], SEASONS[0]]


def test_a_place_without_a_district_is_not_lost() -> None:
    where = Where.of(np.array([0, 1, 1]), ["", "남구"])
    assert [where.names[d] for d in where.district] == ["no district", "남구", "남구"]


def test_the_whole_is_plain_json_and_comes_back() -> None:
    found = walk_worth()
    assert read_worth(json.loads(json.dumps(found.as_json(), allow_nan=False))) == found
    assert [c.of for c in found.coverage] == [
        "incidents of a district and week", "true risk, all rows alike", "true risk, rows weighed by it",
    ]  # fmt: skip


def test_the_released_threshold_is_the_bands() -> None:
    assert walk_worth().budget[0].threshold == walk().fitted.model.bands.high == walk_worth().fairness.threshold
