"""The notebooks run from top to bottom, hold no logic of their own, and use what the rooms make public."""

from __future__ import annotations

import ast
import importlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.integration.small_city import ROOT, copy_city, environment

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ROOMS = ("contracts", "ingest", "features", "models", "monitoring", "flows", "simulation", "reporting")
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def city(small_city: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = copy_city(small_city, tmp_path_factory.mktemp("notebooks") / "city")
    shutil.copytree(ROOT / "notebooks", home / "notebooks")
    return home


def trees(path: Path) -> Iterator[ast.Module]:
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            yield ast.parse(cell.source)


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """(module, name) of every import; an empty name for `import module`."""
    for tree in trees(path):
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, "") for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from ((str(node.module), alias.name) for alias in node.names)


def test_there_are_three_notebooks() -> None:
    assert [path.stem[:2] for path in NOTEBOOKS] == ["01", "02", "03"]


@each
def test_a_notebook_defines_nothing(path: Path) -> None:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    defined = [node.lineno for tree in trees(path) for node in ast.walk(tree) if isinstance(node, kinds)]
    assert not defined, "a function belongs into a room, where it is tested"


@each
def test_a_notebook_is_committed_without_outputs(path: Path) -> None:
    code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


@each
def test_a_notebook_uses_public_names_only(path: Path) -> None:
    for module, name in imported(path):
        room = module.split(".")[0]
        if room not in ROOMS:
            continue
        if room == "contracts":
            assert name
            assert not name.startswith("_")
            continue
        assert name in importlib.import_module(module).__all__, f"{module} does not make {name!r} public"


def test_a_downstream_service_imports_nothing_of_ours() -> None:
    assert not {module.split(".")[0] for module, _ in imported(NOTEBOOKS[2])} & set(ROOMS)


@pytest.mark.slow
@each
def test_a_notebook_runs_from_top_to_bottom(path: Path, city: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    place = {"metadata": {"path": str(city / "notebooks")}}
    NotebookClient(notebook, timeout=240, kernel_name="python3", resources=place).execute(
        env=environment(IPYTHONDIR=str(city / "ipython"), OMP_NUM_THREADS="1")
    )
    outputs: list[Any] = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    complaints = [output.text for output in outputs if output.output_type == "stream" and output.name == "stderr"]
    assert len(pictures) >= 2
    assert not complaints
