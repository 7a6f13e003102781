"""`hearth up` comes up, says so, and leaves nothing behind however it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

BUSY = """
    import time
    def handler(event, context):
        print("working", flush=True)
        time.sleep(event.get("s", 0))
        return "done"
"""
HEARTH = [sys.executable, "-m", "hearth_local.cli"]


@pytest.fixture
def folder(tmp_path, project):
    project.write(
        tmp_path,
        {
            "busy": (
                BUSY,
                {
                    "Timeout": 60,
                    "Events": {
                        "Go": {"Type": "HttpApi", "Properties": {"Path": "/go", "Method": "GET"}},
                        "Odd": {"Type": "SQS", "Properties": {"Queue": "arn"}},
                    },
                },
            )
        },
        resources=project.bucket,
    )
    return tmp_path


@pytest.fixture
def up(folder):
    """Start `hearth up` and return its process and URL."""
    started = []

    def start(*options):
        process = subprocess.Popen(
            [*HEARTH, "up", "--port", "0", *options],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        line = process.stdout.readline()
        assert line.startswith("ready: http://127.0.0.1:"), process.stderr.read()
        return process, line.removeprefix("ready: ").strip()

    yield start
    for process in started:
        process.kill()
        process.communicate()


def run(folder, *arguments, text=None):
    return subprocess.run(
        [*HEARTH, *arguments],
        cwd=folder,
        input=text,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def children(pid):
    """Return the living descendants of a process."""
    found, frontier = set(), {pid}
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(stat.parent.name)] = int(fields[1])
    while frontier:
        frontier = {child for child, parent in parents.items() if parent in frontier}
        found |= frontier
    return found


def wait_gone(pids, seconds):
    end = time.monotonic() + seconds
    while left := {pid for pid in pids if Path(f"/proc/{pid}").exists()}:
        assert time.monotonic() < end, f"left behind: {left}"
        time.sleep(0.05)


def begin_call(folder, url):
    """Have a worker in the middle of a call."""
    name, port = url.removeprefix("http://").split(":")
    connection = socket.create_connection((name, int(port)))
    body = b'{"s": 50}'
    head = f"POST /2015-03-31/functions/busy/invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    log, end = folder / ".hearth" / "logs" / "busy.log", time.monotonic() + 5
    while not (log.is_file() and "working" in log.read_text()):
        assert time.monotonic() < end, "the call did not begin"
        time.sleep(0.02)
    return connection


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("client", "number"),
    [
        ("awslambdaric", signal.SIGTERM),
        ("awslambdaric", signal.SIGKILL),
        ("small", signal.SIGINT),
        ("small", signal.SIGKILL),
    ],
)
def test_end_of_the_stack_leaves_no_process(folder, up, client, number):
    """Stopped, interrupted or killed, even in the middle of a call, it takes every child along."""
    process, url = up("--client", client)
    with begin_call(folder, url):
        descendants = children(process.pid)
        assert len(descendants) >= 2
        process.send_signal(number)
        process.wait(10)
    wait_gone(descendants, 3)
    assert process.returncode == (-number if number == signal.SIGKILL else 0)


def test_up_says_where_everything_is(folder, up):
    """stack.json names the addresses; the screen names functions and what is left out."""
    process, url = up()
    state = json.loads((folder / ".hearth" / "stack.json").read_text())
    assert state["url"] == state["lambda_endpoint"] == url
    assert state["pid"] == process.pid
    assert state["functions"] == {"busy": "hearth-BusyFunction"}
    assert requests.get(url + "/go", timeout=5).text == "done"
    process.send_signal(signal.SIGTERM)
    screen = process.communicate(timeout=10)[1]
    assert "1 route" in screen
    assert "events of type SQS have no local stand-in" in " ".join(screen.split())
    assert "\x1b" not in screen
    assert not (folder / ".hearth" / "stack.json").exists()
    assert not (folder / ".hearth" / "sandboxes").exists()


def test_second_up_in_a_folder_says_that_one_runs(folder, up):
    """Two stacks never share a folder; the message says where the first one is."""
    process, url = up()
    second = run(folder, "up", "--port", "0")
    assert second.returncode == 1
    assert url in second.stderr
    assert str(process.pid) in second.stderr
    assert "Traceback" not in second.stderr


def test_up_after_a_kill_starts_afresh(folder, up):
    """What a killed stack left behind does not stand in the way."""
    process, _ = up()
    process.kill()
    process.wait()
    _, url = up()
    assert requests.get(url + "/go", timeout=5).status_code == 200


def test_taken_port_is_named_with_what_to_do(folder):
    """The message names the port and another to try; nothing is left running."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        failed = run(folder, "up", "--port", str(port))
    assert failed.returncode == 1
    assert f"port {port}" in failed.stderr
    assert f"--port {port + 1}" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_commands_work_on_the_running_stack(folder, up):
    """invoke and logs find the stack of the folder they are run in, or of one above."""
    up()
    inside = folder / "functions" / "busy"
    called = run(inside, "invoke", "busy", "--event", "-", "--tail", text='{"s": 0}')
    assert called.stdout.strip() == '"done"'
    assert "REPORT RequestId" in called.stderr
    shown = run(inside, "logs", "busy")
    assert "working" in shown.stdout
    assert run(inside, "logs", "busy", "-n", "1").stdout.count("\n") == 1


def test_failed_call_exits_with_one(folder, up):
    """A function's error is printed and is the command's failure."""
    up()
    failed = run(folder, "invoke", "busy", "--event", "-", text="[]")
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["errorType"] == "AttributeError"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_stack_without_its_s3_stops_and_says_so(up):
    """A stack that cannot go on does not linger."""
    process, _ = up()
    (aws,) = [
        pid
        for pid in children(process.pid)
        if "aws_child" in Path(f"/proc/{pid}/cmdline").read_text()
    ]
    os.kill(aws, signal.SIGKILL)
    assert process.wait(10) == 1
    assert "stand-in for S3" in process.stderr.read()


def test_follow_prints_lines_as_they_come(folder, up):
    """logs --follow shows what is written after it started."""
    _, url = up()
    with subprocess.Popen(
        [*HEARTH, "logs", "busy", "--follow"], cwd=folder, stdout=subprocess.PIPE, text=True
    ) as shown:
        time.sleep(0.5)
        requests.get(url + "/go", timeout=5)
        assert "START" in shown.stdout.readline()
        shown.send_signal(signal.SIGINT)
        assert shown.wait(5) in {0, 1}


@pytest.mark.parametrize("arguments", [("invoke", "busy"), ("invoke", "nobody")])
def test_command_without_a_stack_says_how_to_start_one(folder, arguments):
    """The message names the command that helps."""
    failed = run(folder, *arguments)
    assert failed.returncode == 1
    assert "hearth up" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_up_without_a_template_says_so(tmp_path):
    """Outside of a project there is nothing to run."""
    failed = run(tmp_path, "up")
    assert failed.returncode == 1
    assert "template.yaml" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_help_is_quick():
    """The list of commands imports none of them."""
    code = "import sys, hearth_local.cli; print('rich' in sys.modules, 'aiohttp' in sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={}, check=True
    )
    assert shown.stdout.split() == ["False", "False"], os.linesep + shown.stderr
