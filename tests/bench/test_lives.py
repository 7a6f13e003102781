"""The benches' two ways to play a contender's life: through the Runtime API, and over a socket."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from bench import processes, sandbox, server, share
from bench.sandbox import Worker, WorkerFailed
from bench.server import Asked

SERVER = """
import http.server, json, os, sys, time
from pathlib import Path
Path("started").write_text(str(os.getpid()))
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version, asked = "HTTP/1.1", 0
    def do_POST(self):
        Handler.asked += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"asked": Handler.asked}).encode()
        self.send_response(503 if Handler.asked < 3 else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
time.sleep(0.2)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def worker(folder: Path, handler: str) -> Worker:
    (folder / "function.py").write_text(handler)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(["", *sys.path]),
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "LAMBDA_TASK_ROOT": str(folder),
    }
    command = [sys.executable, "-m", "awslambdaric", "function.handler"]
    return Worker(command, environment, folder)


def live(folder: Path, handler: str, *events: object) -> sandbox.Life:
    given = [json.dumps(event).encode() for event in events]
    return sandbox.live(worker(folder, handler), given, folder / "scratch")


def test_worker_answers_every_event_in_order(tmp_path: Path) -> None:
    """A life holds one answer an event, with the time and the processor's time that it took."""
    life = live(tmp_path, "def handler(event, context): return event * 2", 1, 2, 3)
    assert [json.loads(served.payload) for served in life.served] == [2, 4, 6]
    used = [served.cpu_s for served in life.served]
    assert 0 < used[0] <= used[1] <= used[2] <= life.cpu_s
    assert all(0 < served.seconds < life.start_s for served in life.served[1:])
    assert 0 < life.resident_mb <= life.peak_mb


def test_nothing_of_a_worker_is_left(tmp_path: Path) -> None:
    """When a life is over, its process has ended and its folder is gone."""
    life = live(tmp_path, "import os\ndef handler(event, context): return os.getpid()", 1)
    assert not Path(f"/proc/{life.served[0].payload.decode()}").exists()
    assert not (tmp_path / "scratch").exists()


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        ("import no_such_module", "No module named 'no_such_module'"),
        ("def handler(event, context): raise ValueError('odd event')", "odd event"),
        ("import os\nprint('last words', flush=True)\nos._exit(3)", "last words"),
    ],
)
def test_worker_that_fails_is_an_error_with_its_words(
    tmp_path: Path, handler: str, words: str
) -> None:
    """A worker that reports an error or ends is no measurement, and says why."""
    with pytest.raises(WorkerFailed, match=words):
        live(tmp_path, handler, 1)


def start(port: int, folder: Path, output: Path, *, script: str) -> subprocess.Popen[bytes]:
    with output.open("wb") as printed:
        return subprocess.Popen(
            [sys.executable, "-c", script, str(port)],
            cwd=folder,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


ASKED = Asked("/", b"{}", lambda answer: answer["asked"])


def test_server_is_asked_until_it_answers_and_then_counted(tmp_path: Path) -> None:
    """A first answer is the first with status 200; as many follow as are asked for, over one connection."""
    life = server.live(partial(start, script=SERVER), ASKED, 4, tmp_path / "scratch")
    assert [server.read(ASKED, served.payload) for served in life.served] == [3, 4, 5, 6]
    assert life.start_s > 0.2
    assert not (tmp_path / "scratch").exists()


def test_server_that_ends_is_an_error_with_its_words(tmp_path: Path) -> None:
    """A server that ends before it answers is no measurement, and says why."""
    with pytest.raises(WorkerFailed, match="cannot start"):
        server.live(
            partial(start, script="raise SystemExit('cannot start')"), ASKED, 1, tmp_path / "s"
        )


def test_children_of_a_process_belong_to_its_tree(tmp_path: Path) -> None:
    """What a process started is found with it, and ended with it."""
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        found = processes.tree(parent.pid)
        assert found[0] == parent.pid
        assert len(found) == 2
        assert processes.tree_mb(found) < sum(processes.resident_mb(pid)[0] for pid in found)
        processes.end(found)


@pytest.fixture
def small() -> Iterator[share.Share]:
    try:
        with share.of(512) as made:
            yield made
    except share.CannotLimit as error:
        pytest.skip(str(error))


BUSY = """
import time
def busy(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until: pass
busy(0.2)
def handler(event, context): busy(0.2)
"""


@pytest.mark.parametrize("boosted", [False, True])
def test_share_limits_what_a_worker_gets(tmp_path: Path, small: share.Share, boosted: bool) -> None:
    """512 MB have 0.29 of a processor: from the start, or from the first event on."""
    at = share.Share(small.memory_mb, small.processes, boosted)
    events = [b"1", b"2"]
    life = sandbox.live(at.limiting(worker(tmp_path, BUSY)), events, tmp_path / "s", at.limit)
    last = life.served[-1]
    assert last.seconds > 2 * 0.2
    assert (last.cpu_s - life.served[0].cpu_s) / last.seconds < 0.45
