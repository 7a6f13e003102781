"""What every drawing is made of: an SVG of paths and numbers of few digits."""

from __future__ import annotations

from collections.abc import Iterable

from hearth.monitoring.markup import Content, Html, element


def svg(box: tuple[float, float], *content: Content, class_: str, stretch: bool = True) -> Html:
    """Return a drawing, hidden from screen readers: what it shows is written beside it.

    Args:
        box: Width and height of its coordinates.
        content: What is drawn.
        class_: For the style sheet, which gives it its size.
        stretch: Whether it fills its box whatever that is.
    """
    width, height = box
    return element(
        "svg",
        *content,
        viewBox=f"0 0 {n(width)} {n(height)}",
        class_=class_,
        preserveAspectRatio="none" if stretch else None,
        aria_hidden="true",
        focusable="false",
    )


def n(value: float) -> str:
    """Return a coordinate."""
    return f"{value:.4g}" if value else "0"


def path(commands: Iterable[str], class_: str) -> Html:
    return element("path", d="".join(commands), class_=class_)
