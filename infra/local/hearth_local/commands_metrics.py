"""`hearth metrics`: what Prometheus scrapes, to look at or to scrape.

A deployed API wants a signature, and Prometheus signs nothing that it scrapes: `--listen` stands
between, takes a scrape on this machine and passes it on with a signature.
"""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import click
from botocore.exceptions import BotoCoreError

from hearth_local.chosen import chosen, stack_option
from hearth_local.errors import LocalError
from hearth_local.http_call import Call, Reply, require, send
from hearth_local.target import Target

PATHS = ("/metrics", "/monitoring/prometheus/metrics")
_OPENMETRICS = "application/openmetrics-text; version=1.0.0"
# What a scrape decides by, and what it is told.
_ASKED, _TOLD = ("Accept", "Accept-Encoding"), ("Content-Type", "Content-Encoding")
_TIMEOUT_S = 10.0


class AddressUnusable(LocalError):
    """Nothing can listen there."""


@click.command(short_help="Show what Prometheus scrapes, or serve it.")
@click.option("--listen", metavar="HOST:PORT", help="Serve it there to Prometheus, until stopped.")
@click.option("--openmetrics", is_flag=True, help="Show it in OpenMetrics' format.")
@stack_option
def metrics(*, listen: str | None, openmetrics: bool, stack: str | None) -> None:
    """Show the metrics of all models, as GET /metrics has them.

    With --listen they are served to a Prometheus on this machine, each scrape asking the stack.
    """
    found = chosen(stack)
    if listen is None:
        call = Call("GET", PATHS[0], headers={"Accept": _OPENMETRICS} if openmetrics else {})
        click.echo(require(found, call).body.decode(), nl=False)
        return
    with server(found, listen) as serving:
        host, port = serving.server_address[:2]
        click.echo(f"ready: http://{host!s}:{port}{PATHS[0]}")
        sys.stdout.flush()
        try:
            serving.serve_forever()
        except KeyboardInterrupt:
            click.echo("stopped")


def server(target: Target, listen: str) -> ThreadingHTTPServer:
    """Return a server of a stack's metrics at `HOST:PORT`; port 0 is any that is free.

    Raises:
        AddressUnusable: If that is no address, or not one of this machine, or in use.
    """
    host, _, port = listen.rpartition(":")
    try:
        return ThreadingHTTPServer((host or "127.0.0.1", int(port)), _handler(target))
    except (ValueError, OverflowError, OSError) as error:
        raise AddressUnusable(
            f"--listen {listen}", str(error), "HOST:PORT", "name a free one: 127.0.0.1:9464"
        ) from error


def _handler(target: Target) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _TIMEOUT_S

        def do_GET(self) -> None:
            reply = self._ask()
            self.send_response(reply.status)
            told = {name.lower(): value for name, value in reply.headers.items()}
            for name in _TOLD:
                if name.lower() in told:
                    self.send_header(name, told[name.lower()])
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def _ask(self) -> Reply:
            # Only these: who may reach this port may not reach the rest of the API through it.
            if self.path not in PATHS:
                return Reply(404, {}, b"")
            asked = {name: self.headers[name] for name in _ASKED if name in self.headers}
            try:
                return send(target, Call("GET", self.path, headers=asked))
            except (LocalError, BotoCoreError) as error:  # no credentials is one of them
                return Reply(502, {"Content-Type": "text/plain"}, f"{error}\n".encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
            """Write nothing: a scrape a minute is no news."""

    return Handler
