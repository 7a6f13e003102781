"""optimize's HTTP answers: a search is asked for and goes on by itself, a report is looked at."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime

from hearth.domain.errors import MalformedPath, TransitionRefused, UnknownVersion
from hearth.domain.manifest import OPTIMIZED
from hearth.edge.answers import Answer, of_json
from hearth.edge.events import HttpRequest
from hearth.edge.optimize_request import read_query, read_request
from hearth.edge.routes import parse_v2
from hearth.optimizing.names import require_known
from hearth.optimizing.report import RUNNING
from hearth.optimizing.searches import Search, Searches
from hearth.stores.artefacts import Artefacts
from hearth.stores.ports import Announcer
from hearth.stores.registry import Registry

OPTIMIZATION_REQUESTED = "Optimization Requested"


@dataclass(frozen=True, slots=True)
class Desk:
    """Where searches are asked for and looked at.

    Args:
        registry: Which models there are.
        artefacts: Their versions.
        searches: What was looked for.
        announcer: Who is told that a search was asked for: optimize itself, by its rule.
    """

    registry: Registry
    artefacts: Artefacts
    searches: Searches
    announcer: Announcer


def optimization(request: HttpRequest, desk: Desk) -> Answer:
    """Answer `POST /v2/repository/models/{m}/optimize` and `GET` of the same.

    A search takes minutes, and API Gateway waits half of one: POST is answered with 202 as soon as
    the event bus has the wish.

    Raises:
        UnknownModel, UnknownVersion: If there is no such version, or no search of it.
        TransitionRefused: If it is a variant itself, or another search of it goes on.
    """
    call = parse_v2(request.method, request.path)
    if request.method == "POST":
        return _asked(request, call.target.model, desk)
    if request.method == "GET":
        return _told(request, call.target.model, desk)
    raise MalformedPath(f"Malformed request: {request.method} {request.path[:200]}")


def _asked(request: HttpRequest, model: str, desk: Desk) -> Answer:
    # Reports are looked at far oftener, and need nothing of what a search does.
    from hearth.optimizing.meant import meant

    wish = read_request(request)
    require_known(wish.recipes)
    read = meant(model, wish.version, desk.artefacts)
    wish = replace(wish, version=read.manifest.version)
    provenance = read.manifest.provenance
    if provenance.origin == OPTIMIZED:
        raise TransitionRefused(
            f"version {wish.version} of {model!r} is a variant of version {provenance.parent}",
            remedy=f"ask for a variant of version {provenance.parent}",
        )
    id_ = wish.id(read.sha256)
    _require_free(desk.searches.find(model, wish.version), id_, desk)
    desk.announcer.announce(OPTIMIZATION_REQUESTED, {"model": model, "wish": asdict(wish)})
    return of_json(202, {"model": model, "version": wish.version, "id": id_})


def _require_free(there: Search | None, id_: str, desk: Desk) -> None:
    if there is None or there.id == id_ or there.report.state != RUNNING:
        return
    if datetime.fromisoformat(there.deadline) > desk.searches.clock.now():
        report = there.report
        raise TransitionRefused(
            f"a search for another variant of {report.model!r} version {report.version} goes on",
            got=f"{report.objective}, {report.progress.done} of {report.progress.steps} steps done",
            remedy=f"wait until it has ended, at the latest at {there.deadline}",
        )


def _told(request: HttpRequest, model: str, desk: Desk) -> Answer:
    from hearth.optimizing.report_answer import report_answer

    return report_answer(request, _newest(model, read_query(request.query), desk).report)


def _newest(model: str, version: int, desk: Desk) -> Search:
    """Return the search of a version, or of the newest one that there was a search of."""
    known = desk.registry.read(model).entry.versions
    for number in [version] if version else sorted(known, reverse=True):
        found = desk.searches.find(model, number)
        if found:
            return found
    which = f"version {version} of {model!r}" if version else f"{model!r}"
    raise UnknownVersion(
        f"no variant of {which} was looked for yet",
        remedy=f"POST /v2/repository/models/{model}/optimize, or hearth optimize {model}",
    )
