"""Which form of a report goes out: a page for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Callable

import orjson
from hearth.domain.errors import BadRequest
from hearth.edge.answers import JSON, Answer
from hearth.edge.events import HttpRequest

HTML = "text/html"
_FORMATS = ("json", "html")
# A report changes all the time, and says things that no cache should keep. Nothing is cached, so
# nothing need be said of what the answer varies with.
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


def negotiated(
    request: HttpRequest, page: Callable[[], str], document: Callable[[], object], policy: str
) -> Answer:
    """Return a report in the form that `?format=` names, or that the Accept header prefers.

    Args:
        request: What asks for it.
        page: Makes the page.
        document: Makes the JSON.
        policy: The page's Content-Security-Policy.

    Raises:
        BadRequest: If another format is named.
    """
    if wants_html(request):
        return Answer(200, page().encode(), _page_headers(policy))
    return Answer(200, orjson.dumps(document()), {**JSON, **_HEADERS})


def _page_headers(policy: str) -> dict[str, str]:
    return {
        **_HEADERS,
        "Content-Type": f"{HTML}; charset=utf-8",
        "Content-Security-Policy": f"{policy}; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
    }


def wants_html(request: HttpRequest) -> bool:
    """Return whether a page is asked for, by the address or else by the Accept header.

    Raises:
        BadRequest: If the address names a format that there is not.
    """
    named = request.query.get("format", [])
    if named:
        if named[-1] not in _FORMATS:
            raise BadRequest(
                "the report has no such format", got=named[-1][:80], expected=" or ".join(_FORMATS)
            )
        return named[-1] == "html"
    return prefers_html(request.headers.get("accept", ""))


def prefers_html(accept: str) -> bool:
    """Return whether an Accept header wants HTML rather than JSON.

    Both alike, and no word of either, are JSON: a program that does not say what it wants gets
    what programs read.

    Example:
        >>> prefers_html("text/html,application/xhtml+xml,*/*;q=0.8"), prefers_html("*/*")
        (True, False)
    """
    weights: dict[str, float] = {}
    for part in accept.lower().split(","):
        kind, *parameters = (piece.strip() for piece in part.split(";"))
        weights[kind] = _weight(parameters)
    html, json = (
        next((weights[k] for k in (kind, f"{kind.partition('/')[0]}/*", "*/*") if k in weights), 0)
        for kind in (HTML, "application/json")
    )
    return html > json


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
