"""A report over HTTP: a page for people, JSON for programs."""

from __future__ import annotations

from hearth.edge.answers import Answer
from hearth.edge.events import HttpRequest
from hearth.edge.negotiation import negotiated
from hearth.monitoring.page import page
from hearth.monitoring.report import Report
from hearth.monitoring.report_document import to_document
from hearth.monitoring.stylesheet import POLICY


def report_answer(request: HttpRequest, report: Report) -> Answer:
    """Return the report in the form that `?format=` names, or that the Accept header prefers.

    Raises:
        BadRequest: If another format is named.
    """
    return negotiated(request, lambda: page(report), lambda: to_document(report), POLICY)
