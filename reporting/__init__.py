"""Results -> what people look at: maps, GeoJSON, the report page. Pure: frames and results in, text out."""

from reporting.backtest import BacktestPage, render_backtest
from reporting.geometry import geojson
from reporting.report import ReportInputs, SkillRow, render_report

__all__ = ["BacktestPage", "ReportInputs", "SkillRow", "geojson", "render_backtest", "render_report"]
