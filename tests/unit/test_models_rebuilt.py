"""What is said of two model folders that should be the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

from models.rebuilt import compare_models


def folder(path: Path, **files: str) -> Path:
    path.mkdir()
    for name, text in files.items():
        (path / name.replace("_", ".")).write_text(text)
    return path


def test_each_file_says_what_differs_first(tmp_path: Path) -> None:
    registered = folder(
        tmp_path / "a",
        model_json=json.dumps({"bands": {"high": 0.1}, "rate": 1.0, "features": [{"name": "x"}]}),
        booster_txt="tree\nleaf_value=0.5\n",
        manifest_json="{}",
        usual_json="[1]",
        old_txt="",
    )
    rebuilt = folder(
        tmp_path / "b",
        model_json=json.dumps({"bands": {"high": 0.1}, "rate": 1.0, "features": [{"name": "y"}]}),
        booster_txt="tree\nleaf_value=0.6\n",
        manifest_json="{}",
        usual_json="[1 ]",
    )
    found = {one.file: one.difference for one in compare_models(registered, rebuilt)}
    assert found == {
        "booster.txt": "line 2: registered leaf_value=0.5, rebuilt leaf_value=0.6",
        "model.json": 'features[0].name: registered "x", rebuilt "y"',
        "old.txt": "the rebuilt model has no such file",
        "usual.json": "the same values, written otherwise",
        "manifest.json": "",
    }
    assert list(found)[-1] == "manifest.json"
