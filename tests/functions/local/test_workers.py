"""Workers behave as Lambda's sandboxes do, under either Runtime API client."""

import json
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hearth_local.stack import FunctionError

ECHO = """
    import json, os, sys
    count = 0
    def handler(event, context):
        global count
        count += 1
        print("hello", context.aws_request_id)
        print("on stderr", file=sys.stderr)
        open(os.path.join(os.environ["HEARTH_FILES_DIR"], "left"), "a").close()
        return {"event": event, "count": count, "pid": os.getpid(), "env": dict(os.environ),
                "path": sys.path, "left_ms": context.get_remaining_time_in_millis(),
                "name": context.function_name, "memory": context.memory_limit_in_mb,
                "arn": context.invoked_function_arn}
"""
BAD = """
    import os, sys, time
    def handler(event, context):
        how = event["how"]
        print("pid", os.getpid(), flush=True)
        if how == "raise": raise ValueError("bad " + "thing")
        if how == "exit": print("going", flush=True); os._exit(3)
        if how == "quit": os._exit(0)
        if how == "sleep": time.sleep(30)
        if how == "big": return "x" * 6_300_000
        if how == "fit": return "x" * 6_000_000
        if how == "object": return object()
        if how == "hog":
            held = []
            while True:
                held.append(bytearray(b"x") * 20_000_000); time.sleep(0.02)
        return os.getpid()
"""
SLOW = """
    import os, time
    def handler(event, context):
        time.sleep(event["s"])
        return os.getpid()
"""
IMPORTS = """
    def handler(event, context):
        import numpy
        return numpy.__version__
"""


@pytest.fixture(scope="module", params=["awslambdaric", "small"])
def stack(request, tmp_path_factory, project, run_stack):
    numpy = {"Layers": [{"Ref": "NumericLayer"}]}
    template = project.write(
        tmp_path_factory.mktemp("workers"),
        {
            "echo": (ECHO, {"Environment": {"Variables": {"GREETING": "hi"}}}),
            "bad": (BAD, {"Timeout": 1, "MemorySize": 128}),
            "slow": (SLOW, {}),
            "broken": ("import not_there", {}),
            "nohandler": ("x = 1", {}),
            "raises": ("raise RuntimeError('at import')", {}),
            "absent": ("", {"CodeUri": "functions/nowhere"}),
            "without": (IMPORTS, {}),
            "with": (IMPORTS, numpy),
        },
        layers={"numeric": "numpy>=2 --hash=sha256:00 \\\n    --hash=sha256:11\n"},
    )
    with run_stack(template, client=request.param, workers=2) as running:
        yield running


def log_of(stack, name):
    return (stack.state_dir / "logs" / f"{name}.log").read_text()


def worker_of(stack, how):
    """Return the process that took a call of `bad`, whatever became of it, and the error."""
    answer = stack.call("bad", json.dumps({"how": how}).encode())
    [pid] = re.findall(r"^pid (\d+)$", answer.log.decode(), re.MULTILINE)
    return int(pid), json.loads(answer.payload)


def error_of(stack, function, event):
    with pytest.raises(FunctionError) as caught:
        stack.invoke(function, event)
    return caught.value.error


def test_worker_context_holds_what_the_template_says(stack):
    """The context names the function, its memory and its deadline."""
    result = stack.invoke("echo", {"a": [1, "é"]})
    assert result["event"] == {"a": [1, "é"]}
    assert result["name"] == "hearth-EchoFunction"
    assert result["memory"] == "256"
    assert result["arn"].endswith(":function:hearth-EchoFunction")
    assert 3000 < result["left_ms"] <= 5000


def test_worker_environment_is_lambdas_and_not_the_users(stack, monkeypatch):
    """A worker sees Lambda's variables and the template's, none of the user's."""
    seen = stack.invoke("echo", {})["env"]
    assert seen["GREETING"] == "hi"
    assert seen["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.13"
    assert seen["AWS_ENDPOINT_URL"] == stack.s3_endpoint
    assert seen["AWS_ENDPOINT_URL_LAMBDA"] == stack.url
    assert seen["_X_AMZN_TRACE_ID"].startswith("Root=1-")
    assert "PYTEST_CURRENT_TEST" not in seen
    assert seen["HOME"] != os.environ.get("HOME")


def test_worker_state_stays_between_calls(stack):
    """A warm worker keeps its process and its module globals."""
    first, second = stack.invoke("echo", {}), stack.invoke("echo", {})
    assert second["pid"] == first["pid"]
    assert second["count"] == first["count"] + 1


def test_worker_import_path_has_no_site_packages(stack):
    """Only the function's folder, its layers, the runtime and the standard library are importable."""
    path = stack.invoke("echo", {})["path"]
    assert not [entry for entry in path if "site-packages" in entry]
    assert path[-1] != str(Path(__file__).parent)


def test_function_without_the_layer_cannot_import_its_wheel(stack):
    """A function sees only the layers that the template gives it."""
    assert error_of(stack, "without", {})["errorMessage"] == "No module named 'numpy'"


def test_function_with_the_layer_imports_its_wheel(stack):
    """A layer's requirements are what its functions can import."""
    assert stack.invoke("with", {}).startswith("2.")


def test_handler_exception_is_the_answer_and_keeps_the_worker(stack):
    """An exception is reported with type, message and frames, and the worker goes on."""
    before, error = worker_of(stack, "raise")
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "bad thing")
    assert "bad.py" in error["stackTrace"][0]
    assert "bootstrap" not in str(error["stackTrace"])
    assert "small_client" not in str(error["stackTrace"])
    assert before in {stack.invoke("bad", {"how": "pid"}) for _ in range(4)}


