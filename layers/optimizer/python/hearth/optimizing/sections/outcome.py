"""Marks of a search: of its verdict, and of what became of each candidate."""

from __future__ import annotations

from hearth.monitoring.markup import Html
from hearth.monitoring.sections.blocks import BAD, GOOD, OPEN, labelled
from hearth.optimizing.report import ACCEPTED, CHOSEN, NOT_MADE, WRONG, Report, Tried

_KINDS = {CHOSEN: GOOD, WRONG: BAD, NOT_MADE: BAD}
WAITING = "to be judged"  # stands where the search goes on


def verdict_kind(report: Report) -> str:
    """Return the kind of a verdict; that nothing is better is no fault."""
    return GOOD if report.verdict == ACCEPTED else OPEN


def kind(item: Tried) -> str:
    return _KINDS.get(item.outcome, OPEN)


def outcome(item: Tried) -> Html:
    """Return what became of a candidate, as a shape and a word."""
    return labelled(kind(item), item.outcome or WAITING)
