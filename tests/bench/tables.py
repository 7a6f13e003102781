"""Tables for pages and for people: the same rows as Markdown, and aligned for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

Rows = Sequence[Sequence[str]]


def markdown(head: Sequence[str], rows: Rows) -> str:
    """Return a Markdown table, ended by a line's end.

    Example:
        >>> print(markdown(["a", "b"], [["1", "2"]]), end="")
        | a | b |
        | --- | --- |
        | 1 | 2 |
    """
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def aligned(head: Sequence[str], rows: Rows) -> str:
    """Return a table for a terminal: the first column begins at the left, the others end at the right.

    Example:
        >>> print(aligned(["who", "ms"], [["floor", "1.0"]]), end="")
        who     ms
        floor  1.0
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return "".join(
        "  ".join(
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        + "\n"
        for line in [head, *rows]
    )
