"""A search's report on the terminal: what came of it and why, then a line for each candidate."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence

from hearth.monitoring import figures
from hearth.monitoring.markup import short
from hearth.monitoring.wording import moment
from hearth.optimizing import wording
from hearth.optimizing.measurement import COLD_START, LATENCY, MEMORY, SIZE, Figures
from hearth.optimizing.report import ACCEPTED, CHOSEN, NOT_MADE, RUNNING, WRONG, Report, Tried
from rich.table import Table
from rich.text import Text

from hearth_local import terminal
from hearth_local.terminal import listed, table, text

_MOST_REASONS, _MOST_TRIED, _MOST_LINES = 10, 30, 12
_MOST_NAME, _LEAST_NAME = 60, 26
_SIGNS = {ACCEPTED: "●", CHOSEN: "●", WRONG: "▲", NOT_MADE: "▲"}
# How many columns a terminal needs for all figures, for most, for those that decide.
_PIPED, _WIDE, _MIDDLE, _NARROW = 500, 126, 110, 0
_STYLES = {"▲": "bold red", "●": "green", "○": "yellow"}


def show(report: Report) -> None:
    """Print a report; piped, it is plain and a line is never broken."""
    terminal.show(parts(report))


def parts(report: Report) -> Iterable[Text | Table]:
    """Yield what is printed of a report."""
    yield _signed(report.verdict, wording.headline(report))
    yield from listed(report.reasons, _MOST_REASONS)
    if report.state == RUNNING:
        yield text(wording.progress(report))
    yield text(_about(report), "dim")
    if report.tried:
        columns = _columns()
        yield _candidates(report, columns)
        yield from _reasons(report) if columns < _PIPED else ()
        yield from _more(len(report.tried) - _MOST_TRIED, "candidate")
    yield from _costs(report)
    yield from _rest(report)


def _columns() -> int:
    """Return how wide a line may be; piped, as wide as it is."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPED


def _signed(verdict: str, words: str) -> Text:
    sign = _SIGNS.get(verdict, "○")
    return text(f"{sign} {words}", _STYLES[sign])


def _about(report: Report) -> str:
    aim = wording.MEASURES.get(report.objective, report.objective)
    took = wording.lasted(report)
    searched = f", searched {moment(report.started_at)}" if report.started_at else ""
    return f"objective: {aim}{searched}{f', in {took}' if took else ''}"


def _candidates(report: Report, columns: int) -> Table:
    """Return a line for each candidate; what a terminal has no room for is left out."""
    key = wording.compared(report)
    others = [k for k in (LATENCY, COLD_START, MEMORY, SIZE) if k != key]
    cells = [
        ("candidate", _NARROW),
        ("outcome", _NARROW),
        (wording.measure(key), _NARROW),
        ("", _NARROW),
        ("95%", _WIDE),
        *((wording.measure(other), _MIDDLE) for other in others),
        ("loss", _NARROW),
        ("why", _PIPED),
    ]
    made = table(*(head for head, least in cells if columns >= least))
    rows = [_original(report.original, key, others)] if report.original else []
    most = _MOST_NAME if columns == _PIPED else _LEAST_NAME
    rows += [
        [text(short(item.name, most)), *_cells(item, key, others)]
        for item in report.tried[:_MOST_TRIED]
    ]
    for row in rows:
        fitting = (cell for cell, (_, least) in zip(row, cells, strict=True) if columns >= least)
        made.add_row(*fitting)
    return made


def _original(original: Figures, key: str, others: Sequence[str]) -> list[str | Text]:
    said = [wording.said(k, wording.value(original, k)) for k in (key, *others)]
    return ["original", "", said[0], "", "", *said[1:], "", ""]


def _cells(item: Tried, key: str, others: Sequence[str]) -> list[str | Text]:
    found = item.duel.candidate if item.duel else None
    said = [wording.said(k, wording.value(found, k)) if found else "" for k in (key, *others)]
    ratio = wording.ratio(item, key)
    lost = ", ".join(filter(None, wording.loss(item.judgement))) if item.judgement else ""
    return [
        _signed(item.outcome, item.outcome or "to be judged"),
        said[0],
        wording.times(ratio) if ratio else "",
        wording.between(ratio) if ratio else "",
        *said[1:],
        lost,
        text(_why(item)),
    ]


def _why(item: Tried) -> str:
    return short(item.reasons[0], 160) if item.reasons else ""


def _reasons(report: Report) -> Iterable[Text]:
    """Yield why each candidate became what it did, for terminals without room in the table."""
    for item in report.tried[:_MOST_TRIED]:
        if item.reasons:
            yield text(f"  {short(item.name, _MOST_NAME)}: {_why(item)}", "dim")


def _costs(report: Report) -> Iterable[Text]:
    was = wording.cheapest(report.original_costs)
    won = wording.chosen(report)
    now = wording.cheapest(won.costs) if won else None
    if was is None:
        return
    said = f"a million predictions: {wording.dollars(was.dollars)} at {was.memory_mb:,} MB"
    if now is not None:
        said += f"; of the chosen one {wording.dollars(now.dollars)} at {now.memory_mb:,} MB"
    yield text(f"{said} (estimated, where each costs least)")


def _rest(report: Report) -> Iterable[Text]:
    for item in report.skipped[:_MOST_LINES]:
        yield text(f"not tried: {short(item.recipe, 60)}: {short(item.reason, 200)}", "dim")
    yield from _more(len(report.skipped) - _MOST_LINES, "recipe")
    for note in report.notes[:_MOST_LINES]:
        yield text(f"note: {short(note, 300)}", "dim")
    yield from _more(len(report.notes) - _MOST_LINES, "note")


def _more(count: int, word: str) -> Iterable[Text]:
    if count > 0:
        yield text(f"  {figures.plural(count, f'more {word}')}: --json", "dim")
