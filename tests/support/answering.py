"""An HTTP server whose requests are answered as functions answer them: by a flow, inside its door."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from hearth.domain.errors import HearthError
from hearth.edge.answers import Answer
from hearth.edge.compression import deflated
from hearth.edge.events import HttpRequest
from hearth.edge.problem import of_error

Flow = Callable[[HttpRequest], Answer]


@contextmanager
def answering(flow: Flow) -> Iterator[str]:
    """Serve whatever a flow answers; yield the server's address."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            query = parse_qs(parts.query)
            answer = _of(flow, HttpRequest(self.command, parts.path, headers, body, query=query))
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST = _answer  # noqa: N815 (what http.server looks for)

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


def _of(flow: Flow, request: HttpRequest) -> Answer:
    try:
        return deflated(flow(request), request)
    except HearthError as error:
        return of_error(error, request.path)
