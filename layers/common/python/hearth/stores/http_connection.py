"""GET over HTTP/1.1, as far as S3 and the endpoints of credentials need it.

The standard library's `http.client` does more, and brings a mail parser, calendars and locales
with it: of a cold start, a twelfth of what ONNX Runtime takes. tests/unit/stores holds this module
to what that one makes of the same bytes.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping
from io import BufferedReader
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ssl import SSLContext

_LONGEST_LINE, _MOST_HEADERS = 1 << 16, 100
_NO_BODY = (204, 304)
_HEXADECIMAL = frozenset(b"0123456789abcdefABCDEF")


class BadAnswer(Exception):
    """What came is no answer of HTTP's, or ends before it is whole."""


class Connection:
    """One connection, for one request after another.

    Args:
        host: Name or address.
        port: Where to connect.
        timeout_s: For connecting; then for each wait for bytes, as `sock` has it.
        tls: What secures it; None for plain text.
    """

    def __init__(
        self, host: str, port: int, timeout_s: float, tls: SSLContext | None = None
    ) -> None:
        self._host, self._port, self._timeout_s, self._tls = host, port, timeout_s, tls
        self.sock: socket.socket | None = None
        self._file: BufferedReader | None = None

    def connect(self) -> None:
        """Open it.

        Raises:
            OSError: If nobody answers there, or TLS does not come about.
        """
        # As bytes: for text, Python imports what turns names of all languages into ASCII.
        host: Any = self._host.encode("ascii")
        self.sock = socket.create_connection((host, self._port), self._timeout_s)
        # A request is one small packet: it waits for no other.
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=host)
        self._file = BufferedReader(self.sock.makefile("rb", 0), 1 << 16)

    def request(self, target: str, headers: Mapping[str, str]) -> None:
        """Send a GET.

        Args:
            target: Path and query, escaped.
            headers: All of them, `host` too.

        Raises:
            ValueError: If a header would end its line.
            OSError: If it cannot be sent.
        """
        lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("a header holds the end of a line")
        sent = "\r\n".join([*lines, "", ""]).encode("latin-1")
        assert self.sock is not None
        # As `http.client` does: whoever listens to what goes out hears this, too.
        sys.audit("http.client.send", self, sent)
        self.sock.sendall(sent)

    def response(self) -> Response:
        """Return the answer as soon as its head is there.

        Raises:
            ConnectionResetError: If the other side hung up instead.
            BadAnswer, OSError: If no answer comes.
        """
        assert self._file is not None
        return Response(self._file)

    def close(self) -> None:
        for opened in (self._file, self.sock):
            if opened is not None:
                opened.close()
        self._file = self.sock = None


class Response:
    """An answer: its head was read, its body comes as it is asked for.

    Attributes:
        status: HTTP status.
        headers: Names in lower case; repeated ones joined by commas.
        length: Bytes of the body, -1 where only its end will tell.
        bounded: Whether it says where it ends: if not, nobody can tell whether it broke off.
        keeps: Whether the connection can be used again once the body was read.
    """

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        version, self.status = _status(file)
        self.headers = _headers(file)
        self._chunked = self.headers.get("transfer-encoding", "").lower() == "chunked"
        self.length = self._length()
        # Of what comes now: the body, or a chunk of it.
        self._left = 0 if self._chunked else self.length
        self._ended = self.length == 0
        closes = "close" in self.headers.get("connection", "").lower()
        self.bounded = self._chunked or self.length >= 0
        self.keeps = self.bounded and not closes and version == b"HTTP/1.1"

    @property
    def ended(self) -> bool:
        """Whether the whole body was read."""
        return self._ended

    def read(self) -> bytes:
        """Return what is left of the body.

        Raises:
            BadAnswer, OSError: If it breaks off.
        """
        if not self._chunked and self.length >= 0:
            body = self._file.read(self._left)
            if len(body) < self._left:
                raise BadAnswer(f"{self._left - len(body)} bytes are missing")
            self._left, self._ended = 0, True
            return body
        parts = []
        buffer = memoryview(bytearray(1 << 16))
        while count := self.readinto(buffer):
            parts.append(bytes(buffer[:count]))
        return b"".join(parts)

    def readinto(self, buffer: memoryview) -> int:
        """Fill a buffer as far as bytes come; return how many, 0 at the end.

        Raises:
            BadAnswer, OSError: If it breaks off.
        """
        if self._ended or not len(buffer):
            return 0
        if self._chunked and not self._left and not self._next_chunk():
            return 0
        wanted = buffer if self._left < 0 else buffer[: self._left]
        count = self._file.readinto(wanted)
        if not count and self._left > 0:
            raise BadAnswer(f"{self._left} bytes are missing")
        self._advance(count)
        return count

    def _advance(self, count: int) -> None:
        if self._left < 0:
            self._ended = not count
            return
        self._left -= count
        if not self._left:
            self._ended = not self._chunked
            if self._chunked and _line(self._file):
                raise BadAnswer("a chunk is longer than it says")

    def _next_chunk(self) -> bool:
        size = _line(self._file).partition(b";")[0].strip()
        if not size or not _HEXADECIMAL.issuperset(size):
            raise BadAnswer(f"a chunk's size is {size[:20]!r}")
        self._left = int(size, 16)
        if not self._left:
            _headers(self._file)  # trailers
            self._ended = True
        return not self._ended

    def _length(self) -> int:
        if self._chunked:
            return -1
        if self.status in _NO_BODY:
            return 0
        text = self.headers.get("content-length")
        if text is None:
            return -1
        if not (text.isascii() and text.isdigit()):
            raise BadAnswer(f"the answer's length is {text[:40]!r}")
        return int(text)


def _line(file: BufferedReader) -> bytes:
    line = file.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise BadAnswer("the answer's head broke off" if len(line) < _LONGEST_LINE else "too long")
    return line.rstrip(b"\r\n")


def _status(file: BufferedReader) -> tuple[bytes, int]:
    while True:
        if not file.peek(1):
            raise ConnectionResetError("the other side hung up without an answer")
        version, _, rest = _line(file).partition(b" ")
        status = rest.partition(b" ")[0]
        if not version.startswith(b"HTTP/1.") or len(status) != 3 or not status.isdigit():
            raise BadAnswer(f"no answer of HTTP/1.1: {(version + b' ' + rest)[:60]!r}")
        if status >= b"200":
            return version, int(status)
        _headers(file)  # it says that it goes on


def _headers(file: BufferedReader) -> dict[str, str]:
    found: dict[str, str] = {}
    for _ in range(_MOST_HEADERS):
        line = _line(file).decode("latin-1")
        if not line:
            return found
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise BadAnswer(f"no header: {line[:60]!r}")
        name, value = name.lower(), value.strip()
        found[name] = f"{found[name]},{value}" if name in found else value
    raise BadAnswer(f"more than {_MOST_HEADERS} headers")
