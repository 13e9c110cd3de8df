"""Where everything is, from the folder one stands in and four variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.errors import NotFound
from flows.settings import child_environment, load_settings


@pytest.fixture
def project(tmp_path: Path) -> Path:
    home = tmp_path / "project"
    (home / "pilots" / "ulsan").mkdir(parents=True)
    (home / "params.yaml").touch()
    return home


def test_the_project_is_found_from_a_folder_below_it(project: Path) -> None:
    settings = load_settings(project / "pilots" / "ulsan", {})
    assert settings.home == project
    assert settings.state == project / "var"
    assert settings.shared == project.parent / "shared" / "data"
    assert settings.mlflow_uri == f"sqlite:///{project}/var/mlflow/mlflow.db"
    assert settings.prefect_url is None


def test_variables_override(project: Path) -> None:
    given = {
        "FORESAFE_STATE": "/elsewhere",
        "FORESAFE_DATA": "data",
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:5000",
        "PREFECT_API_URL": "http://127.0.0.1:4200/api",
    }
    settings = load_settings(project, given)
    assert settings.roots == {"state": Path("/elsewhere"), "shared": project / "data"}
    assert (settings.mlflow_uri, settings.prefect_url) == (given["MLFLOW_TRACKING_URI"], given["PREFECT_API_URL"])


def test_outside_a_project_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="change into the project's folder"):
        load_settings(tmp_path, {})


def test_servers_do_not_inherit_the_users_prefect_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_PROFILE", "cloud")
    child = child_environment({"PREFECT_HOME": "here"})
    assert "PREFECT_PROFILE" not in child
    assert child["PREFECT_HOME"] == "here"
    assert "PATH" in child
