"""metrics' HTTP answers: one flow a path; what is not built yet says so."""

from __future__ import annotations

import re
from collections.abc import Callable

from hearth.domain.errors import NotBuilt
from hearth.edge.answers import Answer, of_json
from hearth.edge.events import HttpRequest
from hearth.edge.routes import parse_v2
from hearth.monitoring.statistics import all_statistics, model_statistics
from hearth.monitoring.totals import read_ledger
from hearth.stores.ports import Documents
from hearth.stores.registry import Registry


def metrics(request: HttpRequest, documents: Documents) -> Answer:
    """Answer one request for what is known of models at work.

    Raises:
        NotBuilt: If nothing here answers it yet.
    """
    for method, path, answer in _ROUTES:
        if request.method == method and path.fullmatch(request.path):
            return answer(request, documents)
    raise NotBuilt(
        f"{request.method} {request.path[:200]} is not built yet",
        remedy="predict's records are kept under records/ in the bucket until it is",
    )


def _statistics(request: HttpRequest, documents: Documents) -> Answer:
    registry, (ledger, _) = Registry(documents), read_ledger(documents)
    if request.path == "/v2/models/stats":
        return of_json(200, all_statistics(registry, ledger))
    target = parse_v2(request.method, request.path).target
    return of_json(200, model_statistics(registry, ledger, target))


_Answering = Callable[[HttpRequest, Documents], Answer]

_ROUTES: tuple[tuple[str, re.Pattern[str], _Answering], ...] = (
    ("GET", re.compile(r"/v2/models/(.+/)?stats/?"), _statistics),
)
