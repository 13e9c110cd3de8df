"""Real partners' data becomes a judged model from YAML alone. Whether the gate lets it pass is the data's affair."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.small_city import ROOT, foresafe

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("pilot", "folder", "hazard"),
    [("seoul", "seoul-driving", "traffic_accident"), ("ulsan-weather", "ulsan-region-weather", "landslide")],
)
def test_a_real_pilot_trains_from_yaml_alone(
    pilot: str, folder: str, hazard: str, shared_data: Path, tmp_path: Path
) -> None:
    if not (shared_data / folder).is_dir():
        pytest.skip(f"no {folder} in {shared_data}: real data is not part of the repository (set FORESAFE_DATA)")
    places = {"FORESAFE_STATE": str(tmp_path), "FORESAFE_DATA": str(shared_data)}
    for command in (["check", pilot], ["ingest", pilot, "--direct"], ["train", pilot, "--direct"]):
        done = foresafe(*command, home=ROOT, **places)
        assert done.returncode == 0, done.stderr
    evaluation = json.loads((tmp_path / "evaluations" / pilot / f"{hazard}.json").read_text())
    decision = json.loads((tmp_path / "decisions" / pilot / f"{hazard}.json").read_text())
    assert evaluation["incidents"] > 0
    assert evaluation["baselines"].keys() == {"climatology", "recent_rate", "logistic_regression"}
    assert decision["kind"] in ("promote", "refuse")
    verdict = "released" if decision["kind"] == "promote" else "not released"
    assert f"{hazard}: {verdict}" in done.stdout
    if decision["kind"] == "refuse":
        assert decision["reasons"][0] in done.stdout
