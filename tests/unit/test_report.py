"""The report page says what the results say, offline, in the city's time and script."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import h3
import numpy as np
import pandas as pd
import pytest

from contracts.pilot import FeatureChoice, Hazard, Metric, Pilot
from contracts.results import Decision, Estimate, Evaluation, QualityReport, ReliabilityBin, RuleCount
from reporting import Changed, ReportInputs, SkillRow, combined_risk, geojson, render_report
from tests.synthetic_risk import walk_worth

AS_OF = datetime(2027, 12, 30, 15, tzinfo=UTC)  # the 31st, 00:00 in Ulsan
CELLS = sorted(h3.grid_disk(h3.latlng_to_cell(35.53, 129.32, 7), 4))


@pytest.fixture
def inputs() -> ReportInputs:
    rng = np.random.default_rng(3)
    probability = np.sort(rng.gamma(0.6, 0.02, len(CELLS)))
    hazards = {"chemical_release": Hazard(label="Chemical release", horizon_hours=1), "flood": Hazard(label="Flood")}
    scores = pd.concat(
        pd.DataFrame(
            {
                "asset_id": CELLS,
                "hazard": hazard,
                "as_of": pd.Timestamp(AS_OF),
                "horizon_hours": 1,
                "probability": probability,
                "low": probability * 0.6,
                "high": probability * 1.6,
                "expected_count": -np.log1p(-probability),
                "expected_severity": -1.5 * np.log1p(-probability),
                "baseline": 0.01,
                "band": pd.cut(
                    probability, [-1, 0.01, 0.03, 0.06, 1], labels=["low", "elevated", "high", "extreme"]
                ).astype(str),
                "drivers": "VOC, mean of the last 6 h: 412 ppb (usual 95)\nWind speed: 0.8 m/s (usual 2.4)",
                "model": f"ulsan-{hazard}",
                "version": "3",
                "degraded": "" if hazard == "flood" else "feed process is 9 h late <script>",
            }
        )
        for hazard in hazards
    )
    places = [h3.cell_to_latlng(c) for c in CELLS]
    assets = pd.DataFrame(
        {
            "asset_id": CELLS,
            "name": [f"온산읍 {i}" for i in range(len(CELLS))],
            "district": "울주군",
            "lon": [lon for _, lon in places],
            "lat": [lat for lat, _ in places],
        }
    )
    e = Estimate(0.08, 0.05, 0.11)
    evaluation = Evaluation(
        hazard="chemical_release", part="test", rows=172800, incidents=431, base_rate=0.0025,
        scores={
            "log_loss_skill": e, "log_loss": Estimate(0.0162, 0.015, 0.0172), "ece": Estimate(0.0004, 0.0002, 0.001)
        },
        baselines={
            "climatology": {"log_loss_skill": Estimate(0.0, 0.0, 0.0)},
            "logistic": {"log_loss_skill": Estimate(0.04, 0.02, 0.06)},
            "recent_rate": {"log_loss_skill": Estimate(-0.03, -0.05, -0.01)},
        },
        reliability=(
            ReliabilityBin(0.001, 0.0009, 90000), ReliabilityBin(0.01, 0.011, 9000), ReliabilityBin(0.06, 0.048, 400)
        ),
    )  # fmt: skip
    quality = [
        QualityReport(
            pilot="ulsan", partner="plant", feed="process", batch="ab", source="process-2026-03.csv", rows=1000,
            accepted=980, duplicates=8, quarantined=12, rules=(RuleCount("limits", "VOC농도", 12, 17, "-4.2"),),
        ),
        QualityReport(
            pilot="ulsan", partner="institute", feed="river", batch="cd", source="river-2026-03.jsonl", rows=0,
            accepted=0, duplicates=0, quarantined=0, rules=(), refused="empty file",
        ),
    ]  # fmt: skip
    return ReportInputs(
        pilot=Pilot(
            name="ulsan", title="Ulsan: a safe city", timezone="Asia/Seoul", scored_kinds=("cell",), hazards=hazards,
            metrics={"voc_ppb": Metric(unit="ppb", low=0, high=5000)}, features=(FeatureChoice(kind="calendar"),),
        ),
        made_at=AS_OF,
        scores=scores,
        assets=assets,
        evaluations={"chemical_release": evaluation},
        worths={"chemical_release": walk_worth()},
        decisions={"chemical_release": Decision("promote", "ulsan-chemical_release", ("better",), AS_OF)},
        quality=quality,
        attainable={"chemical_release": SkillRow("chemical_release", 0.87, 0.0151, 0.0162, 0.0176)},
        links={"MLflow": "make up"},
    )  # fmt: skip


def test_the_page_works_offline_and_escapes_what_partners_sent(inputs: ReportInputs) -> None:
    page = render_report(inputs)
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)
    assert "<script>" not in page.replace("<script>\nfor", "")
    assert "9 h late &lt;script&gt;" in page


def test_the_page_tells_what_changed_and_what_a_new_model_recovered(inputs: ReportInputs) -> None:
    row = {
        "when": "2028-06-22",
        "model": "ulsan-chemical_release",
        "decision": "recalibrate",
        "reasons": "gas moved\nso <b>did</b>",
    }
    before = {"when": "before the change", "days": 120, "incidents": 138, "climatology": 0.0063, "true risk": 0.005}
    before |= {"new model": None, "new share": None}
    after = {**before, "when": "after it, rows that neither saw", "new model": 0.0056, "new share": 0.54}
    stretches = [{**each, "old model": 0.0059, "old share": share} for each, share in ((before, 0.68), (after, -0.21))]
    changed = Changed([row], ["released as version 2"], {"chemical_release": stretches}, "../drift.html")
    page = render_report(replace(inputs, changed=changed))
    for words in (
        "so &lt;b&gt;did",
        "released as version 2",
        "before: old model",
        "after: new model",
        "+0.540",
        "-0.210",
    ):
        assert words in page
    assert 'href="../drift.html"' in page
    assert "What changed" not in render_report(inputs)


def test_the_page_shows_local_time_korean_names_and_every_number(inputs: ReportInputs) -> None:
    page = render_report(inputs)
    assert "2027-12-31 00:00 Asia/Seoul" in page
    assert "온산읍" in page
    assert page.count("<polygon") == 2 * len(CELLS)
    assert "87 %" in page
    assert "process-2026-03.csv row 17" in page
    assert "empty file" in page


def test_the_page_shows_what_alerts_give_and_to_whom(inputs: ReportInputs) -> None:
    page, worth = render_report(inputs), inputs.worths["chemical_release"]
    assert page.count("What it is worth to those who act") == 1  # flood has no evaluation
    assert f"{worth.budget[0].caught:,} of {worth.budget[0].incidents:,}" in page
    assert "울주군" in page
    assert f"chance alone stays below {100 * worth.fairness.gap_by_chance:.0f}" in page
    assert page.count("true risk, rows weighed by it") == 1
    assert "in place of detectors" in page


def test_what_is_not_known_is_said(inputs: ReportInputs) -> None:
    worth = inputs.worths["chemical_release"]
    share = replace(worth.fairness.shares[0], recall=None)
    poor = replace(worth.fairness, shares=(share,), gap=None, gap_by_chance=None, note="too few incidents: why")
    none = replace(worth.budget[0], precision=None, lead_hours_median=None, hours_between_false_alarms=None, left_out=7)
    groups = tuple(replace(group, ratio=None) for group in worth.reliability)
    silent = replace(worth, fairness=poor, budget=(none,), reliability=groups, top_reason_stays=None)
    page = render_report(replace(inputs, worths={"chemical_release": silent}))
    assert "Gap in recall: too few incidents: why." in page
    assert "7 equal rows left out" in page
    assert page.count("too few to say") == len(groups)


def test_one_risk_over_all_hazards(inputs: ReportInputs) -> None:
    got = combined_risk(inputs.scores).set_index("asset_id")
    for place, mine in inputs.scores.groupby("asset_id"):
        assert got.loc[place, "probability"] == pytest.approx(1 - (1 - mine["probability"]).prod())
        assert got.loc[place, "expected_severity"] == pytest.approx(mine["expected_severity"].sum())
    assert got["probability"].is_monotonic_decreasing
    day = inputs.scores["hazard"] == "flood"  # the same flood risk, but over a day
    scores = inputs.scores.assign(horizon_hours=np.where(day, 24, 1))
    scores.loc[day, "expected_severity"] = np.nan
    slower = combined_risk(scores).set_index("asset_id")
    assert (slower["hours"] == 1).all()
    assert (slower["probability"] < got["probability"]).all()
    assert (slower["leading_hazard"] == "chemical_release").all()
    assert slower["expected_severity"].isna().all()
    assert "All hazards together, next 1 h" in render_report(inputs)


def test_geojson_has_a_closed_ring_a_cell_and_all_columns(inputs: ReportInputs) -> None:
    features = json.loads(geojson(inputs.scores, inputs.assets))["features"]
    assert len(features) == len(inputs.scores)
    ring = features[0]["geometry"]["coordinates"][0]
    assert ring[0] == ring[-1]
    assert {"probability", "low", "high", "band", "drivers", "name"} <= set(features[0]["properties"])


def test_an_asset_without_a_place_is_kept_without_geometry(inputs: ReportInputs) -> None:
    one = inputs.scores.head(1).assign(asset_id="line-7")
    assets = pd.DataFrame(
        {"asset_id": ["line-7"], "name": ["7호선"], "district": [None], "lon": [np.nan], "lat": [np.nan]}
    )
    assert json.loads(geojson(one, assets))["features"][0]["geometry"] is None
