from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from contracts.errors import BadSource, BadTable
from contracts.tables import SCORES
from models.pyfunc import Released
from models.risk_model import RiskModel, score
from tests.synthetic_risk import HAZARD, walk


def shown() -> pd.DataFrame:
    town = walk().city
    return score(walk().fitted.model, town.features.take(walk().parts.test[:60]), name="ulsan-x", version="3")


def test_scores_conform_to_their_table() -> None:
    frame = shown()
    conformed = SCORES.conform(pl.from_pandas(frame))
    assert conformed.columns == frame.columns.tolist()
    assert ((frame["low"] <= frame["probability"]) & (frame["probability"] <= frame["high"])).all()
    assert frame["drivers"].str.len().gt(0).all()
    assert set(frame["band"]) <= {"low", "elevated", "high", "extreme"}
    assert frame["degraded"].eq("").all()


def test_bulk_and_single_rows_score_the_same() -> None:
    features, model = walk().city.features.take(walk().parts.test[:30]), walk().fitted.model
    singles = [score(model, features.take(np.array([i])), name="ulsan-x", version="3") for i in range(30)]
    pd.testing.assert_frame_equal(
        pd.concat(singles, ignore_index=True), score(model, features, name="ulsan-x", version="3")
    )


def test_reasons_are_given_for_the_highest_risks_only_when_asked() -> None:
    features = walk().city.features.take(walk().parts.test[:60])
    frame = score(walk().fitted.model, features, name="x", version="1", explained_rows=5, degraded="no weather feed")
    explained = frame["drivers"].ne("")
    assert explained.sum() == 5
    assert frame.loc[explained, "probability"].min() >= frame.loc[~explained, "probability"].max()
    assert frame["degraded"].eq("no weather feed").all()


def test_expected_count_and_severity_are_those_of_the_outcomes() -> None:
    """Summed over the test part, within what chance allows; the synthetic incidents have severity 1 each."""
    labels, parts, model = walk().city.labels, walk().parts, walk().fitted.model
    assert model.mean_severity == labels.severity[parts.train].sum() / labels.count[parts.train].sum() == 1.0
    frame = score(model, walk().city.features.take(parts.test), name="x", version="1", explained_rows=0)
    observed = labels.count[parts.test].sum()
    assert observed > labels.occurred[parts.test].sum()
    assert abs(frame["expected_count"].sum() - observed) < 3 * np.sqrt(observed)
    np.testing.assert_allclose(1 - np.exp(-frame["expected_count"]), frame["probability"])


def test_no_row_gives_an_empty_table() -> None:
    features = walk().city.features.take(np.array([], dtype=np.int64))
    frame = score(walk().fitted.model, features, name="x", version="1")
    assert SCORES.conform(pl.from_pandas(frame)).height == 0


def test_a_saved_model_is_the_same_model(tmp_path: Path) -> None:
    model, features = walk().fitted.model, walk().city.features.take(walk().parts.test[:60])
    model.save(tmp_path / "m")
    back = RiskModel.load(tmp_path / "m")
    assert back == model
    pd.testing.assert_frame_equal(score(back, features, name="ulsan-x", version="3"), shown())
    first = {p.name: p.read_bytes() for p in (tmp_path / "m").iterdir()}
    back.save(tmp_path / "m")
    assert {p.name: p.read_bytes() for p in (tmp_path / "m").iterdir()} == first
    assert {Path(name).suffix for name in first} == {".txt", ".json"}


def test_the_travelling_code_gives_the_same_numbers(tmp_path: Path) -> None:
    features = walk().city.features.take(walk().parts.test[:60])
    released = Released.from_folder(walk().fitted.model.save(tmp_path / "m"))
    frame = pd.DataFrame(features.values, columns=list(features.names))
    got = released.score(frame[list(reversed(frame.columns))])
    for column in ("probability", "low", "high", "band", "expected_count", "expected_severity"):
        assert got[column].tolist() == shown()[column].tolist()
    with pytest.raises(ValueError, match="'hour'"):
        released.score(frame.drop(columns="hour"))
    with pytest.raises(ValueError, match="infinite"):
        released.score(frame.assign(hour=np.inf))


@pytest.mark.parametrize("name", ["booster-1.txt", "model.json", "usual.json"])
def test_a_changed_file_is_never_parsed(tmp_path: Path, name: str) -> None:
    folder = walk().fitted.model.save(tmp_path / "m")
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(bytes(content))
    with pytest.raises(BadSource, match=f"{name} is not the file that was released"):
        RiskModel.load(folder)


def test_a_half_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match=r"no manifest\.json"):
        RiskModel.load(tmp_path)
    folder = walk().fitted.model.save(tmp_path / "m")
    (folder / "usual.json").unlink()
    with pytest.raises(BadSource, match=r"usual\.json is missing"):
        RiskModel.load(folder)


def test_a_manifest_cannot_point_outside_its_folder(tmp_path: Path) -> None:
    folder = walk().fitted.model.save(tmp_path / "m")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["../secret"] = "0" * 64
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "secret").write_text("x")
    with pytest.raises(BadSource, match=r"\.\./secret is missing"):
        RiskModel.load(folder)


def test_other_features_are_refused() -> None:
    features, model = walk().city.features, walk().fitted.model
    fewer = replace(features, values=features.values[:5, :-1], infos=features.infos[:-1], spec_hash="ab" * 32)
    with pytest.raises(BadTable, match=r"feature noise_2 is missing; .*5f5f5f5f5f5f; these are abababababab"):
        model.predict(fewer)
    longer_window = replace(features.infos[2], window_hours=24)
    with pytest.raises(BadTable, match="feature voc_ppb_mean_6h means something else now"):
        model.predict(replace(features, infos=(*features.infos[:2], longer_window, *features.infos[3:])))


def test_an_old_model_scores_features_that_were_added_or_moved() -> None:
    """Else a champion could never be compared with a challenger that knows more."""
    features, model = walk().city.features.take(walk().parts.test[:60]), walk().fitted.model
    added = replace(features.infos[0], name="new_one")
    infos = (added, *reversed(features.infos))
    values = np.column_stack([np.full(60, 7.0, dtype=np.float32), features.values[:, ::-1]])
    more = replace(features, values=values, infos=infos, spec_hash="ab" * 32)
    pd.testing.assert_frame_equal(score(model, more, name="ulsan-x", version="3"), shown())


def test_the_model_beats_its_baselines_and_nears_the_truth() -> None:
    from contracts.params import EvaluateParams
    from models.evaluation import evaluate

    trial = walk().trial
    truth = walk().city.truth[walk().parts.test]
    got = evaluate(
        trial.probability, trial.judged, baselines={**trial.baselines, "truth": truth}, params=EvaluateParams()
    )
    skill = {name: scores["log_loss_skill"].value for name, scores in got.baselines.items()}
    attained = (got.scores["log_loss_skill"].value - skill["climatology"]) / (skill["truth"] - skill["climatology"])
    assert attained > 0.75
    assert got.scores["ece"].value < 0.01
    assert set(trial.baselines) == {"climatology", "recent_rate", "logistic_regression"}
    assert walk().fitted.model.hazard == HAZARD
    assert walk().fitted.model.provenance["fitted_until"] <= "2026-04-21T00:00:00+00:00"


def test_a_missing_baseline_column_is_named() -> None:
    from models.baselines import climatology

    with pytest.raises(BadTable, match="no feature 'flood_climatology'"):
        climatology(walk().city.features, "flood", np.arange(3), base_rate=0.1)
