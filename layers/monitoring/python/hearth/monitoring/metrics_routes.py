"""metrics' HTTP answers: statistics; what its other routes are for is not built yet."""

from __future__ import annotations

from hearth.domain.errors import NotBuilt
from hearth.edge.answers import Answer, of_json
from hearth.edge.events import HttpRequest
from hearth.edge.routes import parse_v2
from hearth.monitoring.statistics import all_statistics, model_statistics
from hearth.stores.registry import Registry


def metrics(request: HttpRequest, registry: Registry) -> Answer:
    """Answer one request for what is known of models at work."""
    path = request.path
    if path == "/v2/models/stats":
        return of_json(200, all_statistics(registry))
    if path.startswith("/v2"):
        call = parse_v2(request.method, path)
        if call.verb == "stats":
            return of_json(200, model_statistics(registry, call.target))
    raise NotBuilt(
        f"{request.method} {path[:200]} is not built yet",
        remedy="predict's records are kept under records/ in the bucket until it is",
    )
