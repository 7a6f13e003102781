"""Which route of the HTTP API a request takes.

Source: API Gateway developer guide, "Routing API requests": a full match is preferred, then
`{name}` segments, then a greedy `{name+}`, then `$default`; a method before ANY.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from hearth_local.events import Route

_EXACT, _PARAMETER, _GREEDY = range(3)


@dataclass(frozen=True, slots=True)
class Match:
    """A route and what its `{...}` segments caught."""

    route: Route
    parameters: Mapping[str, str]


def find(routes: Iterable[Route], method: str, path: str) -> Match | None:
    """Return the best route for a request.

    Args:
        routes: The template's routes.
        method: The request's method, upper case.
        path: The path as it was sent, percent-encoded.
    """
    best: tuple[tuple[object, ...], Match] | None = None
    for route in routes:
        if route.method not in {method, "ANY"}:
            continue
        fit = _fit(route.path, path)
        if fit is None:
            continue
        ranks, parameters = fit
        rank = (*ranks, route.method == "ANY")
        if best is None or rank < best[0]:
            best = rank, Match(route, parameters)
    return best[1] if best else None


def _fit(pattern: str, path: str) -> tuple[tuple[object, ...], dict[str, str]] | None:
    """Return how exactly a pattern fits, lower is better, and its parameters."""
    if pattern == "$default":
        return (True, ()), {}
    wanted, given = pattern.strip("/").split("/"), path.lstrip("/").split("/")
    ranks: list[int] = []
    parameters: dict[str, str] = {}
    for position, segment in enumerate(wanted):
        rest = given[position:]
        if segment.startswith("{") and segment.endswith("+}"):
            if not rest or rest == [""]:
                return None
            parameters[segment[1:-2]] = unquote("/".join(rest))
            return (False, (*ranks, _GREEDY)), parameters
        if not rest or not _segment_fits(segment, rest[0]):
            return None
        if segment.startswith("{"):
            parameters[segment[1:-1]] = unquote(rest[0])
        ranks.append(_PARAMETER if segment.startswith("{") else _EXACT)
    if len(given) > len(wanted):
        return None
    return (False, tuple(ranks)), parameters


def _segment_fits(segment: str, given: str) -> bool:
    if segment.startswith("{") and segment.endswith("}"):
        return given != ""
    return segment == unquote(given)
