"""Whose credentials a request is signed with."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hearth.stores import aws_credentials
from hearth.stores.aws_credentials import Container, Credentials
from hearth.stores.aws_errors import Unsigned


class Agent:
    """Lends credentials over HTTP, as the one of a container or of a restored sandbox does."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []
        self.lasts = timedelta(hours=1)
        self.statuses: list[int] = []
        self.body: bytes | None = None
        agent = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                agent.asked.append(self.headers["Authorization"])
                self.send_response(agent.statuses.pop(0) if agent.statuses else 200)
                body = agent.body if agent.body is not None else agent.lent()
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/lent?to=me"

    def lent(self) -> bytes:
        until = (datetime.now(UTC) + self.lasts).strftime("%Y-%m-%dT%H:%M:%SZ")
        given = {"AccessKeyId": f"K{len(self.asked)}", "SecretAccessKey": "S", "Token": "T"}
        return json.dumps({**given, "Expiration": until}).encode()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def agent() -> Iterator[Agent]:
    made = Agent()
    yield made
    made.close()
    aws_credentials.container.cache_clear()


@pytest.fixture
def environ(agent: Agent) -> dict[str, str]:
    return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": agent.url}


def test_keys_in_the_environment_are_read_each_time():
    """Lambda may renew them there."""
    environ = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    assert aws_credentials.find(environ) == Credentials("a", "b")
    environ |= {"AWS_ACCESS_KEY_ID": "c", "AWS_SESSION_TOKEN": "d"}
    assert aws_credentials.find(environ) == Credentials("c", "b", "d")


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"AWS_ACCESS_KEY_ID": "half"},
        {"AWS_SECRET_ACCESS_KEY": "half"},
        {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/",
            "AWS_WEB_IDENTITY_TOKEN_FILE": "comes first",
        },
    ],
)
def test_anything_else_is_left_to_botocore(environ):
    """Roles, SSO, instances: its chain knows them, and says what half a key is."""
    assert aws_credentials.find(environ) is None


def test_container_lends_once_for_many_requests(agent, environ):
    """What was lent is kept while it lasts."""
    assert aws_credentials.find(environ) == Credentials("K1", "S", "T")
    assert aws_credentials.find(environ) == Credentials("K1", "S", "T")
    assert len(agent.asked) == 1


def test_container_is_asked_again_before_its_credentials_expire(agent, environ):
    """A request that is signed now must still hold when it arrives."""
    agent.lasts = timedelta(minutes=9)
    container = Container()
    assert container.credentials(environ).access_key == "K1"
    assert container.credentials(environ).access_key == "K2"


def test_credentials_that_still_hold_are_used_when_the_container_fails(agent, environ):
    """Renewing early is no reason to fail early."""
    agent.lasts = timedelta(minutes=9)
    container = Container()
    container.credentials(environ)
    agent.statuses = [500] * 3
    assert container.credentials(environ).access_key == "K1"


def test_container_that_fails_once_is_asked_again(agent, environ):
    """Three attempts, as botocore makes."""
    agent.statuses = [500, 500]
    assert Container().credentials(environ).access_key == "K3"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"AccessKeyId": "K"}', b"\xff"])
def test_container_that_gives_no_credentials_says_so(agent, environ, body):
    """Whatever it answers, the error is of the credentials."""
    agent.body = body
    with pytest.raises(Unsigned, match="gives no credentials"):
        Container().credentials(environ)


@pytest.mark.parametrize("url", ["http://example.com/", "ftp://127.0.0.1/", "", "http://10.0.0.1/"])
def test_credentials_are_fetched_from_nobody_else_without_tls(url):
    """A stranger on the way would read them."""
    with pytest.raises(Unsigned, match="without TLS"):
        Container().credentials({"AWS_CONTAINER_CREDENTIALS_FULL_URI": url})


def test_container_is_shown_the_token_of_the_environment_or_of_a_file(
    agent, environ, tmp_path: Path
):
    """The file comes first and is read each time: whoever renews it writes it anew."""
    environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "from the variable"
    Container().credentials(environ)
    file = tmp_path / "token"
    environ["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = str(file)
    for text in ("one", "two"):
        file.write_text(text)
        Container().credentials(environ)
    assert agent.asked == ["from the variable", "one", "two"]
    file.unlink()
    with pytest.raises(Unsigned, match="token"):
        Container().credentials(environ)


def test_relative_address_is_the_agents(monkeypatch):
    """ECS gives a path alone, and comes before a whole address."""
    asked = []

    def see(address):
        asked.append(str(address))
        raise OSError("nobody there")

    monkeypatch.setattr("hearth.stores.aws_connections.open_connection", see)
    environ = {
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/role",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/",
    }
    with pytest.raises(Unsigned, match=r"169\.254\.170\.2/v2/role"):
        Container().credentials(environ)
    assert asked == ["http://169.254.170.2"] * 3
