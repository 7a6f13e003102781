"""A server of plain sockets that answers as a test says: wrongly, late, or not at all."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

KEEP, CLOSE, HANG = "keep", "close", "hang"


@dataclass(frozen=True)
class Asked:
    """A request: which connection of the server it came by, what it asks for, and its headers."""

    connection: int
    target: str
    headers: Mapping[str, str]

    def span(self, size: int) -> tuple[int, int]:
        """Return the first byte that is asked for and the one after the last, of so many."""
        first, _, last = self.headers["range"].removeprefix("bytes=").partition("-")
        return int(first), min(int(last) + 1, size)


@dataclass(frozen=True)
class Reply:
    """Bytes to send, and what becomes of the connection then."""

    sent: bytes
    then: str = KEEP


def reply(status: int, body: bytes = b"", then: str = KEEP, **headers: str) -> Reply:
    """Return an answer; a header of its own may say another length than the body's."""
    fields = {"content_length": str(len(body)), "etag": '"e"', **headers}
    lines = [f"HTTP/1.1 {status} X"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return Reply("\r\n".join([*lines, "", ""]).encode() + body, then)


def error(status: int, code: str, **headers: str) -> Reply:
    body = f"<Error><Code>{code}</Code><Message>as the test wants</Message></Error>"
    return reply(status, body.encode(), **headers)


def part(body: bytes, asked: Asked, **headers: str) -> Reply:
    """Return the range of a body that is asked for."""
    start, end = asked.span(len(body))
    where = {"content_range": f"bytes {start}-{end - 1}/{len(body)}", **headers}
    return reply(206, body[start:end], **where)


@dataclass
class Wire:
    """Listens on loopback; what it answers is `script`'s, and what it was asked is in `asked`."""

    script: Callable[[Asked], Reply] = field(default=lambda _: reply(200, b"body"))
    asked: list[Asked] = field(default_factory=list)
    tls: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        scheme = "https" if self.tls else "http"
        self.url = f"{scheme}://localhost:{self._listening.getsockname()[1]}"

    @property
    def connections(self) -> int:
        return len(self._open)

    def close(self) -> None:
        # Closing alone does not wake who waits for a connection.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listening.close()
        for connection in self._open:
            _hang_up(connection)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection, len(self._open)))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with suppress(OSError):
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
                self._open[number - 1] = connection
            while head := _head(connection):
                first, *rest = head.split("\r\n")
                pairs = (line.partition(": ") for line in rest)
                headers = {name.lower(): value for name, _, value in pairs}
                asked = Asked(number, first.split(" ")[1], headers)
                self.asked.append(asked)
                answer = self.script(asked)
                connection.sendall(answer.sent)
                if answer.then == CLOSE:
                    break
                if answer.then == HANG:
                    return  # open until the end of the test
        _hang_up(connection)


def _head(connection: socket.socket) -> str:
    received = b""
    while not received.endswith(b"\r\n\r\n"):
        more = connection.recv(1)
        if not more:
            return ""
        received += more
    return received.decode("latin-1").removesuffix("\r\n\r\n")


def _hang_up(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
