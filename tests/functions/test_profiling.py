"""The profile of a real version: what its time goes into, and a trace that tools can read."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hearth.domain.errors import (
    BadRequest,
    DeadlineExceeded,
    InvalidName,
    ModelFailed,
    ResourceExhausted,
    UnknownVersion,
)
from hearth.optimizing import profile_process
from hearth.optimizing.profiling import MOST_RUNS, Profiler, Wish, profile, trace_key, wish
from hearth.publishing.publication import Published
from hearth.serving.files import Files
from hearth.stores.artefacts import Artefacts
from hearth.stores.aws_s3 import S3Blobs

MODELS = Path(__file__).parents[1] / "models"
LOOPING = """<ir_version: 10, opset_import: ["" : 21]>
looping (float[N,4] x) => (float[N,4] y)
<int64 rounds = {7}, bool yes = {1}>
{
  y = Loop (rounds, yes, x) <body = one (int64 i, bool go, float[N,4] a) => (bool go_on, float[N,4] b) {
    go_on = Identity (go)
    b = Sin (a)
  }>
}"""
SLOW = LOOPING.replace("{7}", "{400000000}")
Publish = Callable[..., Published]


@pytest.fixture
def profiler(artefacts: Artefacts, blobs: S3Blobs, tmp_path: Path) -> Profiler:
    files = Files(tmp_path / "profiled", artefacts)
    return Profiler(artefacts, files, blobs, 3008, 1769, lambda: 120.0)


@pytest.fixture
def trace(s3: Any, bucket: str) -> Callable[[str, int], list[dict[str, Any]]]:
    """`trace(model, version)`: the events that were stored."""

    def read(model: str, version: int) -> list[dict[str, Any]]:
        body = s3.get_object(Bucket=bucket, Key=trace_key(model, version))["Body"].read()
        found: list[dict[str, Any]] = json.loads(gzip.decompress(body))
        return found

    return read


def test_time_is_told_by_operator(profiler: Profiler, publish: Publish) -> None:
    """Convolutions take nearly all of a small residual network's time, and shares add up to 1."""
    publish("conv", MODELS / "digits_conv.onnx")
    found = profile(Wish("conv", 1, 20), profiler)
    assert (found["model"], found["version"], found["runs"]) == ("conv", 1, 20)
    first, *others = found["operators"]
    assert first["operator"] == "Conv"
    assert first["share"] > 0.7
    assert first["calls"] == 12
    assert sum(o["share"] for o in (first, *others)) == pytest.approx(1)
    assert sum(o["time_ms"] for o in (first, *others)) <= found["run_ms"] * 3


def test_nodes_add_up_to_their_operator(profiler: Profiler, publish: Publish) -> None:
    """Each node is told apart by its name; those of a type are together what the type is."""
    publish("conv", MODELS / "digits_conv.onnx")
    found = profile(Wish("conv", 1, 5), profiler)
    convolutions = [n for n in found["nodes"] if n["operator"] == "Conv"]
    assert len({n["name"] for n in convolutions}) == 12
    for figure in ("time_ms", "share", "activation_bytes", "parameter_bytes", "output_bytes"):
        whole = found["operators"][0][figure]
        assert sum(n[figure] for n in convolutions) == pytest.approx(whole)
        assert whole > 0


def test_time_in_a_body_is_its_own(profiler: Profiler, publish: Publish) -> None:
    """A loop is not charged with what its body's nodes took, and these are called in each round."""
    publish("looping", LOOPING)
    found = {o["operator"]: o for o in profile(Wish("looping", 1, 10), profiler)["operators"]}
    assert (found["Loop"]["calls"], found["Sin"]["calls"]) == (1, 7)
    assert found["Loop"]["share"] + found["Sin"]["share"] <= 1


def test_trace_is_what_chrome_and_perfetto_read(
    profiler: Profiler, publish: Publish, trace: Callable[[str, int], list[dict[str, Any]]]
) -> None:
    """Complete events with a time and a duration in whole microseconds, and the runs in them."""
    publish("m")
    found = profile(Wish("m", 1, 10), profiler)
    assert found["trace"] == "reports/m/1/profile.json.gz"
    events = trace("m", 1)
    for event in events:
        assert event["ph"] == "X"
        assert type(event["ts"]) is int
        assert type(event["dur"]) is int
        assert event["ts"] >= 0 <= event["dur"]
        assert {"pid", "tid", "name", "cat", "args"} <= event.keys()
    assert sum(e["name"] == "model_run" for e in events) > 10  # golden cases warm it


def test_profiling_again_writes_over_the_trace(
    profiler: Profiler, publish: Publish, trace: Callable[[str, int], list[dict[str, Any]]]
) -> None:
    """The newest trace of a version stands there, whole."""
    publish("m")
    profile(Wish("m", 1, 1), profiler)
    before = len(trace("m", 1))
    profile(Wish("m", 1, 30), profiler)
    assert len(trace("m", 1)) > before


