"""Reports over HTTP, answered by the very adapter that metrics answers with."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from hearth.domain.errors import HearthError, UnknownModel
from hearth.edge.answers import Answer
from hearth.edge.compression import deflated
from hearth.edge.events import HttpRequest
from hearth.edge.problem import of_error
from hearth.monitoring.report import Report
from hearth.monitoring.report_answer import report_answer


@contextmanager
def serving(reports: Mapping[str, Report]) -> Iterator[str]:
    """Serve each report under `/reports/<name>`; yield the server's address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = parse_qs(parts.query)
            answer = _answer(HttpRequest("GET", parts.path, headers, b"", query=query), reports)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_args: object) -> None:
            """Keep the test's output for the test."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(request: HttpRequest, reports: Mapping[str, Report]) -> Answer:
    name = unquote(request.path.removeprefix("/reports/"))
    try:
        if name not in reports:
            raise UnknownModel("no such model", got=name)
        return deflated(report_answer(request, reports[name]), request)
    except HearthError as error:
        return of_error(error, request.path)
