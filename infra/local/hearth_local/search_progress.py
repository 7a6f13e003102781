"""Waiting for a search: a bar on a terminal, a line for each step elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hearth.monitoring.markup import short, visible
from hearth.optimizing import wording
from hearth.optimizing.report import RUNNING, Report
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hearth_local.errors import LocalError
from hearth_local.http_call import CallFailed

# A function's event lasts 15 minutes at most: a report that stands still for longer is left.
SILENT_S = 1200.0
PAUSE_S = 1.0
_FAILURES = 5  # in a row; one may be a moment of the network

Say = Callable[[Report], None]


class StandsStill(LocalError):
    """A search that has not moved for longer than any function runs."""


def wait(
    look: Callable[[], Report], pause_s: float = PAUSE_S, silent_s: float = SILENT_S
) -> Report:
    """Return the report of a search that has ended; what happens until then is shown.

    Args:
        look: Reads the report.
        pause_s: Between two looks.
        silent_s: How long nothing may change.

    Raises:
        StandsStill: If nothing changes for so long.
        CallFailed: If the report cannot be read, several times in a row.
    """
    with _showing() as say:
        last, since = None, time.monotonic()
        while True:
            report = _patiently(look, pause_s)
            if report != last:
                say(report)
                last, since = report, time.monotonic()
            if report.state != RUNNING:
                return report
            if time.monotonic() - since > silent_s:
                raise StandsStill(
                    f"the search for {report.model} version {report.version}",
                    f"nothing new for {silent_s:g} s",
                    "its end",
                    "look on: hearth logs optimize; search anew: hearth optimize --force",
                )
            time.sleep(pause_s)


def _patiently(look: Callable[[], Report], pause_s: float) -> Report:
    for _ in range(_FAILURES - 1):
        try:
            return look()
        except CallFailed as error:
            if error.got[:1] == "4" and error.got != "429":
                raise
            time.sleep(pause_s)
    return look()


@contextmanager
def _showing() -> Iterator[Say]:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if not console.is_terminal:
        yield _lines(console)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("searching", total=None)

        def say(report: Report) -> None:
            made = report.progress
            doing = escape(visible(short(made.doing, 70))) or "searching"
            bar.update(task, completed=made.done, total=made.steps or None, description=doing)

        yield say


def _lines(console: Console) -> Say:
    said: list[str] = []

    def say(report: Report) -> None:
        line = visible(short(wording.progress(report), 300))
        if report.state == RUNNING and line not in said[-1:]:
            console.print(line, markup=False)
            said.append(line)

    return say
