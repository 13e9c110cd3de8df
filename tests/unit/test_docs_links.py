"""Links between the pages resolve; every `make` target and `foresafe` command that a page names exists."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)>\s]+)>?(?:\s+\"[^\"]*\")?\s*\)|(?:src|href)=\"([^\"]+)\"")
FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:^|`|\$ )\s*(make|foresafe) ([^`\n#]+)", re.MULTILINE)


def pages() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:  # no checkout: an unpacked archive
        return sorted(path for path in ROOT.rglob("*.md") if ".venv" not in path.parts)
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def links(text: str) -> list[str]:
    """Relative link targets outside code."""
    found = [first or second for first, second in LINK.findall(FENCE.sub("", text))]
    return [target for target in found if not re.match(r"[a-z][a-z0-9+.-]*:|//", target)]


def anchors(text: str) -> set[str]:
    """GitHub's anchors of a page's headings."""
    headings = re.findall(r"^#{1,6}\s+(.+?)\s*#*$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(text: str, program: str) -> set[str]:
    """What follows `make` or `foresafe` in code of a page."""
    return {rest.split()[0] for name, rest in COMMAND.findall(text) if name == program and rest.split()}


def make_targets() -> list[re.Pattern[str]]:
    named = re.findall(r"^([a-zA-Z][\w%-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return [re.compile(target.replace("%", ".+") + "$") for target in named]


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in links(text):
        path, _, anchor = target.partition("#")
        there = page.parent / path if path else page
        assert there.exists(), f"{target}: no such file"
        if anchor and there.suffix == ".md":
            assert anchor in anchors(there.read_text(encoding="utf-8")), f"{target}: no such heading"


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    for name in commands(page.read_text(encoding="utf-8"), "make"):
        if name.isupper() or not re.match(r"[\w-]+$", name):
            continue
        assert any(target.match(name) for target in make_targets()), f"make {name}"
        if match := re.match(r"bench-([a-z]\w*)$", name):
            assert (ROOT / "benchmarks" / f"{match[1]}.py").is_file(), f"make {name}"


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_foresafe_command_that_a_page_names_exists(page: Path) -> None:
    from flows.cli import app

    known = {group.name for group in app.registered_groups}
    known |= {str(found.name or getattr(found.callback, "__name__", "")) for found in app.registered_commands}
    assert commands(page.read_text(encoding="utf-8"), "foresafe") <= known | {"--help", "COMMAND"}


def test_links_and_commands_are_seen() -> None:
    text = (
        '# A b: c\n[x](a.md#b) ![y](p.png "t") [z](https://e.org)\n'
        "```\n[n](no.md)\n$ make demo\n```\n`foresafe check X`\n"
    )
    assert links(text) == ["a.md#b", "p.png"]
    assert anchors(text) == {"a-b-c"}
    assert (commands(text, "make"), commands(text, "foresafe")) == ({"demo"}, {"check"})
