"""Data Docs: where they are, how many are kept, and that they open without a network.

GX's pages link to style sheets and scripts elsewhere; these are taken out. GX keeps every validation for ever.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Docs:
    """A folder with GX's own HTML site, and how many of each feed's newest validations stay in it."""

    folder: Path
    kept: int

    @property
    def stores(self) -> Path:
        """What GX makes the pages from."""
        return self.folder / ".stores"

    def prune(self) -> None:
        """Forget each feed's older validations: their results and their pages, which lie in folders of one name."""
        results, pages = self.stores / "validation_results_store", self.folder / "validations"
        for run in results.glob("*/*"):  # FEED/RUN_NAME/, and in it INSTANT/
            for old in sorted(at.name for at in run.iterdir() if at.is_dir())[: -self.kept]:
                for place in (results, pages):
                    shutil.rmtree(place / run.relative_to(results) / old, ignore_errors=True)


def make_offline(folder: Path) -> None:
    """Take links to other hosts' scripts and styles out of the pages in `folder`; put a plain style and table in."""
    for page in folder.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        if "foresafe-offline" not in text:
            page.write_text(_ELSEWHERE.sub("", text).replace("</head>", _HEAD, 1), encoding="utf-8")
