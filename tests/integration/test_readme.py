"""README.md says nothing that does not run. What is marked as runnable runs in test_conductors.py.

A runnable block is a fenced block of language `sh` or `bash` right after the line `<!-- runnable -->`; each of its
lines is a command.
"""

from __future__ import annotations

import re

from tests.integration.checkout import PROJECT

BLOCK = re.compile(r"^<!-- runnable -->\n```(?:sh|bash)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def runnable(text: str) -> list[list[str]]:
    """The commands of each runnable block, without their comments, in order."""
    blocks = [block.splitlines() for block in BLOCK.findall(text)]
    return [[command for line in block if (command := line.partition("#")[0].strip())] for block in blocks]


def runnable_of_the_readme() -> list[list[str]]:
    return runnable((PROJECT / "README.md").read_text(encoding="utf-8"))


def test_commands_are_found_where_they_are_marked() -> None:
    text = "```sh\nno\n```\n<!-- runnable -->\n```sh\nyes 1  # why\n# no\nyes 2\n```\n"
    text += "<!-- runnable -->\n```python\nno\n```\n"
    assert runnable(text) == [["yes 1", "yes 2"]]


def test_links_of_the_readme_lead_somewhere() -> None:
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    local = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link]
    assert [link for link in local if not (PROJECT / link).exists()] == []
