"""A search's report over HTTP: which form is sent, and that JSON is what the API describes."""

from __future__ import annotations

from collections.abc import Callable

import orjson
import pytest
from hearth.domain.errors import BadRequest
from hearth.edge.answers import Answer, render
from hearth.edge.compression import deflated
from hearth.edge.events import HttpRequest
from hearth.optimizing import stylesheet
from hearth.optimizing.report import Report
from hearth.optimizing.report_answer import report_answer
from hearth.optimizing.report_document import from_document
from support import searching
from support.calling import Reply
from support.description import require_described

PATH = "/v2/repository/models/m/optimize"
CHROMIUM = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
MAKERS = (
    searching.encoder,
    searching.running,
    searching.begun,
    searching.refused,
    searching.unlabelled,
    searching.nothing,
    searching.tiny,
)


def asked(accept: str | None = None, **query: list[str]) -> HttpRequest:
    return HttpRequest("GET", PATH, {"accept": accept} if accept else {}, b"", query=query)


def kind(answer: Answer) -> str:
    return answer.headers["Content-Type"].partition(";")[0]


@pytest.mark.parametrize(
    ("accept", "sent"),
    [(None, "application/json"), ("*/*", "application/json"), (CHROMIUM, "text/html")],
)
def test_form_is_what_the_accept_header_prefers(accept: str | None, sent: str) -> None:
    """A browser gets the page; whoever does not say gets JSON."""
    assert kind(report_answer(asked(accept), searching.begun())) == sent


def test_format_in_the_address_wins() -> None:
    """`?format=` is for whoever cannot set a header; one that there is not is refused."""
    assert kind(report_answer(asked("text/html", format=["json"]), searching.begun())) == (
        "application/json"
    )
    with pytest.raises(BadRequest, match="json or html"):
        report_answer(asked(format=["pdf"]), searching.begun())


@pytest.mark.parametrize("maker", MAKERS)
def test_json_is_what_the_document_of_the_api_says(maker: Callable[[], Report]) -> None:
    """Programs get the stored document, running or done, and its schema is the API's."""
    answer = report_answer(asked(), maker())
    headers = {name.lower(): value for name, value in answer.headers.items()}
    require_described("GET", PATH, Reply(answer.status, headers, answer.body))
    assert repr(from_document(orjson.loads(answer.body))) == repr(maker())


def test_page_comes_with_its_policy() -> None:
    """The header lets in the page's one style sheet and no script, and no cache keeps it."""
    headers = report_answer(asked(CHROMIUM), searching.encoder()).headers
    assert headers["Content-Security-Policy"] == f"{stylesheet.POLICY}; frame-ancestors 'none'"
    assert headers["Cache-Control"] == "no-store"


def test_large_page_travels_compressed() -> None:
    """300 candidates are far under Lambda's 6 MB once compressed."""
    request = HttpRequest("GET", PATH, {"accept": CHROMIUM, "accept-encoding": "gzip"}, b"")
    answer = deflated(report_answer(request, searching.wide()), request)
    assert len(render(answer)["body"]) < 500_000
