"""Reports over HTTP, answered by the very adapters that functions answer with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

from hearth.domain.errors import HearthError, UnknownModel, UnknownVersion
from hearth.domain.optimization import Wish
from hearth.edge.answers import Answer, of_json
from hearth.edge.events import HttpRequest
from hearth.edge.optimize_request import read_query, read_request
from hearth.edge.routes import parse_v2
from hearth.monitoring.report import Report
from hearth.monitoring.report_answer import report_answer
from hearth.optimizing.report import Report as SearchReport
from hearth.optimizing.report_answer import report_answer as search_answer

from support.answering import answering


@contextmanager
def serving(reports: Mapping[str, Report]) -> Iterator[str]:
    """Serve each report under `/reports/<name>`; yield the server's address."""

    def flow(request: HttpRequest) -> Answer:
        name = unquote(request.path.removeprefix("/reports/"))
        if name not in reports:
            raise UnknownModel("no such model", got=name)
        return report_answer(request, reports[name])

    with answering(flow) as url:
        yield url


@dataclass
class Searches:
    """Searches of models: what each report says from one look to the next.

    Args:
        reports: By model; the last one stays. An error is raised instead.
        asked: Wishes that came, in order, with the model's name.
        bodies: The same as they were sent.
        looks: Which version each look asked for, 0 for none.
    """

    reports: Mapping[str, Sequence[SearchReport | HearthError]]
    asked: list[tuple[str, Wish]] = field(default_factory=list)
    bodies: list[dict[str, object]] = field(default_factory=list)
    looks: list[int] = field(default_factory=list)

    def __call__(self, request: HttpRequest) -> Answer:
        model = parse_v2(request.method, request.path).target.model
        if model not in self.reports:
            raise UnknownModel("no such model", got=model)
        if request.method == "POST":
            wish = read_request(request)
            self.asked.append((model, wish))
            self.bodies.append(json.loads(request.body))
            return of_json(202, {"model": model, "version": wish.version or 3, "id": "a1"})
        self.looks.append(read_query(request.query))
        reports = self.reports[model]
        report = reports[min(len(self.looks), len(reports)) - 1] if reports else None
        if report is None:
            raise UnknownVersion("no search of this model yet", got=model)
        if isinstance(report, HearthError):
            raise report
        return search_answer(request, replace(report, id="a1"))


@contextmanager
def searching(searches: Searches) -> Iterator[str]:
    """Serve `/v2/repository/models/<name>/optimize`; yield the server's address."""
    with answering(searches) as url:
        yield url