def test_nothing_is_left_on_the_disk(profiler: Profiler, publish: Publish, tmp_path: Path) -> None:
    """Neither the version's files nor the profiler's, after a good end and after a bad one."""
    publish("m")
    profile(Wish("m", 1, 1), profiler)
    with pytest.raises(UnknownVersion):
        profile(Wish("m", 9, 1), profiler)
    assert [path for path in (tmp_path / "profiled").rglob("*") if path.is_file()] == []


def test_runs_are_as_many_as_a_trace_can_hold(
    profiler: Profiler, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model of many nodes gets fewer runs than were asked for, and the answer says how many."""
    publish("conv", MODELS / "digits_conv.onnx")
    read = profiler.artefacts.manifest("conv", 1)
    folder = profiler.files.place(read, ("model", "golden"))
    monkeypatch.setattr(profile_process, "_MOST_EVENTS", 300)
    how = profile_process.Wanted(str(folder), str(folder / "t.json.gz"), 1000, 1769, 60.0)
    assert 1 <= profile_process.profile_here(how, read.manifest).runs < 15


def test_profile_ends_in_time(
    profiler: Profiler, publish: Publish, onnx_file: Callable[..., Path]
) -> None:
    """A run that never ends is stopped at the limit, with the reason."""
    publish("m", LOOPING)
    read = profiler.artefacts.manifest("m", 1)
    folder = profiler.files.place(read, ("model", "golden"))
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").write_bytes(onnx_file(SLOW).read_bytes())
    how = profile_process.Wanted(str(folder), str(folder / "t.json.gz"), 1, 1769, 1.0)
    with pytest.raises(DeadlineExceeded, match="did not end in time"):
        profile_process.profile_apart(how, read.manifest, 2000)


@pytest.mark.parametrize(
    ("status", "said", "expected"),
    [
        (-9, b"", ResourceExhausted),
        (1, b"std::bad_alloc", ResourceExhausted),
        (-11, b"", ModelFailed),
    ],
)
def test_child_that_dies_without_a_word_is_a_reason(
    status: int, said: bytes, expected: type[Exception]
) -> None:
    """A child that was killed ran out of memory; one that crashed was crashed by the model."""
    import subprocess

    dead = subprocess.CompletedProcess(["child"], status, b"", said)
    with pytest.raises(expected):
        profile_process._read(dead, 1769)


def test_error_of_the_child_keeps_its_class(
    profiler: Profiler, publish: Publish, tmp_path: Path
) -> None:
    """What goes wrong in the child is raised here with its evidence."""
    publish("m")
    manifest = profiler.artefacts.manifest("m", 1).manifest
    how = profile_process.Wanted(str(tmp_path), str(tmp_path / "t.json.gz"), 1, 1769, 60.0)
    with pytest.raises(Exception, match="golden file") as raised:
        profile_process.profile_apart(how, manifest, 2000)
    assert type(raised.value).__name__ == "InvalidDocument"


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one processor has no threads to tell")
@pytest.mark.parametrize(("serving_mb", "several"), [(1769, False), (3538, True)])
def test_threads_are_predicts(
    profiler: Profiler, publish: Publish, trace: Callable[..., Any], serving_mb: int, several: bool
) -> None:
    """The session is as predict would open it, whatever memory size this function has."""
    publish("conv", MODELS / "digits_conv.onnx")
    profile(Wish("conv", 1, 1), replace(profiler, serving_mb=serving_mb))
    pooled = [event["args"].get("thread_scheduling_stats") for event in trace("conv", 1)]
    assert any(pooled) is several


@pytest.mark.parametrize(
    ("event", "wanted"),
    [
        ({"model": "m", "version": 2}, Wish("m", 2, 50)),
        ({"model": "m", "version": "2", "runs": 7}, Wish("m", 2, 7)),
    ],
)
def test_wish_is_read(event: dict[str, Any], wanted: Wish) -> None:
    """A version may be text, as versions travel elsewhere."""
    assert wish({"do": "profile", **event}) == wanted


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ({"model": "m"}, BadRequest),
        ({"model": "m", "version": True}, BadRequest),
        ({"model": "m", "version": 1.0}, BadRequest),
        ({"model": "m", "version": 0}, InvalidName),
        ({"model": "../m", "version": 1}, InvalidName),
        ({"version": 1}, InvalidName),
        ({"model": "m", "version": 1, "runs": 0}, BadRequest),
        ({"model": "m", "version": 1, "runs": MOST_RUNS + 1}, BadRequest),
        ({"model": "m", "version": 1, "runs": "5"}, BadRequest),
        ({"model": "m", "version": 1, "run": 5}, BadRequest),
    ],
)
def test_wish_that_cannot_be_meant_is_refused(
    event: dict[str, Any], error: type[Exception]
) -> None:
    """Unknown fields and wrong types are named, and nothing is run."""
    with pytest.raises(error):
        wish({"do": "profile", **event})
