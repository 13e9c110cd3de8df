"""Evidently's page: it shows what moved, says what was sampled, and survives what the gates let through."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from monitoring.gates import Expected, pass_gates
from monitoring.page import interesting, render_page

pytestmark = pytest.mark.slow  # Evidently takes seconds to import and a second a page


def table(rows: int, seed: int) -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(seed).normal(size=(rows, 3)), columns=["gas", "wind", "rain"])


def test_the_page_shows_what_moved_and_says_what_was_sampled(tmp_path: Path) -> None:
    current = table(900, 1).assign(gas=lambda f: f["gas"] + 2)
    page = render_page(
        table(3000, 2),
        current,
        columns=["gas", "wind"],
        title="Ulsan <flood>",
        notes=["gas: moved"],
        sample_rows=500,
        seed=1,
    )
    assert page.metrics["wasserstein.gas"] == pytest.approx(2.0, abs=0.3)
    assert page.metrics["wasserstein.wind"] < 0.3
    assert page.metrics["missing.gas"] == 0
    assert "500 of 900 rows of the window and 500 of 3,000 reference rows, at random; 2 of 2 columns" in page.html
    assert "Ulsan &lt;flood&gt;" in page.html
    assert page.left_out == {}
    page.save(tmp_path / "new" / "report.html")
    assert (tmp_path / "new" / "report.html").stat().st_size > 100_000


def test_gated_columns_never_make_evidently_raise() -> None:
    """Empty, text, infinite and impossible columns are gone; a constant and a half-empty one are shown."""
    bad = table(300, 1)
    bad["gas"] = np.nan
    bad["wind"] = 1.0
    bad.loc[:140, "rain"] = np.nan
    expected = Expected(("gas", "wind", "rain"), np.zeros(3), np.ones(3), np.zeros(3))
    gated = pass_gates(bad.assign(extra="x"), expected, min_rows=50)
    shown = list(gated.frame.columns)
    assert shown == ["wind", "rain"]
    page = render_page(table(300, 2), gated.frame, columns=shown, title="t", notes=[], sample_rows=1000, seed=1)
    assert page.left_out == {}
    assert page.metrics["missing.rain"] == pytest.approx(0.47)


def test_a_column_that_evidently_cannot_show_is_left_out_and_said() -> None:
    current = table(100, 1).assign(gas=np.nan)
    page = render_page(table(100, 2), current, columns=["gas", "wind"], title="t", notes=[], sample_rows=100, seed=1)
    assert set(page.left_out) == {"gas"}
    assert "gas: Evidently cannot show it" in page.html
    assert "wasserstein.wind" in page.metrics


def test_nothing_to_show_is_still_a_page() -> None:
    page = render_page(table(10, 1), table(10, 2), columns=[], title="t", notes=["empty"], sample_rows=9, seed=1)
    assert "empty" in page.html


def test_what_moved_comes_first() -> None:
    assert interesting(["rain"], {"gas": 0.2, "wind": 0.7, "rain": 0.0}) == ["forecast_log_odds", "rain", "wind", "gas"]
