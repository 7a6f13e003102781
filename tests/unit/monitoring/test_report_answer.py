"""A report over HTTP: which form is sent, and what is sent along."""

from __future__ import annotations

import orjson
import pytest
from hearth.domain.errors import BadRequest
from hearth.edge.answers import Answer, render
from hearth.edge.compression import deflated
from hearth.edge.events import HttpRequest
from hearth.monitoring.report_answer import report_answer
from hearth.monitoring.report_document import to_document
from support import reporting

CHROMIUM = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8"


def asked(accept: str | None = None, **query: list[str]) -> HttpRequest:
    return HttpRequest("GET", "/reports/m", {"accept": accept} if accept else {}, b"", query=query)


def kind(answer: Answer) -> str:
    return answer.headers["Content-Type"].partition(";")[0]


@pytest.mark.parametrize(
    ("accept", "sent"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        (CHROMIUM, "text/html"),
        ("text/html", "text/html"),
        ("TEXT/HTML; q=1", "text/html"),
        ("text/*", "text/html"),
        ("text/html;q=0.5, application/json", "application/json"),
        ("text/html, application/json;q=0.9", "text/html"),
        ("text/html, application/json", "application/json"),
        ("text/html;q=0", "application/json"),
        ("text/html;q=many, */*", "application/json"),
        ("image/png", "application/json"),
        (",;,", "application/json"),
    ],
)
def test_form_is_what_the_accept_header_prefers(accept: str | None, sent: str) -> None:
    """A browser gets the page; whoever does not say gets JSON."""
    assert kind(report_answer(asked(accept), reporting.unused())) == sent


@pytest.mark.parametrize(("form", "sent"), [("json", "application/json"), ("html", "text/html")])
def test_format_in_the_address_wins(form: str, sent: str) -> None:
    """`?format=` is for whoever cannot set a header."""
    for accept in ("text/html", "application/json"):
        assert kind(report_answer(asked(accept, format=[form]), reporting.unused())) == sent


def test_unknown_format_is_refused() -> None:
    """The error names those that there are."""
    with pytest.raises(BadRequest, match="json or html"):
        report_answer(asked(format=["pdf"]), reporting.unused())


@pytest.mark.parametrize("form", ["json", "html"])
def test_no_cache_keeps_a_report(form: str) -> None:
    """A report of a moment ago must not pass for one of now."""
    headers = report_answer(asked(format=[form]), reporting.unused()).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_page_comes_with_its_policy() -> None:
    """The header lets in no script and no frame."""
    policy = report_answer(asked("text/html"), reporting.unused()).headers[
        "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "frame-ancestors 'none'" in policy


def test_json_is_the_report_document() -> None:
    """Programs get the very document that is stored."""
    report = reporting.digits()
    body = report_answer(asked(), report).body
    assert orjson.loads(body) == orjson.loads(orjson.dumps(to_document(report)))


def test_large_page_travels_compressed() -> None:
    """500 features and 100 classes are far under Lambda's 6 MB once compressed."""
    request = HttpRequest(
        "GET", "/reports/m", {"accept": "text/html", "accept-encoding": "gzip"}, b""
    )
    answer = deflated(report_answer(request, reporting.wide()), request)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(render(answer)["body"]) < 1_000_000
