"""What one stage saves, the next one gets back exactly; a killed stage leaves the old one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from contracts.errors import BadSource, NotFound
from contracts.results import FeatureInfo, Features, Labels, Spine
from flows.artefacts import TrainingSet, load_training_set, replaced, save_training_set
from flows.documents import read_json, write_json


def training_set() -> TrainingSet:
    hours = np.array(["2025-01-01T00", "2025-01-01T01", "2025-01-01T01"], dtype="datetime64[us]")
    spine = Spine(assets=("가", "b"), asset=np.array([0, 0, 1]), as_of=hours)
    infos = (
        FeatureInfo("voc_ppb_mean_6h", "trailing", "VOC, mean of the last 6 h", "ppb", "known", window_hours=6),
        FeatureInfo("hour", "calendar", "hour of the day", "h", "the clock"),
    )
    values = np.array([[1.5, 0], [np.nan, 1], [3, 1]], dtype=np.float32)
    labels = Labels(
        hazard="flood",
        horizon_hours=3,
        rows=np.array([0, 2]),
        occurred=np.array([False, True]),
        count=np.array([0, 2]),
        severity=np.array([0.0, 2.5]),
    )
    return TrainingSet(
        features=Features(spine, values, infos, "abc"),
        labels={"flood": labels},
        districts=("남구", ""),
        observed_until=datetime(2025, 2, 1, tzinfo=UTC),
        store={"readings": 4},
    )


def test_a_training_set_survives_the_disk(tmp_path: Path) -> None:
    saved = training_set()
    save_training_set(saved, tmp_path / "ulsan")
    loaded = load_training_set(tmp_path / "ulsan", ("flood",))
    assert loaded.features.spine.frame().equals(saved.features.spine.frame())
    np.testing.assert_array_equal(loaded.features.values, saved.features.values)
    assert loaded.features.infos == saved.features.infos
    assert loaded.features.spec_hash == "abc"
    assert (loaded.observed_until, loaded.store) == (saved.observed_until, saved.store)
    assert loaded.districts == ("남구", "")
    for name in ("rows", "occurred", "count", "severity"):
        kept, given = getattr(loaded.labels["flood"], name), getattr(saved.labels["flood"], name)
        np.testing.assert_array_equal(kept, given)
        assert kept.dtype == given.dtype


def test_a_missing_training_set_names_the_stage_to_run(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="run the features stage first"):
        load_training_set(tmp_path / "ulsan", ())
    save_training_set(training_set(), tmp_path / "ulsan")
    with pytest.raises(NotFound, match="no labels of 'fire'"):
        load_training_set(tmp_path / "ulsan", ("fire",))


def test_features_of_an_older_platform_are_refused_in_words(tmp_path: Path) -> None:
    save_training_set(training_set(), tmp_path / "ulsan")
    header = json.loads((tmp_path / "ulsan" / "features.json").read_text(encoding="utf-8"))
    del header["districts"]
    write_json(tmp_path / "ulsan" / "features.json", header)
    with pytest.raises(BadSource, match="build them anew"):
        load_training_set(tmp_path / "ulsan", ())


def test_a_killed_stage_leaves_the_old_folder_whole(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with replaced(folder) as draft:
        write_json(draft / "a.json", {"n": 1})

    def killed() -> None:
        with replaced(folder) as draft:
            write_json(draft / "a.json", {"n": 2})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed()
    assert read_json(folder / "a.json", made_by="test") == {"n": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_json_keeps_korean_and_instants_readable(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"도시": "울산", "at": datetime(2025, 1, 1, tzinfo=UTC)})
    assert "울산" in (tmp_path / "a.json").read_text(encoding="utf-8")
    assert read_json(tmp_path / "a.json", made_by="test")["at"] == "2025-01-01T00:00:00+00:00"
