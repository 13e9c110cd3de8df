"""Serves the reports, Data Docs and monitoring pages to browsers on this machine. Standard library only:

    python -m flows.site STATE PORT

Only what is meant to be looked at is served: not the stores, models and databases that lie beside it.
"""

from __future__ import annotations

import sys
from functools import partial
from html import escape
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

SHOWN = {
    "report": "Reports",
    "docs": "Data Docs",
    "monitor": "Monitoring",
    "backtest": "Backtests",
    "scores": "Forecasts",
    "plots": "Plots",
}
LISTED = (".html", ".csv", ".geojson", ".png")


class Pages(SimpleHTTPRequestHandler):
    """GET and HEAD below the folders of SHOWN, `/` with links to all pages, `/health`."""

    def send_head(self):  # type: ignore[no-untyped-def]  # what the base class returns has no public name
        where = unquote(urlsplit(self.path).path)
        if where in ("/", "/health"):
            return self._text(index(Path(self.directory)) if where == "/" else "ok")
        if where.strip("/").split("/")[0] not in SHOWN or ".." in where.split("/"):
            return self.send_error(HTTPStatus.NOT_FOUND)
        return super().send_head()

    def _text(self, text: str):  # type: ignore[no-untyped-def]
        from io import BytesIO

        body = text.encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return BytesIO(body)

    def log_message(self, *_: object) -> None:
        """Nobody reads a log of who looked at which page."""


def index(state: Path) -> str:
    """The page of links: for each kind of page and each pilot, what there is now."""
    parts = ["<!doctype html><meta charset=utf-8><title>Foresafe</title><h1>Foresafe</h1>"]
    for folder, words in SHOWN.items():
        links = "".join(f'<li><a href="/{quote(page)}">{escape(page)}</a></li>' for page in pages(state, folder))
        parts.append(f"<h2>{words}</h2><ul>{links or '<li>none yet</li>'}</ul>")
    return "\n".join(parts)


def pages(state: Path, folder: str) -> list[str]:
    """What to link to, relative to the state folder. Of Data Docs their front page only, which links to the others."""
    found = (path for path in sorted((state / folder).rglob("*")) if path.suffix in LISTED)
    names = [path.relative_to(state).as_posix() for path in found]
    fronts = [name for name in names if name.endswith("index.html")]
    return [name for name in fronts if name.count("/") == min(map(_depth, fronts))] if folder == "docs" else names


def _depth(name: str) -> int:
    return name.count("/")


if __name__ == "__main__":
    handler = partial(Pages, directory=sys.argv[1])
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), handler).serve_forever()
