"""A server's life, as a client sees it: from its start to its first right answer, and on."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import processes
from bench.sandbox import Life, Served, WorkerFailed

# A server that has not answered for so long never will.
LIMIT_S = 120.0
_PAUSE_S = 0.005
_LAST_WORDS = 2000

Start = Callable[[int, Path, Path], subprocess.Popen[bytes]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, and how its answer is read: from a JSON document to what NumPy makes an array of."""

    path: str
    body: bytes
    read: Callable[[Any], Any]


def live(start: Start, asked: Asked, answers: int, scratch: Path) -> Life:
    """Start a server, ask it until it answers, go on asking over one connection, end it.

    Args:
        start: Called with a port, an empty folder and a file for what the server prints.
        asked: What it is asked.
        answers: How many answers there are to be, at least one.
        scratch: A folder that is made for this life, and removed after it.

    Raises:
        WorkerFailed: If it ends, or does not answer in time.
    """
    scratch.mkdir(parents=True)
    output, folder, port = scratch / "output", scratch / "home", _free_port()
    folder.mkdir()
    started = time.perf_counter()
    process = start(port, folder, output)
    seen: list[int] = []
    try:
        first = _first(process, port, asked)
        start_s = time.perf_counter() - started
        seen = processes.tree(process.pid)
        served = [Served(start_s, processes.cpu_seconds(seen), first)]
        served += _rest(port, asked, answers - 1, seen)
        seen = processes.tree(process.pid)
        resident, peak = processes.tree_mb(seen), sum(processes.resident_mb(p)[1] for p in seen)
    except (OSError, http.client.HTTPException, WorkerFailed) as error:
        words = output.read_text(encoding="utf-8", errors="replace")[-_LAST_WORDS:]
        raise WorkerFailed(f"{error!r}\n{words}") from error
    finally:
        processes.end(seen or processes.tree(process.pid))
        _, process.returncode, usage = os.wait4(process.pid, 0)
        shutil.rmtree(scratch, ignore_errors=True)
    return Life(start_s, served, usage.ru_utime + usage.ru_stime, peak, resident)


def _first(process: subprocess.Popen[bytes], port: int, asked: Asked) -> bytes:
    """Ask until there is an answer: a server may listen before it can."""
    limit = time.monotonic() + LIMIT_S
    while time.monotonic() < limit and os.waitid(os.P_PID, process.pid, _NOT_REAPED) is None:
        connection = _connection(port)
        try:
            return _ask(connection, asked)
        except (OSError, http.client.HTTPException, WorkerFailed):
            time.sleep(_PAUSE_S)
        finally:
            connection.close()
    raise WorkerFailed("it ended or never answered")


_NOT_REAPED = os.WEXITED | os.WNOHANG | os.WNOWAIT


def _rest(port: int, asked: Asked, answers: int, pids: Sequence[int]) -> list[Served]:
    connection = _connection(port)
    served = []
    for _ in range(answers):
        before = time.perf_counter()
        answer = _ask(connection, asked)
        took = time.perf_counter() - before
        served.append(Served(took, processes.cpu_seconds(pids), answer))
    connection.close()
    return served


def _ask(connection: http.client.HTTPConnection, asked: Asked) -> bytes:
    connection.request("POST", asked.path, asked.body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer = response.read()
    if response.status != 200:
        raise WorkerFailed(f"{response.status} {answer[:500]!r}")
    return answer


def _connection(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def read(asked: Asked, answer: bytes) -> Any:
    return asked.read(json.loads(answer))
