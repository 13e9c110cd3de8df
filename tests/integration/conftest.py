"""Cities that several files share, made once: a file that changes one changes a copy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.small_city import PARAMS, SHORT, make_small_city

QUICK_MONITOR = "monitor: {min_reference_days: 10, season_days: 60, min_ripe_incidents: 10}\n"
OWN_PARAMETERS = "seeds: [1]\n  per_hazard: {chemical_release: {num_leaves: 9, min_incidents: 8}}"


@pytest.fixture(scope="session")
def small_city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """250 days, and a window of monitoring that needs little."""
    return make_small_city(tmp_path_factory.mktemp("city"), params=PARAMS + QUICK_MONITOR)


@pytest.fixture(scope="session")
def short_city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """130 days, and a hazard with parameters of its own."""
    return make_small_city(tmp_path_factory.mktemp("city"), params=SHORT.replace("seeds: [1]", OWN_PARAMETERS))
