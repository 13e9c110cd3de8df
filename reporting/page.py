"""A template of this room, ready to be filled: strict about names, and everything filled in is escaped."""

from __future__ import annotations

from pathlib import Path

import jinja2

from reporting import charts


def template(name: str) -> jinja2.Template:
    """`name` lies in `templates/`. Filters: `percent` and `hours` show numbers as people read them."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": charts.percent, "hours": charts.hours}
    return environment.get_template(name)
