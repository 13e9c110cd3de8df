"""What `models` shows to other rooms, and what it costs to import."""

from __future__ import annotations

import subprocess
import sys

import models

PUBLIC = [
    "Contender",
    "Fitted",
    "Fold",
    "Judged",
    "Parts",
    "RiskModel",
    "Trial",
    "decide_promotion",
    "evaluate",
    "fit_risk_model",
    "model_card",
    "paired_difference",
    "score",
    "split_parts",
    "temporal_folds",
    "trial_on_test",
]


def test_exported_names() -> None:
    assert models.__all__ == PUBLIC
    for name in PUBLIC:
        assert getattr(models, name).__name__ == name
    assert sorted(models._HOME) == PUBLIC


def test_import_is_cheap_and_mlflow_stays_in_the_registry() -> None:
    script = """
import sys
import models
assert not {"lightgbm", "pandas", "numpy", "mlflow"} & sys.modules.keys()
for name in models.__all__:
    getattr(models, name)
import models.plots
assert not {"mlflow", "matplotlib.pyplot"} & sys.modules.keys()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
