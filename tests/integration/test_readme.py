"""README.md says nothing that does not run. A block marked as runnable is run as it stands.

A runnable block is a fenced block of language `sh` or `bash` right after the line `<!-- runnable -->`. Blocks run in
order, each by `bash -euo pipefail`, in a clone with a small city, with this environment's programs on the PATH.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.checkout import PROJECT, environment, small_checkout

BLOCK = re.compile(r"^<!-- runnable -->\n```(?:sh|bash)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def runnable(text: str) -> list[str]:
    """The runnable blocks, in order."""
    return BLOCK.findall(text)


def test_blocks_are_found_where_they_are_marked() -> None:
    text = "```sh\nno\n```\n<!-- runnable -->\n```sh\nyes 1\nyes 2\n```\n<!-- runnable -->\n```python\nno\n```\n"
    assert runnable(text) == ["yes 1\nyes 2\n"]


def test_links_of_the_readme_lead_somewhere() -> None:
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    local = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link]
    assert [link for link in local if not (PROJECT / link).exists()] == []


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_commands_of_the_readme_run(tmp_path: Path) -> None:
    blocks = runnable((PROJECT / "README.md").read_text(encoding="utf-8"))
    if not blocks:
        return
    checkout = small_checkout(tmp_path / "foresafe", hazards=("traffic_accident", "fire_explosion"))
    venv = {"VENV": str(Path(sys.executable).parent.parent)}  # `make` finds its environment ready
    for block in blocks:
        finished = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=checkout.home,
            env=environment(venv),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert finished.returncode == 0, f"{block}\n{finished.stdout[-2000:]}\n{finished.stderr[-2000:]}"
