"""Results -> what people look at: maps, GeoJSON, the report page. Pure: frames and results in, text out."""

from reporting.combined import combined_risk
from reporting.geometry import geojson
from reporting.report import ReportInputs, SkillRow, render_report

__all__ = ["ReportInputs", "SkillRow", "combined_risk", "geojson", "render_report"]
