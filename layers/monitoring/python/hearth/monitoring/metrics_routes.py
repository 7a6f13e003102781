"""metrics' HTTP answers: one flow a path."""

from __future__ import annotations

import re
from collections.abc import Callable

from hearth.domain.errors import MalformedPath
from hearth.domain.identity import model_name
from hearth.edge.answers import Answer, of_json
from hearth.edge.events import HttpRequest
from hearth.edge.routes import parse_v2
from hearth.monitoring import reports
from hearth.monitoring.feedback import accept
from hearth.monitoring.monitor import Monitor
from hearth.monitoring.prometheus import metrics_answer
from hearth.monitoring.report import UNKNOWN, Report
from hearth.monitoring.statistics import all_statistics, model_statistics
from hearth.monitoring.totals import read_ledger
from hearth.stores.clock import stamp

_NOT_JUDGED = (
    "not judged yet: that happens every quarter of an hour, or at once when metrics is invoked "
    'with {"do": "judge", "model": "..."}'
)


def metrics(request: HttpRequest, monitor: Monitor) -> Answer:
    """Answer one request for what is known of models at work, or with what they should have said.

    Raises:
        MalformedPath: If nothing here answers it.
    """
    for method, path, answer in _ROUTES:
        if request.method == method and path.fullmatch(request.path):
            return answer(request, monitor)
    raise MalformedPath(f"Malformed request: {request.method} {request.path[:200]}")


def _scrape(request: HttpRequest, monitor: Monitor) -> Answer:
    ledger, _ = read_ledger(monitor.documents)
    summary, _ = reports.read_summary(monitor.documents)
    return metrics_answer(request, ledger.totals, summary, ledger.tallied_ms)


def _statistics(request: HttpRequest, monitor: Monitor) -> Answer:
    ledger, _ = read_ledger(monitor.documents)
    if request.path.rstrip("/") == "/v2/models/stats":
        return of_json(200, all_statistics(monitor.registry, ledger))
    target = parse_v2(request.method, request.path).target
    return of_json(200, model_statistics(monitor.registry, ledger, target))


def _feedback(request: HttpRequest, monitor: Monitor) -> Answer:
    return accept(request, monitor.intake)


def _report(request: HttpRequest, monitor: Monitor) -> Answer:
    # Of all that metrics does, only a reader of reports waits for what draws them.
    from hearth.monitoring.report_answer import report_answer

    model = model_name(request.path.removeprefix("/reports/").rstrip("/"))
    monitor.registry.read(model)  # of a model that is gone, an old report says nothing
    latest = reports.read_latest(monitor.documents, model).report
    return report_answer(request, latest or _unjudged(model, monitor))


def _unjudged(model: str, monitor: Monitor) -> Report:
    hours = monitor.hours()
    at = stamp(monitor.clock.now())
    return Report(model, at, hours.since, hours.until, UNKNOWN, (_NOT_JUDGED,))


_Answering = Callable[[HttpRequest, Monitor], Answer]

_ROUTES: tuple[tuple[str, re.Pattern[str], _Answering], ...] = (
    ("GET", re.compile(r"/metrics|/monitoring/prometheus/metrics"), _scrape),
    ("GET", re.compile(r"/v2/models/(.+/)?stats/?"), _statistics),
    ("POST", re.compile(r"/v2/models/.+/feedback/?"), _feedback),
    ("GET", re.compile(r"/reports/[^/]+/?"), _report),
)
