"""Results -> what people look at: maps, GeoJSON, the report page. Pure: frames and results in, text out."""

from reporting.backtest import BacktestPage, render_backtest
from reporting.combined import combined_risk
from reporting.geometry import geojson
from reporting.report import Changed, ReportInputs, SkillRow, render_report

__all__ = [
    "BacktestPage",
    "Changed",
    "ReportInputs",
    "SkillRow",
    "combined_risk",
    "geojson",
    "render_backtest",
    "render_report",
]
