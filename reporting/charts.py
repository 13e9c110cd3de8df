"""Small SVG pictures: no script, no font file, no network. Every function returns one `<svg>` element as text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from contracts.results import ReliabilityBin
from contracts.worth import CostPoint, GroupReliability
from reporting.geometry import Ring

RAMP = ("#fff5d6", "#fedc91", "#fdae5c", "#f4713c", "#d13a2a", "#8c1029")  # light to dark, readable without hue
INK, MUTED, GRID, MODEL = "#1d2430", "#5d6b7c", "#d9dfe6", "#0b5fa5"


@dataclass(frozen=True)
class Shape:
    """One asset on the map: its outline (or a single point), how strong its colour is (0..1), and its tooltip."""

    ring: Ring
    strength: float
    tooltip: str
    marked: bool = False


def colour(strength: float) -> str:
    return RAMP[min(max(int(strength * len(RAMP)), 0), len(RAMP) - 1)]


def risk_map(shapes: Sequence[Shape], *, width: int = 620, height: int = 520) -> str:
    """Assets where they are: equirectangular at their middle latitude, north up. Marked ones have a dark outline."""
    points = [point for shape in shapes for point in shape.ring]
    if not points:
        return ""
    lons, lats = [p[0] for p in points], [p[1] for p in points]
    squeeze = math.cos(math.radians((min(lats) + max(lats)) / 2))
    spread_x = max((max(lons) - min(lons)) * squeeze, 1e-6)
    spread_y = max(max(lats) - min(lats), 1e-6)
    scale = min((width - 24) / spread_x, (height - 24) / spread_y)
    left, top = (width - spread_x * scale) / 2, (height - spread_y * scale) / 2

    def place(lon: float, lat: float) -> tuple[float, float]:
        return left + (lon - min(lons)) * squeeze * scale, top + (max(lats) - lat) * scale

    body = []
    for shape in sorted(shapes, key=lambda s: s.marked):
        line = f'stroke="{INK}" stroke-width="2"' if shape.marked else 'stroke="#ffffff" stroke-width="1"'
        style = f'fill="{colour(shape.strength)}" {line}'
        title = f"<title>{escape(shape.tooltip)}</title>"
        if len(shape.ring) == 1:
            x, y = place(*shape.ring[0])
            body.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="9" {style}>{title}</circle>')
        else:
            corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*p) for p in shape.ring))
            body.append(f'<polygon points="{corners}" {style}>{title}</polygon>')
    return _svg(width, height, "".join(body), label="risk map")


def reliability(bins: Sequence[ReliabilityBin], *, size: int = 260) -> str:
    """Observed against forecast frequency on square-root axes, so that rare risks can be read; dots grow with rows."""
    top = max([b.predicted for b in bins] + [b.observed for b in bins] + [1e-4]) * 1.15
    inner, pad = size - 74, 58

    def x(p: float) -> float:
        return pad + math.sqrt(max(p, 0) / top) * inner

    def y(p: float) -> float:
        return size - pad - math.sqrt(max(p, 0) / top) * inner

    ticks = [top * f * f for f in (1 / 3, 2 / 3, 1.0)]
    most = max((b.rows for b in bins), default=1)
    parts = [
        f'<line x1="{x(t):.1f}" y1="{y(0):.1f}" x2="{x(t):.1f}" y2="{y(top):.1f}" stroke="{GRID}"/>'
        f'<line x1="{x(0):.1f}" y1="{y(t):.1f}" x2="{x(top):.1f}" y2="{y(t):.1f}" stroke="{GRID}"/>'
        f'<text x="{x(t):.1f}" y="{size - pad + 15}" text-anchor="middle">{percent(t)}</text>'
        f'<text x="{pad - 4}" y="{y(t) + 4:.1f}" text-anchor="end">{percent(t)}</text>'
        for t in ticks
    ]
    parts.append(f'<line x1="{x(0)}" y1="{y(0)}" x2="{x(top)}" y2="{y(top)}" stroke="{MUTED}" stroke-dasharray="4 3"/>')
    parts += [
        f'<circle cx="{x(b.predicted):.1f}" cy="{y(b.observed):.1f}" r="{3 + 5 * math.sqrt(b.rows / most):.1f}" '
        f'fill="{MODEL}" fill-opacity=".75"><title>forecast {percent(b.predicted)}, came true {percent(b.observed)}, '
        f"{b.rows:,} forecasts</title></circle>"
        for b in bins
    ]
    parts.append(f'<text x="{size / 2}" y="{size - 22}" text-anchor="middle">forecast</text>')
    parts.append(f'<text transform="translate(11 {size / 2 - 20}) rotate(-90)" text-anchor="middle">came true</text>')
    return _svg(size, size, "".join(parts), label="reliability")


def skill_bars(rows: Sequence[tuple[str, float, float, float]], *, width: int = 430) -> str:
    """Horizontal bars with intervals: (label, value, low, high). Zero is the base rate; to the right is better."""
    low = min([0.0] + [r[2] for r in rows])
    high = max([0.01] + [r[3] for r in rows])
    left, right, step = 150, 56, 30
    span = (width - left - right) / ((high - low) or 1.0)

    def x(v: float) -> float:
        return left + (v - low) * span

    height = step * len(rows) + 14
    parts = [f'<line x1="{x(0):.1f}" y1="4" x2="{x(0):.1f}" y2="{height - 6}" stroke="{MUTED}"/>']
    for i, (label, value, lo, hi) in enumerate(rows):
        middle = 8 + step * i + 9
        fill = MODEL if i == 0 else "#9fb4c7"
        parts.append(
            f'<text x="{left - 8}" y="{middle + 4}" text-anchor="end">{escape(label)}</text>'
            f'<rect x="{min(x(0), x(value)):.1f}" y="{middle - 8}" width="{abs(x(value) - x(0)):.1f}" height="16" '
            f'fill="{fill}"/><line x1="{x(lo):.1f}" y1="{middle}" x2="{x(hi):.1f}" y2="{middle}" stroke="{INK}" '
            f'stroke-width="1.5"/><text x="{width - right + 6}" y="{middle + 4}">{value:+.3f}</text>'
        )
    return _svg(width, height, "".join(parts), label="log-loss skill")


def ratio_lines(groups: Sequence[GroupReliability], *, width: int = 430) -> str:
    """Observed over forecast of each group with its interval; 1 is right, to the left the risk was overstated."""
    top = max([1.6] + [group.ratio.high for group in groups if group.ratio])
    left, right, step = 158, 46, 24
    span = (width - left - right) / top
    height = step * len(groups) + 30
    parts = [
        f'<line x1="{left + v * span:.1f}" y1="4" x2="{left + v * span:.1f}" y2="{height - 22}" '
        f'stroke="{MUTED if v == 1 else GRID}"/><text x="{left + v * span:.1f}" y="{height - 6}" '
        f'text-anchor="middle">{v:g}</text>'
        for v in (0, 0.5, 1, 1.5, 2)
        if v <= top
    ]
    for i, group in enumerate(groups):
        middle = 16 + step * i
        parts.append(f'<text x="{left - 10}" y="{middle + 4}" text-anchor="end">{escape(group.group)}</text>')
        if group.ratio is None:
            parts.append(f'<text x="{left + 6}" y="{middle + 4}" fill="{MUTED}">too few to say</text>')
            continue
        low, value, high = (left + v * span for v in (group.ratio.low, group.ratio.value, group.ratio.high))
        parts.append(
            f'<line x1="{low:.1f}" y1="{middle}" x2="{high:.1f}" y2="{middle}" stroke="{MODEL}" stroke-width="3" '
            f'stroke-opacity=".45"/><circle cx="{value:.1f}" cy="{middle}" r="5" fill="{MODEL}"/>'
            f'<text x="{width - right + 8}" y="{middle + 4}">{group.ratio.value:.2f}</text>'
        )
    return _svg(width, height, "".join(parts), label="observed over forecast")


def cost_lines(points: Sequence[CostPoint], *, width: int = 430, height: int = 220) -> str:
    """Cost as a share of the cheaper of never and always, over what a miss costs (log scale); lower is better."""
    shown = [p for p in points if 0.03 * p.always < p.never < 30 * p.always]
    if len(shown) < 2:
        return ""
    left, top, right, bottom = 48, 12, 26, 44
    first, last = math.log(shown[0].ratio), math.log(shown[-1].ratio)
    highest = 1.3

    def x(ratio: float) -> float:
        return left + (math.log(ratio) - first) / (last - first) * (width - left - right)

    def y(share: float) -> float:
        return top + (1 - min(share, highest) / highest) * (height - top - bottom)

    parts = [
        f'<line x1="{left}" y1="{y(v):.1f}" x2="{width - right}" y2="{y(v):.1f}" stroke="{GRID}"/>'
        f'<text x="{left - 6}" y="{y(v) + 4:.1f}" text-anchor="end">{100 * v:.0f} %</text>'
        for v in (0, 0.5, 1.0)
    ]
    parts += [
        f'<text x="{x(p.ratio):.1f}" y="{height - bottom + 16}" text-anchor="middle">{p.ratio:,.6g}</text>'
        for p in shown[:: max(1, len(shown) // 4)]
    ]
    for colour_, name, thick in (("#9fb4c7", "climatology", 2), (MODEL, "model", 3)):
        line = " ".join(f"{x(p.ratio):.1f},{y(getattr(p, name) / min(p.never, p.always)):.1f}" for p in shown)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour_}" stroke-width="{thick}"/>')
    for at, (colour_, name) in enumerate(((MODEL, "Foresafe model"), ("#9fb4c7", "climatology"))):
        y0 = height - bottom - 30 + 16 * at
        parts.append(
            f'<rect x="{left + 8}" y="{y0 - 5}" width="16" height="4" fill="{colour_}"/>'
            f'<text x="{left + 30}" y="{y0 + 1}">{name}</text>'
        )
    parts.append(
        f'<text x="{width / 2}" y="{height - 8}" text-anchor="middle">a miss costs so many false alarms</text>'
    )
    return _svg(width, height, "".join(parts), label="cost of acting")


def legend(edges: Sequence[tuple[float, str]]) -> str:
    """The map's colours with what they mean: (strength, words)."""
    step = 96
    parts = [
        f'<rect x="{i * step}" y="2" width="16" height="16" fill="{colour(strength)}" stroke="{GRID}"/>'
        f'<text x="{i * step + 21}" y="14">{escape(words)}</text>'
        for i, (strength, words) in enumerate(edges)
    ]
    return _svg(step * len(edges), 20, "".join(parts), label="legend")


def percent(p: float) -> str:
    """A probability as people read it: 12 %, 1.3 %, 0.04 %."""
    digits = 0 if p >= 0.1 or p == 0 else 1 if p >= 0.01 else 2 if p >= 0.001 else 3
    return f"{100 * p:.{digits}f} %"


def hours(value: float | None) -> str:
    """A duration as people read it: 5 h, 4.2 days; a dash where there is none."""
    return "–" if value is None else f"{value:.0f} h" if value < 72 else f"{value / 24:.1f} days"


def _svg(width: float, height: float, body: str, *, label: str) -> str:
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" role="img" aria-label="{label}" '
        f'font-size="12" fill="{INK}">{body}</svg>'
    )
