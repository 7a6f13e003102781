"""An answer of HTTP/1.1 is read as the standard library reads it, and more strictly."""

from __future__ import annotations

import io
import socket
import threading
from http.client import HTTPResponse
from typing import Any

import pytest
from hearth.stores.http_connection import BadAnswer, Connection, Response
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.sampled_from(["ETag", "x-amz-meta-a", "Content-Type", "X-Odd", "Last-Modified"])
VALUES = st.text(
    st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f\x85\xa0")
)
BODIES = st.binary(max_size=300)


class Wire:
    """What http.client takes for a socket."""

    def __init__(self, sent: bytes) -> None:
        self._sent = sent

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._sent)


def chunked(body: bytes, sizes: list[int], trailers: bytes) -> bytes:
    parts, rest = [], body
    for size in [*sizes, len(body)]:
        part, rest = rest[:size], rest[size:]
        if part:
            parts.append(b"%x;note=1\r\n%s\r\n" % (len(part), part))
    return b"".join([*parts, b"0\r\n", trailers, b"\r\n"])


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """An answer as it is sent: its body of a stated length, in chunks, or up to the end."""
    head = b"HTTP/1.1 %d OK\r\n" % draw(st.sampled_from([200, 206, 304, 403, 404, 503]))
    for name, value in draw(st.lists(st.tuples(NAMES, VALUES), max_size=4)):
        head += f"{name}: {value}\r\n".encode("latin-1")
    body = draw(BODIES)
    if b" 304 " in head[:14]:
        return head + b"\r\n"
    form = draw(st.sampled_from(["length", "chunks", "end"]))
    if form == "length":
        return head + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    if form == "chunks":
        sizes = draw(st.lists(st.integers(1, 100), max_size=5))
        trailers = draw(st.sampled_from([b"", b"x-amz-checksum: 1\r\n"]))
        return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(body, sizes, trailers)
    return head + b"\r\n" + body


def ours(sent: bytes, buffer_size: int = 0) -> tuple[int, dict[str, str], bytes, bool]:
    response = Response(io.BufferedReader(io.BytesIO(sent)))
    if not buffer_size:
        body = response.read()
    else:
        body, buffer = b"", memoryview(bytearray(buffer_size))
        while count := response.readinto(buffer):
            body += buffer[:count]
    return response.status, dict(response.headers), body, response.ended


def theirs(sent: bytes) -> tuple[int, dict[str, str], bytes, bool]:
    response = HTTPResponse(Wire(sent), method="GET")
    response.begin()
    headers: dict[str, str] = {}
    for name, value in response.getheaders():
        headers[name.lower()] = (
            f"{headers[name.lower()]},{value}" if name.lower() in headers else value
        )
    return response.status, headers, response.read(), True


@given(answers(), st.sampled_from([0, 1, 7, 1000]))
def test_answer_is_what_the_standard_library_makes_of_it(sent: bytes, buffer_size: int) -> None:
    """Status, headers and body of any answer are those that http.client reads."""
    assert ours(sent, buffer_size) == theirs(sent)


@given(answers(), st.data())
def test_answer_that_broke_off_is_none(sent: bytes, data: st.DataObject) -> None:
    """An answer that is cut anywhere is refused, if it says where it ends."""
    if b"Content-Length" not in sent and b"Transfer-Encoding" not in sent:
        return
    cut = sent[: data.draw(st.integers(0, len(sent) - 1))]
    with pytest.raises((BadAnswer, ConnectionResetError)):
        ours(cut, data.draw(st.sampled_from([0, 13])))


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\nContent-Length: x\r\n\r\n",
    ],
)
def test_what_is_no_answer_is_refused(sent: bytes) -> None:
    """Bytes that HTTP does not allow are an error, whatever could be guessed of them."""
    with pytest.raises((BadAnswer, ConnectionResetError)):
        ours(sent)


def test_interim_answers_are_passed_over() -> None:
    """Informational answers come before the one that counts."""
    sent = b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"
    assert ours(sent) == (200, {"content-length": "1"}, b"x", True)


@pytest.mark.parametrize(
    ("head", "keeps"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Close\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n", False),
        (b"HTTP/1.1 200 OK\r\n", False),
    ],
)
def test_connection_is_kept_where_the_answer_lets_it(head: bytes, keeps: bool) -> None:
    """A connection serves another request unless the answer ends with it."""
    assert Response(io.BufferedReader(io.BytesIO(head + b"\r\n"))).keeps is keeps


def test_one_connection_serves_requests_in_turn() -> None:
    """What is sent is a GET with its headers, one after another over one connection."""
    heard: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        accepted, _ = listener.accept()
        with accepted:
            for body in (b"one", b"three"):
                heard.append(accepted.recv(1000))
                accepted.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
                )

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        connection = Connection("127.0.0.1", listener.getsockname()[1], 5.0)
        connection.connect()
        answers: list[Any] = []
        for path in ("/a", "/b?c=d"):
            connection.request(path, {"host": "here", "x": "y"})
            answers.append(connection.response().read())
        thread.join()
        connection.close()

    assert answers == [b"one", b"three"]
    assert heard == [
        b"GET /a HTTP/1.1\r\nhost: here\r\nx: y\r\n\r\n",
        b"GET /b?c=d HTTP/1.1\r\nhost: here\r\nx: y\r\n\r\n",
    ]


def test_header_cannot_bring_another_with_it() -> None:
    """A value with the end of a line in it is refused before anything is sent."""
    with pytest.raises(ValueError, match="end of a line"):
        Connection("127.0.0.1", 1, 1.0).request("/", {"x": "y\r\nz: 1"})
