"""A search's report on the terminal: what came of it and why, then a line for each candidate."""

from __future__ import annotations

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
_SIGNS = {ACCEPTED: "●", CHOSEN: "●", WRONG: "▲", NOT_MADE: "▲"}
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
        yield _candidates(report)
        yield from _more(len(report.tried) - _MOST_TRIED, "candidate")
    yield from _costs(report)
    yield from _rest(report)


def _signed(verdict: str, words: str) -> Text:
    sign = _SIGNS.get(verdict, "○")
    return text(f"{sign} {words}", _STYLES[sign])


def _about(report: Report) -> str:
    aim = wording.MEASURES.get(report.objective, report.objective)
    took = wording.lasted(report)
    searched = f", searched {moment(report.started_at)}" if report.started_at else ""
    return f"objective: {aim}{searched}{f', in {took}' if took else ''}"


def _candidates(report: Report) -> Table:
    key = wording.compared(report)
    others = [k for k in (LATENCY, COLD_START, MEMORY, SIZE) if k != key]
    heads = [wording.measure(key), "", "95%", *map(wording.measure, others), "loss", "why"]
    made = table("candidate", "outcome", *heads)
    made.columns[-1].no_wrap = not sys.stdout.isatty()
    if report.original:
        made.add_row("original", "", *_originals(report.original, key, others))
    for item in report.tried[:_MOST_TRIED]:
        made.add_row(*_cells(item, key, others))
    return made


def _originals(original: Figures, key: str, others: Sequence[str]) -> list[str]:
    said = [wording.said(k, wording.value(original, k)) for k in (key, *others)]
    return [said[0], "", "", *said[1:]]


def _cells(item: Tried, key: str, others: Sequence[str]) -> list[str | Text]:
    found = item.duel.candidate if item.duel else None
    said = [wording.said(k, wording.value(found, k)) if found else "" for k in (key, *others)]
    ratio = wording.ratio(item, key)
    lost = " ".join(filter(None, wording.loss(item.judgement))) if item.judgement else ""
    return [
        text(short(item.name, 60)),
        _signed(item.outcome, item.outcome or "to be judged"),
        said[0],
        wording.times(ratio) if ratio else "",
        wording.between(ratio) if ratio else "",
        *said[1:],
        lost,
        text(short(item.reasons[0], 160) if item.reasons else ""),
    ]


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
