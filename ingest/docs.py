"""Data Docs that open without a network: GX's pages link to style sheets and scripts elsewhere; these are taken out."""

from __future__ import annotations

import re
from pathlib import Path

_ELSEWHERE = re.compile(
    r"<script[^>]*src=\"https?://[^>]*>\s*</script>|<link[^>]*href=\"https?://[^>]*>|<img[^>]*src=\"https?://[^>]*>",
    re.IGNORECASE,
)
_STYLE = """<style id="foresafe-offline">
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:1100px;padding:1rem;color:#222}
table{border-collapse:collapse;width:100%;margin:.5rem 0}td,th{border:1px solid #ddd;padding:.35rem .5rem;text-align:left}
.modal,.fa,.btn-close,footer{display:none}.badge{background:#eee;border-radius:4px;padding:0 .4em}
a{color:#0645ad}.fa-times,.text-danger{color:#b00020}.text-success{color:#1b7f3b}.nav,.breadcrumb{list-style:none;padding:0}
</style></head>"""


def make_offline(folder: Path) -> None:
    """Take every link to another host's scripts and styles out of the pages in `folder`, and put a plain style in."""
    for page in folder.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        if "foresafe-offline" not in text:
            page.write_text(_ELSEWHERE.sub("", text).replace("</head>", _STYLE, 1), encoding="utf-8")
