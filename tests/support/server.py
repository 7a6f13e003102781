"""S3 behind a socket: for tests with several processes, or with threads that race."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server


class _Quiet(MotoRequestHandler):
    def log(self, *_args: object, **_kwargs: object) -> None:
        """Keep the test's output for the test."""


class S3Server:
    """moto's server on a free port of this machine, one request at a time.

    S3 checks a condition and writes as one step. moto does so only while nothing else runs, so
    requests are let in one after another.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # What was asked, in order: method and path with its query.
        self.asked: list[str] = []
        self._failing = 0
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server(
            "127.0.0.1", 0, self._one_at_a_time, threaded=True, request_handler=_Quiet
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def _one_at_a_time(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        with self._lock:
            if self._failing:
                start_response(f"{self._failing} Failing", [("Content-Length", "0")])
                return []
            path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
            self.asked.append(f"{environ['REQUEST_METHOD']} {path}?{query}")
            return list(self._app(environ, start_response))

    @contextmanager
    def failing(self, status: int) -> Iterator[None]:
        """Have every request answered with a status and nothing else."""
        self._failing = status
        try:
            yield
        finally:
            self._failing = 0

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
