"""What `monitoring` shows to other rooms, and what it costs to import."""

from __future__ import annotations

import subprocess
import sys

import monitoring


def test_every_public_name_is_there() -> None:
    assert sorted(monitoring.__all__) == monitoring.__all__
    for name in monitoring.__all__:
        assert getattr(monitoring, name).__name__ == name


def test_import_is_cheap_and_evidently_waits_for_its_page() -> None:
    script = """
import sys
import monitoring
assert not {"numpy", "pandas", "polars", "evidently"} & sys.modules.keys()
for name in monitoring.__all__:
    getattr(monitoring, name)
assert not {"evidently", "mlflow", "prefect", "lightgbm"} & sys.modules.keys()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
