"""What every picture of a run shares: size, colours, fonts, and saving as the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MODEL, OTHERS, GRID = "#22303c", "#c8452f", ("#4a7fb5", "#7d9c4f", "#8d7bb0", "#b58a3c"), "#d9dee3"
SIZE_INCHES = (6.4, 4.2)
DPI = 130
KOREAN_FONTS = ("Noto Sans CJK KR", "Noto Sans KR", "NanumGothic", "Malgun Gothic", "AppleGothic")


def caption(text: str, *, fallback: str) -> str:
    """`text` where the fonts at hand can draw it, else `fallback`: no boxes instead of Korean letters."""
    return text if text.isascii() or korean_font() else fallback


def korean_font() -> str:
    """The first installed font with Korean letters, or empty."""
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return next((name for name in KOREAN_FONTS if name in installed), "")


def canvas(title: str) -> tuple[Figure, Axes]:
    """An empty picture with its title, drawn without any global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_INCHES, dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", color=INK, fontsize=11, fontweight="bold")
    axes.grid(color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def saved(figure: Figure, path: Path) -> Path:
    """Without the writing program's name and date, so that equal pictures are equal bytes."""
    if font := korean_font():
        from matplotlib.text import Text

        for text in figure.findobj(Text):
            text.set_fontfamily([font, "DejaVu Sans"])
    figure.savefig(path, metadata={"Software": None})
    return path
