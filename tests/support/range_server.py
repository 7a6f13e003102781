"""A server of one folder's files, whole or in ranges, by `sendfile`: nothing faster is on loopback.

Usage: python -m support.range_server FOLDER [BYTES_A_SECOND [DELAY_S]]. Prints its port and ends
when its standard input does. It plays S3 with the bucket in the path, as far as a download asks for
it; signatures are not read. It may hold all its connections together to a pace, and each answer
back for a while, as a network and a store do.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import unquote

_HEAD = """HTTP/1.1 {status}\r
Content-Length: {length}\r
Accept-Ranges: bytes\r
Last-Modified: Mon, 30 Nov 2026 12:00:00 GMT\r
ETag: "{etag}"\r
{more}\r
"""


class RangeServer:
    """The server in a process of its own: `with RangeServer(folder) as url`."""

    def __init__(self, folder: Path, pace: float = 0, delay_s: float = 0) -> None:
        module = [sys.executable, "-m", "support.range_server"]
        command = [*module, str(folder), str(pace), str(delay_s)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )

    def __enter__(self) -> str:
        assert self._process.stdout
        return f"http://127.0.0.1:{int(self._process.stdout.readline())}"

    def __exit__(self, *_exception: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(10)


class Pace:
    """What all connections share: so many bytes a second, or any number (0)."""

    def __init__(self, rate: float, delay_s: float) -> None:
        self._rate, self.delay_s = rate, delay_s
        self._lock = threading.Lock()
        self._free_at = 0.0

    @property
    def at_once(self) -> int:
        return 64 << 10 if self._rate else 1 << 30

    def wait_for(self, count: int) -> None:
        if self._rate:
            with self._lock:
                start = max(self._free_at, time.monotonic())
                self._free_at = start + count / self._rate
            time.sleep(max(0.0, self._free_at - time.monotonic()))


def _serve(connection: socket.socket, folder: Path, pace: Pace) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection, connection.makefile("rb") as lines:
        while head := _read(lines):
            method, target, headers = head
            time.sleep(pace.delay_s)
            _answer(connection, folder / target, method, headers, pace)


def _read(lines) -> tuple[str, str, dict[str, str]] | None:
    first = lines.readline().decode("latin-1").split(" ")
    if len(first) != 3:
        return None
    headers = {}
    while line := lines.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    # The first part of the path is the bucket.
    return first[0], unquote(first[1].partition("?")[0]).split("/", 2)[2], headers


def _answer(
    connection: socket.socket, path: Path, method: str, headers: dict[str, str], pace: Pace
) -> None:
    try:
        file = path.open("rb")
    except OSError:
        head = _HEAD.format(status="404 Not Found", length=0, etag="", more="")
        connection.sendall(head.encode())
        return
    with file:
        size = path.stat().st_size
        start, end = 0, size
        status, more = "200 OK", ""
        if wanted := headers.get("range"):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, end = int(first), min(int(last) + 1 if last else size, size)
            status = "206 Partial Content"
            more = f"Content-Range: bytes {start}-{end - 1}/{size}\r\n"
        etag = f"{path.stat().st_mtime_ns:x}-{size:x}"
        head = _HEAD.format(status=status, length=end - start, etag=etag, more=more)
        more_comes = method != "HEAD" and start < end
        connection.sendall(head.encode(), socket.MSG_MORE if more_comes else 0)
        while more_comes and start < end:
            count = min(end - start, pace.at_once)
            pace.wait_for(count)
            start += os.sendfile(connection.fileno(), file.fileno(), start, count)


def main(folder: Path, pace: Pace) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)

    def accept() -> None:
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=_serve, args=(connection, folder, pace), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Pace(*map(float, sys.argv[2:])))
