"""What operators read in Prefect and in the terminal, from the stages' JSON alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contracts.errors import BadSource, NotEnoughData
from contracts.results import Estimate, Evaluation, ReliabilityBin
from flows.console import cell
from flows.each import Outcome, attempt_each, read_outcomes, record_outcomes
from flows.judging import SHOWN, metrics, read_evaluation
from flows.pages import artifact_key, ingest_rows, markdown, train_rows

REPORT = {"rows": 10, "accepted": 7, "duplicates": 1, "quarantined": 2, "refused": "", "source": "a.csv"}


def test_one_refusal_does_not_stop_the_others() -> None:
    def call(name: str) -> str:
        if name == "b":
            raise BadSource("no such file", where="b.csv")
        return name.upper()

    found = attempt_each(["a", "b", "c"], call)
    assert [outcome.result for outcome in found] == ["A", None, "C"]
    assert found[1].refused == "b.csv: no such file"


def test_a_fault_of_ours_is_not_taken_for_a_refusal() -> None:
    with pytest.raises(ZeroDivisionError):
        attempt_each(["a"], lambda _: 1 / 0)


def test_outcomes_are_kept(tmp_path: Path) -> None:
    outcomes = [Outcome("a", result=[REPORT]), Outcome("b", refused="why")]
    record_outcomes(tmp_path / "ingest.json", outcomes)
    assert read_outcomes(tmp_path / "ingest.json") == outcomes


def test_a_feed_is_refused_when_one_of_its_files_is() -> None:
    broken = {**REPORT, "rows": 0, "accepted": 0, "duplicates": 0, "quarantined": 0, "refused": "empty"}
    rows = ingest_rows([Outcome("a", result=[REPORT, REPORT]), Outcome("b", result=[REPORT, broken])])
    assert rows[0] == {"feed": "a", "batches": 2, "rows": 20, "accepted": 14, "duplicates": 2, "quarantined": 4,
                       "refused": ""}  # fmt: skip
    assert rows[1]["refused"] == "a.csv: empty"


def test_a_hazard_that_was_refused_has_its_reason_in_the_table() -> None:
    refused = Outcome("flood", refused=str(NotEnoughData("0 incidents")))
    row = train_rows([refused])[0]
    assert (row["hazard"], row["version"], row["refused"]) == ("flood", None, "0 incidents")


def test_markdown_tables_survive_pipes_and_line_breaks() -> None:
    text = markdown("T", ["fact"], [{"a": "x|y", "b": "1\n2"}])
    assert "| x\\|y | 1; 2 |" in text
    assert text.startswith("# T\n\n- fact\n")


def test_prefect_takes_the_artifact_key() -> None:
    assert artifact_key("ingest", "my_pilot") == "ingest-my-pilot"


def test_cells_are_short_and_readable() -> None:
    assert [cell(1234567), cell(0.00123456), cell(True), cell(None)] == ["1,234,567", "0.001235", "yes", ""]
    assert [cell(9999.4), cell(9999.6), cell(-235800.25)] == ["9999", "10,000", "-235,800"]
    assert cell("a\nb") == "a / b"


def test_an_evaluation_survives_its_json() -> None:
    scores = {name: Estimate(0.1, 0.0, 0.2) for name in SHOWN}
    kept = Evaluation("flood", "test", 10, 2, 0.2, scores, {"climatology": scores}, (ReliabilityBin(0.1, 0.2, 5),))
    assert read_evaluation(json.loads(json.dumps(kept.as_json()))) == kept
    assert metrics(kept)["climatology"]["ece"] == 0.1
