"""What commands print: text that is safe, tables without lines, and how wide both may be.

Names come from outside: they are written as text, never as rich's markup, and what a terminal
would act on is shown as its code.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from hearth.monitoring.markup import short, visible
from rich.console import Console
from rich.table import Table
from rich.text import Text


def show(parts: Iterable[Text | Table]) -> None:
    """Print; piped, it is plain and a line is never broken."""
    width = None if sys.stdout.isatty() else 500
    console = Console(highlight=False, width=width)
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, Text))


def text(words: str, style: str = "") -> Text:
    return Text(visible(words), style=style)


def listed(items: Sequence[str], most: int) -> Iterable[Text]:
    """Yield a numbered line for each of the first items, and how many more there are."""
    yield from (text(f"  {i}. {short(item, 300)}") for i, item in enumerate(items[:most], 1))
    if len(items) > most:
        yield text(f"  {len(items) - most} more", "dim")


def table(*heads: str) -> Table:
    """Return a table whose cells are never broken."""
    made = Table(box=None, padding=(0, 2, 0, 0))
    for head in heads:
        made.add_column(text(short(head)), no_wrap=True)
    return made