def test_result_that_is_no_json_is_a_marshal_error(stack):
    """What cannot be written as JSON is the function's error."""
    assert error_of(stack, "bad", {"how": "object"})["errorType"] == "Runtime.MarshalError"


@pytest.mark.parametrize(
    ("how", "words"),
    [("exit", "exit status 3"), ("quit", "exited without providing a reason")],
)
def test_worker_that_ends_in_a_call_is_replaced(stack, how, words):
    """A process that ends answers the call with Runtime.ExitError; the next call has a new one."""
    ended, error = worker_of(stack, how)
    assert error["errorType"] == "Runtime.ExitError"
    assert words in error["errorMessage"]
    assert ended not in {stack.invoke("bad", {"how": "pid"}) for _ in range(4)}


def test_worker_over_its_time_is_killed_and_replaced(stack):
    """The template's Timeout holds, in Lambda's words."""
    began = time.monotonic()
    error = error_of(stack, "bad", {"how": "sleep"})
    assert error["errorMessage"].endswith("Task timed out after 1.00 seconds")
    assert error["errorType"] == "Sandbox.Timedout"
    assert time.monotonic() - began < 2
    assert stack.invoke("bad", {"how": "pid"})
    assert "Status: timeout" in log_of(stack, "bad")


def test_worker_over_its_memory_is_killed(stack):
    """A worker that holds more than the function's memory is killed as by Lambda."""
    error = error_of(stack, "bad", {"how": "hog"})
    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"].endswith("signal: killed")
    assert "of its 128 MB memory" in log_of(stack, "bad")


def test_response_over_the_limit_is_refused(stack):
    """A response of more than 6,291,556 bytes never arrives."""
    error = error_of(stack, "bad", {"how": "big"})
    assert error["errorType"] == "Function.ResponseSizeTooLarge"
    assert "6291556" in error["errorMessage"]
    assert stack.invoke("bad", {"how": "pid"})


def test_response_under_the_limit_arrives_whole(stack):
    """A response of 6 million bytes arrives."""
    assert len(stack.invoke("bad", {"how": "fit"})) == 6_000_000


@pytest.mark.parametrize(
    ("function", "error_type", "words"),
    [
        ("broken", "Runtime.ImportModuleError", "No module named 'not_there'"),
        ("nohandler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'nohandler'"),
        ("raises", "RuntimeError", "at import"),
        ("nowhere", "Runtime.InvalidEntrypoint", "functions/nowhere"),
    ],
)
def test_function_that_cannot_start_answers_with_why(stack, function, error_type, words):
    """An error while importing is the answer to each call, and is known from the start."""
    for _ in range(2):
        error = error_of(stack, function, {})
        assert error["errorType"] == error_type
        assert words in error["errorMessage"]
    assert words in stack.failures[function]


def test_calls_run_at_once_up_to_the_limit_and_then_queue(stack):
    """Two workers serve two calls at once; the third call waits and is served."""
    began = time.monotonic()
    with ThreadPoolExecutor(4) as threads:
        pids = list(threads.map(lambda _: stack.invoke("slow", {"s": 0.4}), range(4)))
    assert len(set(pids)) == 2
    assert 0.8 <= time.monotonic() - began < 2


def test_many_concurrent_calls_are_each_answered_with_their_own(stack):
    """Under load no answer reaches another caller."""
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda n: stack.invoke("echo", {"n": n})["event"], range(200)))
    assert results == [{"n": n} for n in range(200)]


def test_log_has_the_calls_lines_in_order(stack):
    """START, what the function prints, END and REPORT, each with the request id."""
    answer = stack.call("echo", b"{}")
    lines = answer.log.decode().splitlines()
    request_id = re.match(r"START RequestId: (\S+) Version: \$LATEST", lines[0])[1]
    assert lines[1:3] == [f"hello {request_id}", "on stderr"]
    assert lines[3] == f"END RequestId: {request_id}"
    assert re.match(rf"REPORT RequestId: {request_id}\tDuration: [\d.]+ ms\tBilled", lines[4])
    assert f"\t{request_id}\thello {request_id}\n" in log_of(stack, "echo")


def test_sandbox_files_are_removed_with_the_worker(stack):
    """Each worker has its own ephemeral storage, gone when the worker is."""
    before = len(list((stack.state_dir / "sandboxes").glob("bad-*")))
    for _ in range(3):
        error_of(stack, "bad", {"how": "exit"})
    stack.invoke("bad", {"how": "pid"})
    time.sleep(0.2)
    assert len(list((stack.state_dir / "sandboxes").glob("bad-*"))) <= max(before, 2)
    files = {p.parent.parent.name for p in (stack.state_dir / "sandboxes").glob("*/files/left")}
    assert all(name.startswith("echo-") for name in files)


def test_stack_starts_only_the_first_worker_of_a_function(stack):
    """Further workers come on demand."""
    assert len(list((stack.state_dir / "sandboxes").glob("with-*"))) == 1
