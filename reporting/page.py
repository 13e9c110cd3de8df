"""How a page is made from its template: strict about names, escaped."""

from __future__ import annotations

from pathlib import Path

import jinja2

from reporting import charts


def environment() -> jinja2.Environment:
    """The templates of this room; `percent` shows a probability as people read it."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["percent"] = charts.percent
    return made
