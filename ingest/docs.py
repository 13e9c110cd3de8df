"""Data Docs that open without a network: GX's pages link to style sheets and scripts elsewhere; these are taken out."""

from __future__ import annotations

import re
from pathlib import Path

_ELSEWHERE = re.compile(
    r'<script[^>]*src="https?://[^>]*>\s*</script>'
    r'|<link[^>]*href="https?://[^>]*>'
    r'|<img[^>]*src="https?://[^>]*>',
    re.IGNORECASE,
)
# GX's index is a table drawn by bootstrap-table: these few lines draw the same rows without it.
_HEAD = """<style id="foresafe-offline">
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:1100px;padding:1rem;color:#222}
table{border-collapse:collapse;width:100%;margin:.5rem 0}
td,th{border:1px solid #ddd;padding:.35rem .5rem;text-align:left}
.modal,.btn-close,.cooltip .top,footer,[id$=toolbar]{display:none}.badge{background:#eee;border-radius:4px}
.text-danger::before{content:"\\2717 ";color:#b00020}.text-success::before{content:"\\2713 ";color:#1b7f3b}
a{color:#0645ad}.nav,.breadcrumb{list-style:none;padding:0}
</style>
<script>
const chain = found => new Proxy(() => {}, {get: (_, name) => name === "bootstrapTable" ? o => draw(found, o)
  : () => chain(found), apply: () => chain(found)});
function draw(table, options) {
  if (!table || !options.columns) return;
  const names = options.columns.map(c => c.field);
  const link = r => r._table_row_link_path ? `<a href="${r._table_row_link_path}">open</a>` : "";
  const cells = r => names.map(n => `<td>${r[n] ?? ""}</td>`).join("") + `<td>${link(r)}</td>`;
  const head = options.columns.map(c => `<th>${c.title}</th>`).join("") + "<th></th>";
  table.innerHTML = `<tr>${head}</tr>` + options.data.map(r => `<tr>${cells(r)}</tr>`).join("");
}
window.$ = window.jQuery = at => chain(typeof at === "string" ? document.querySelector(at) : null);
</script></head>"""


def make_offline(folder: Path) -> None:
    """Take links to other hosts' scripts and styles out of the pages in `folder`; put a plain style and table in."""
    for page in folder.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        if "foresafe-offline" not in text:
            page.write_text(_ELSEWHERE.sub("", text).replace("</head>", _HEAD, 1), encoding="utf-8")
