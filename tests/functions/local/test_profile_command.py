"""`hearth profile` against a function behind Lambda's API that profiles a real version in S3."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hearth.domain.errors import HearthError
from hearth.edge.answers import JSON, Answer, of_json
from hearth.edge.events import HttpRequest
from hearth.optimizing.profiling import Profiler, profile, wish
from hearth.publishing.publication import Publisher, Source
from hearth.serving.files import Files
from hearth.serving.warming import Attempt, Loader, load_and_warm
from hearth.stores.artefacts import Artefacts
from hearth.stores.aws_s3 import S3Blobs, S3Documents
from hearth.stores.clock import SystemClock
from hearth.stores.registry import Registry
from hearth_local import state_file
from hearth_local.cli import main
from hearth_local.state_file import State
from support.answering import answering
from support.recording import RecordingAnnouncer

BUCKET = "hearth-models"
MODEL = Path(__file__).parents[2] / "models" / "digits_conv.onnx"
Hearth = Callable[..., Result]


@pytest.fixture
def artefacts(server_s3: Any, tmp_path: Path) -> Artefacts:
    """Versions 1 and 2 of `digits`, of which `stable` leads to the newer one, and 1 of `idle`."""
    documents, blobs = S3Documents(BUCKET, server_s3), S3Blobs(BUCKET, server_s3)
    artefacts, clock = Artefacts(documents, blobs), SystemClock()
    files = Files(tmp_path / "loading", artefacts)
    loader = Loader(Registry(documents), artefacts, RecordingAnnouncer(), clock, files, 1769, 3)
    for name, note in (("digits", "first"), ("digits", "second"), ("idle", "")):
        Publisher(artefacts, clock).publish(Source(name, MODEL, note=note, rtol=1e-3 + len(note)))
    for version in (1, 2):
        load_and_warm("digits", version, Attempt(str(version), lambda: 60.0), loader)
    return artefacts


@pytest.fixture
def asked() -> list[dict[str, Any]]:
    """The events that the function was called with."""
    return []


@pytest.fixture
def hearth(
    artefacts: Artefacts,
    server_s3: Any,
    asked: list[dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Hearth]:
    """`hearth(*arguments)`: the command, in a folder where a stack runs that can profile."""
    files, blobs = Files(tmp_path / "profiled", artefacts), S3Blobs(BUCKET, server_s3)
    profiler = Profiler(artefacts, files, blobs, 3008, 1769, lambda: 100.0)

    def invoke(request: HttpRequest) -> Answer:
        assert request.path == "/2015-03-31/functions/hearth-optimize/invocations"
        asked.append(json.loads(request.body))
        try:
            return of_json(200, profile(wish(asked[-1]), profiler))
        except HearthError as error:  # as awslambdaric tells of it
            said = {"errorMessage": str(error), "errorType": type(error).__name__}
            headers = {**JSON, "X-Amz-Function-Error": "Unhandled"}
            return Answer(200, json.dumps(said).encode(), headers)

    (tmp_path / "template.yaml").touch()
    (tmp_path / ".hearth").mkdir()
    monkeypatch.chdir(tmp_path)
    s3, functions = server_s3.meta.endpoint_url, {"optimize": "hearth-optimize"}
    with answering(invoke) as url:
        state = State(url, s3, BUCKET, "eu-central-1", os.getpid(), url, functions)
        state_file.write(tmp_path / ".hearth", state)
        yield lambda *arguments: CliRunner().invoke(main, ["profile", *arguments])


def good(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


def test_table_says_what_takes_the_time(hearth: Hearth, asked: list[dict[str, Any]]) -> None:
    """By operator, then by node, the most expensive first; the stable version where none is named."""
    lines = good(hearth("digits", "--runs", "7")).splitlines()
    assert asked == [{"do": "profile", "model": "digits", "version": 2, "runs": 7}]
    assert lines[0].startswith("digits version 2: ")
    assert lines[0].endswith(" a run under the profiler, median of 7 warm runs")
    assert lines[1].split() == ["operator", "calls", "a", "run", "share", "inputs", "weights", "outputs"]  # fmt: skip
    assert lines[2].split()[:2] == ["Conv", "12"]
    assert "█" in lines[2]
    nodes = next(i for i, line in enumerate(lines) if line.startswith("node "))
    assert lines[nodes + 1].split()[1] == "Conv"
    assert lines[-1] == "trace: reports/digits/2/profile.json.gz (hearth profile --trace FILE)"


def test_named_version_is_profiled(hearth: Hearth, asked: list[dict[str, Any]]) -> None:
    """How many runs are made is left to the function where nothing is said."""
    good(hearth("digits", "--version", "1"))
    assert asked == [{"do": "profile", "model": "digits", "version": 1}]


def test_json_is_what_the_function_answered(hearth: Hearth) -> None:
    """Everything that was measured, for programs."""
    document = json.loads(good(hearth("digits", "--runs", "3", "--json")))
    assert {"model", "version", "runs", "run_ms", "operators", "nodes", "left_out", "trace", "processor"} <= document.keys()  # fmt: skip
    assert document["operators"][0].keys() == document["nodes"][0].keys()


@pytest.mark.parametrize("name", ["trace.json", "trace.json.gz"])
def test_trace_is_written_to_a_file(hearth: Hearth, tmp_path: Path, name: str) -> None:
    """Plain, or gzipped where the name says so; the table is printed all the same."""
    result = hearth("digits", "--runs", "2", "--trace", name)
    assert "Conv" in good(result)
    assert f"{name}: " in result.stderr
    body = (tmp_path / name).read_bytes()
    events = json.loads(gzip.decompress(body) if name.endswith(".gz") else body)
    assert {event["ph"] for event in events} == {"X"}


def test_trace_goes_to_stdout(hearth: Hearth) -> None:
    """`--trace -` is for pipes: nothing else is printed there."""
    assert json.loads(good(hearth("digits", "--runs", "1", "--trace", "-")))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("digits", "--version", "9"), "Could not find version 9 of model digits"),
        (("nobody",), "nobody"),
        (("idle",), "idle"),
        (("digits", "--trace", "no/such/folder.json"), "no/such/folder.json"),
    ],
)
def test_what_goes_wrong_is_one_line(hearth: Hearth, arguments: tuple[str, ...], said: str) -> None:
    """The function's own words, and no traceback."""
    result = hearth(*arguments)
    assert result.exit_code == 1
    assert said in result.stderr
    assert "Traceback" not in result.output
