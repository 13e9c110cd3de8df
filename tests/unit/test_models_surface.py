"""What `models` shows to other rooms, and what it costs to import."""

from __future__ import annotations

import subprocess
import sys

import models

PUBLIC = {
    "models.card": {"model_card"},
    "models.evaluation": {"Judged", "evaluate", "paired_difference"},
    "models.fit": {"Fitted", "Trial", "fit_risk_model", "trial_on_test"},
    "models.folds": {"FoldResult", "judge_folds"},
    "models.promote": {"Contender", "Surroundings", "decide_promotion"},
    "models.risk_model": {"RiskModel", "score"},
    "models.split": {"Fold", "Parts", "split_parts", "temporal_folds"},
}


def test_exported_names() -> None:
    assert set(models.__all__) == set().union(*PUBLIC.values())
    for module, names in PUBLIC.items():
        for name in names:
            assert getattr(models, name).__module__ == module


def test_moving_an_alias_does_not_wait_for_lightgbm() -> None:
    """A rollback has five seconds, and LightGBM is imported by the process in which the model must load."""
    script = "import sys, models.registry.rollback; assert not {'lightgbm', 'sklearn'} & sys.modules.keys()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


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
