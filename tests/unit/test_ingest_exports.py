"""What other rooms may rely on, and what importing it must not cost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import ingest


def test_the_public_names() -> None:
    assert sorted(ingest.__all__) == [
        "Finding",
        "Store",
        "check_pilot",
        "ingest_feed",
        "outstanding",
        "replay_feed",
    ]


def test_importing_ingest_does_not_import_great_expectations() -> None:
    code = "import sys, ingest; sys.exit('great_expectations' in sys.modules or 'pint' in sys.modules)"
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
