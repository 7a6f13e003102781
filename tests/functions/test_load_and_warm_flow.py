"""Load and warm: a version that is proven serves; one that is not never displaces another."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hearth.domain.errors import (
    ArtefactCorrupt,
    DeadlineExceeded,
    ModelRefused,
    ResourceExhausted,
    StoreForbidden,
    StoreUnavailable,
    UnknownModel,
    UnknownVersion,
)
from hearth.domain.manifest import Manifest, to_document
from hearth.domain.registry_entry import MANUAL, Actor, Policy, assign, set_policy
from hearth.edge.events import HttpRequest
from hearth.serving import golden
from hearth.serving.files import Files
from hearth.serving.golden import GoldenCase
from hearth.serving.prediction import predict
from hearth.serving.warming import Attempt, Outcome, load_and_warm, unload
from hearth.stores.artefacts import Artefacts, blob_key, manifest_key
from hearth.stores.clock import moment
from hearth.stores.registry import Registry
from support import models
from support.breaking import Killed

WHO = Actor("test", "2026-11-23T20:00:00.000Z")
ROW = np.array([[1, 2, 3, 4]], np.float32)


@pytest.fixture
def answers(worker) -> Callable[..., list[float]]:
    """`answers(name)`: what predict says to 1, 2, 3, 4 in a sandbox that was open all along."""
    warm = worker()

    def ask(name: str = "m") -> list[float]:
        body = json.dumps({"instances": ROW.tolist()}).encode()
        answer = predict(HttpRequest("POST", f"/v1/models/{name}:predict", {}, body), warm)
        assert answer.status == 200, answer
        return json.loads(answer.body)["predictions"][0]

    return ask


OLD, NEW = [3, 5, 7, 9], [4, 7, 10, 13]


@pytest.fixture
def event(loader) -> Callable[..., Outcome]:
    """`event(version, request)`: what a manifest's event does; `request` is AWS's request id."""

    def arrive(version: int = 2, request: str = "event", **overrides) -> Outcome:
        attempt = Attempt(request, lambda: 60.0, explicit=False, why="manifest created")
        return load_and_warm("m", version, attempt, loader(**overrides))

    return arrive


@pytest.fixture
def rewritten(publish, documents, s3, bucket):
    """`rewritten(change)`: publish version 2 with its manifest's document changed."""

    def rewrite(change: Callable[[dict], object] | bytes) -> None:
        manifest = publish("m", models.TRIPLED).manifest
        document = to_document(manifest)
        changed = change(document) if callable(change) else change
        body = changed if isinstance(changed, bytes) else json.dumps(document).encode()
        s3.put_object(
            Bucket=bucket,
            Key=manifest_key("m", manifest.version),
            Body=body,
        )

    return rewrite


@pytest.fixture
def regolden(publish, s3, bucket, tmp_path):
    """`regolden(write)`: publish version 2 with another golden file, its digest in the manifest."""

    def change(write: Callable[[Path], None], text: str = models.TRIPLED) -> Manifest:
        manifest = publish("m", text).manifest
        path = tmp_path / "other-golden.npz"
        write(path)
        body = path.read_bytes()
        described = replace(
            manifest.of_role("golden")[0], sha256=hashlib.sha256(body).hexdigest(), size=len(body)
        )
        changed = replace(manifest, files=(manifest.model_file, described))
        s3.put_object(Bucket=bucket, Key=blob_key("m", described.sha256), Body=body)
        s3.put_object(
            Bucket=bucket,
            Key=manifest_key("m", 2),
            Body=json.dumps(to_document(changed)).encode(),
        )
        return changed

    return change


def cases(*outputs) -> list[GoldenCase]:
    return [GoldenCase({"x": ROW}, {"y": np.asarray(out, np.float32)}) for out in outputs]


RIGHT = ROW * 3 + 1


def pickled(path: Path) -> None:
    made = np.empty(1, object)
    made[0] = {"a": 1}
    with path.open("wb") as file:
        np.savez(file, **{"0/inputs/x": made, "0/outputs/y": made})


def test_load_proves_a_version_and_serves_it(publish, load, registry, answers, announcer):
    """Fetched, verified, opened, run: then the first version is AVAILABLE, stable, announced."""
    publish("m")
    outcome = load("m")
    assert (outcome.state, outcome.error_code, outcome.changed) == ("AVAILABLE", "OK", True)
    assert registry.read("m").entry.labels == {"stable": {1: 1}}
    assert announcer.versions == [("m", 1)]
    assert answers() == OLD


def test_load_measures_what_loading_takes(publish, load, registry):
    """The figures are of this process at this memory size; the history says what was proven."""
    publish("m")
    figures = load("m").figures
    assert figures == registry.read("m").entry.status(1).figures
    assert figures.memory_size_mb == 1769
    assert (
        min(figures.fetch_ms, figures.cold_open_ms, figures.first_run_ms, figures.warm_run_ms) > 0
    )
    assert "3 golden cases" in registry.read("m").entry.history[-2].why


def test_load_leaves_nothing_on_disk(publish, load, loader, tmp_path):
    """What was proven is forgotten: the next load has the whole disk."""
    publish("m")
    load("m")
    assert not [path for path in (tmp_path / "loading").rglob("*") if path.is_file()]


def test_load_of_the_next_version_moves_stable(serve, answers):
    """Under `immediate`, callers get the new version once it is proven."""
    serve("m")
    assert answers() == OLD
    serve("m", models.TRIPLED)
    assert answers() == NEW


def test_load_of_the_next_version_waits_under_manual(serve, registry, answers):
    """Under `manual`, a proven version serves those who ask for it by number alone."""
    serve("m")
    registry.change("m", lambda entry: set_policy(entry, Policy(MANUAL), WHO))
    serve("m", models.TRIPLED)
    assert answers() == OLD
    assert registry.read("m").entry.available() == [1, 2]


def test_load_of_a_version_that_does_not_exist_says_so(publish, load, registry):
    """No manifest, no version: the registry is not written."""
    publish("m")
    with pytest.raises(UnknownVersion):
        load("m", 9)
    assert registry.find("m") is None


FAULTS: dict[str, tuple[Callable, str, str]] = {
    "blob tampered": (
        lambda on: on.put(on.file(), on.body()[:-1] + b"\0"),
        "DATA_LOSS",
        "ArtefactCorrupt: 'model.onnx' is not what the manifest names.*publish the model again",
    ),
    "blob truncated": (
        lambda on: on.put(on.file(), on.body()[:-9]),
        "DATA_LOSS",
        "ArtefactCorrupt",
    ),
    "blob missing": (lambda on: on.drop(on.file()), "DATA_LOSS", "is not in the bucket"),
    "golden blob missing": (lambda on: on.drop(on.file(1)), "DATA_LOSS", "is not in the bucket"),
}


@pytest.fixture
def on(publish, s3, bucket):
    """Version 2's blobs, for those who break them."""

    class Blobs:
        def __init__(self) -> None:
            self.manifest = publish("m", models.TRIPLED).manifest

        def file(self, index: int = 0) -> str:
            return blob_key("m", self.manifest.files[index].sha256)

        def body(self) -> bytes:
            return s3.get_object(Bucket=bucket, Key=self.file())["Body"].read()

        def put(self, key: str, body: bytes) -> None:
            s3.put_object(Bucket=bucket, Key=key, Body=body)

        def drop(self, key: str) -> None:
            s3.delete_object(Bucket=bucket, Key=key)

    return Blobs


def require_failed(outcome: Outcome, code: str, words: str, registry, announcer) -> None:
    """The version ended with its reason; everything that served goes on as it was."""
    assert (outcome.state, outcome.error_code) == ("END", code), outcome
    assert re.search(words, outcome.error_message, re.DOTALL), outcome.error_message
    entry = registry.read("m").entry
    assert entry.status(2).error_message == outcome.error_message
    assert entry.labels == {"stable": {1: 1}}
    assert entry.available() == [1]
    assert announcer.versions == [("m", 1)]


@pytest.mark.parametrize("fault", FAULTS)
def test_damaged_artefact_ends_with_its_reason_while_the_old_version_serves(
    serve, on, event, registry, announcer, answers, fault
):
    """What is stored is not what was published: END names it, version 1 answers, labels stay."""
    serve("m")
    damage, code, words = FAULTS[fault]
    damage(on())
    require_failed(event(), code, words, registry, announcer)
    assert answers() == OLD


WRONG_MANIFESTS: dict[str, tuple[Callable | bytes, str, str]] = {
    "not JSON": (b"{", "DATA_LOSS", "InvalidDocument: manifest is not JSON"),
    "no object": (b"[]", "DATA_LOSS", "is not an object"),
    "empty": (b"", "DATA_LOSS", "is not JSON"),
    "unknown schema": (
        lambda d: d.update(schema="hearth.manifest/9"),
        "DATA_LOSS",
        "unknown schema: got hearth.manifest/9",
    ),
    "field missing": (lambda d: d.pop("runtime"), "DATA_LOSS", "KeyError: 'runtime'"),
    "wrong type": (lambda d: d["golden"].update(count="3"), "DATA_LOSS", "golden.count"),
    "another version's": (lambda d: d.update(version=7), "DATA_LOSS", "got m version 7"),
    "another model's": (lambda d: d.update(model="n"), "DATA_LOSS", "got n version 2"),
    "path that escapes": (
        lambda d: d["files"][0].update(path="../model.onnx"),
        "DATA_LOSS",
        "leaves the version's folder",
    ),
    "wrong input name": (
        lambda d: d["signature"]["inputs"][0].update(name="z"),
        "FAILED_PRECONDITION",
        "SignatureDiffers: the model's inputs are not those of its manifest",
    ),
    "wrong output shape": (
        lambda d: d["signature"]["outputs"][0].update(shape=[-1, 5]),
        "FAILED_PRECONDITION",
        "SignatureDiffers: the model's outputs",
    ),
    "wrong datatype": (
        lambda d: d["signature"]["inputs"][0].update(datatype="FP64"),
        "FAILED_PRECONDITION",
        "SignatureDiffers",
    ),
    "more golden cases than there are": (
        lambda d: d["golden"].update(count=4),
        "FAILED_PRECONDITION",
        "another number of cases: got 3, expected 4",
    ),
    "unknown runtime option": (
        lambda d: d["runtime"].update(execution_mode="magic"),
        "UNIMPLEMENTED",
        "unknown runtime option: got magic",
    ),
    "golden file as the model": (
        lambda d: d["files"][0].update(sha256=d["files"][1]["sha256"], size=d["files"][1]["size"]),
        "INVALID_ARGUMENT",
        "NotOnnx: ONNX Runtime cannot read model.onnx",
    ),
}


@pytest.mark.parametrize("wrong", WRONG_MANIFESTS)
def test_wrong_manifest_ends_with_its_reason_while_the_old_version_serves(
    serve, rewritten, event, registry, announcer, answers, wrong
):
    """A manifest that is not what it should be is found out before the version is ever routed to."""
    serve("m")
    change, code, words = WRONG_MANIFESTS[wrong]
    rewritten(change)
    require_failed(event(), code, words, registry, announcer)
    assert answers() == OLD


WRONG_GOLDEN: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "other values": (
        lambda path: golden.save(cases(RIGHT, RIGHT, RIGHT + 0.1), path),
        "FAILED_PRECONDITION",
        r"GoldenMismatch: golden case 2: output 'y' differs at \[0, 0\] \(4 of 4 values\)",
    ),
    "NaN where none belongs": (
        lambda path: golden.save(cases(RIGHT, RIGHT, RIGHT * np.nan), path),
        "FAILED_PRECONDITION",
        r"differs at \[0, 0\].*expected nan",
    ),
    "other shape": (
        lambda path: golden.save(cases(RIGHT, RIGHT, RIGHT[0]), path),
        "FAILED_PRECONDITION",
        "another form",
    ),
    "pickled objects": (pickled, "DATA_LOSS", "InvalidDocument: golden file golden.npz"),
    "no npz": (lambda path: path.write_bytes(b"x") and None, "DATA_LOSS", "cannot be read"),
    "inputs that the model does not take": (
        lambda path: golden.save([GoldenCase({"z": ROW}, {"y": RIGHT})] * 3, path),
        "INTERNAL",
        "x",
    ),
}


@pytest.mark.parametrize("wrong", WRONG_GOLDEN)
def test_golden_cases_that_fail_end_the_version_while_the_old_one_serves(
    serve, regolden, event, registry, announcer, answers, wrong
):
    """A version that answers its golden cases differently, or not at all, is not served."""
    serve("m")
    write, code, words = WRONG_GOLDEN[wrong]
    regolden(write)
    require_failed(event(), code, words, registry, announcer)
    assert answers() == OLD


NAN = """
g (float[N, 4] x) => (float[N, 4] y) <float[4] zero = {0, 0, 0, 0}>
{ t = Sub(x, x)  y = Div(t, zero) }
"""
INFINITE = """
g (float[N, 4] x) => (float[N, 4] y) <float[4] zero = {0, 0, 0, 0}>
{ t = Exp(x)  y = Div(t, zero) }
"""


def test_nan_where_the_golden_cases_have_none_ends_the_version(
    serve, regolden, event, registry, announcer
):
    """A model that answers NaN where a number belongs is found out."""
    serve("m")
    regolden(lambda path: golden.save(cases(RIGHT, RIGHT, RIGHT), path), NAN)
    words = r"got nan, expected 4\.0"
    require_failed(event(), "FAILED_PRECONDITION", words, registry, announcer)


@pytest.mark.parametrize("text", [NAN, INFINITE], ids=["NaN", "infinity"])
def test_nan_and_infinity_are_proven_where_the_golden_cases_have_them(publish, load, text):
    """A model that was published with such answers goes on giving them: that is no fault."""
    publish("m", text)
    assert load("m").state == "AVAILABLE"


class Failing:
    """Blobs whose downloads fail."""

    def __init__(self, blobs, error: Exception) -> None:
        self._blobs, self._error = blobs, error

    def download(self, key: str, path: Path, progress, size: int = 0) -> str:
        path.write_bytes(b"half")
        raise self._error


def failing(documents, blobs, error: Exception) -> dict[str, Artefacts]:
    return {"artefacts": Artefacts(documents, Failing(blobs, error))}


def test_full_disk_ends_the_load(
    serve, publish, event, documents, blobs, registry, announcer, tmp_path
):
    """Ephemeral storage that does not suffice is RESOURCE_EXHAUSTED, and nothing stays on it."""
    serve("m")
    publish("m", models.TRIPLED)
    error = ResourceExhausted("no space left for blob", remedy="more ephemeral storage")
    outcome = event(**failing(documents, blobs, error))
    require_failed(outcome, "RESOURCE_EXHAUSTED", "no space left", registry, announcer)
    assert not [path for path in (tmp_path / "loading").rglob("*") if path.is_file()]


def test_disk_error_ends_the_load(serve, publish, event, documents, blobs, registry, announcer):
    """Whatever the disk says, the version does not hang in LOADING."""
    serve("m")
    publish("m", models.TRIPLED)
    outcome = event(**failing(documents, blobs, OSError(5, "Input/output error")))
    require_failed(outcome, "INTERNAL", "ModelFailed: .*OSError.*Input/output", registry, announcer)


def test_model_larger_than_memory_is_refused_before_it_is_opened(
    serve, publish, event, registry, announcer, loader
):
    """What would surely kill the sandbox without a word is refused with one."""
    serve("m")
    publish("m", models.TRIPLED)
    outcome = event(memory_mb=0)
    require_failed(outcome, "RESOURCE_EXHAUSTED", "does not fit in memory", registry, announcer)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DeadlineExceeded("did not end in time"), "DEADLINE_EXCEEDED"),
        (ModelRefused("the model crashes ONNX Runtime"), "INVALID_ARGUMENT"),
        (MemoryError(), "INTERNAL"),
    ],
)
def test_proof_that_does_not_come_about_ends_the_load(
    serve, publish, event, registry, announcer, error, code
):
    """Out of time, crashed, out of memory: END says which."""
    serve("m")
    publish("m", models.TRIPLED)

    def prove(*_args):
        raise error

    require_failed(event(prove=prove), code, type(error).__name__, registry, announcer)


def test_load_without_time_left_ends_with_what_took_it(serve, publish, load, registry, announcer):
    """A fetch that used up the time leaves enough to say so."""
    serve("m")
    publish("m", models.TRIPLED)
    outcome = load("m", 2, remaining_s=lambda: 2.9)
    require_failed(outcome, "DEADLINE_EXCEEDED", "raise the timeout", registry, announcer)


def test_load_hands_the_proof_the_time_that_is_left(publish, load, loader, registry):
    """The proof may take all but what recording its end needs."""
    publish("m")
    given = []

    def prove(folder, manifest, memory_mb, time_limit_s):
        given.append((memory_mb, time_limit_s))
        raise DeadlineExceeded("stop")

    load_and_warm("m", 1, Attempt("a", lambda: 60.0), loader(prove=prove))
    assert given == [(1769, 57.0)]


def test_deadline_of_a_load_is_the_functions_own(publish, loader, registry, clock):
    """Reconciliation waits for as long as the function may run, and no longer."""
    publish("m")

    def prove(*_args):
        raise Killed

    with pytest.raises(Killed):
        load_and_warm("m", 1, Attempt("a", lambda: 60.0), loader(prove=prove))
    deadline = moment(registry.read("m").entry.status(1).deadline)
    assert abs((deadline - clock.now()).total_seconds() - 60) < 0.01


def test_load_that_dies_again_and_again_ends(serve, publish, event, registry, announcer, answers):
    """The same request that died without a word as often as allowed is RESOURCE_EXHAUSTED."""
    serve("m")
    publish("m", models.TRIPLED)

    def prove(*_args):
        raise Killed

    for _ in range(3):
        with pytest.raises(Killed):
            event(prove=prove)
        assert registry.read("m").entry.status(2).state == "LOADING"
        assert answers() == OLD
    outcome = event(prove=prove)
    require_failed(
        outcome, "RESOURCE_EXHAUSTED", "died 3 times without a word", registry, announcer
    )


def test_deaths_of_other_requests_are_not_counted(publish, event):
    """Only a request's own retries count: another event is another try."""
    publish("m")

    def prove(*_args):
        raise Killed

    for number in range(6):
        with pytest.raises(Killed):
            event(1, f"event-{number}", prove=prove)
    assert event(1, "event-7").state == "AVAILABLE"


def test_events_may_come_twice(serve, publish, event, announcer, registry):
    """A duplicate finds the version AVAILABLE and changes nothing."""
    serve("m")
    publish("m", models.TRIPLED)
    assert event(2, "one").changed
    before = registry.read("m").entry
    again = event(2, "two")
    assert (again.state, again.changed) == ("AVAILABLE", False)
    assert registry.read("m").entry == before
    assert announcer.versions == [("m", 1), ("m", 2)]


def test_events_may_come_in_any_order(publish, event, registry):
    """Version 1's event after version 3's moves no label back."""
    for text in (models.DOUBLED, models.TRIPLED, models.scaled(4)):
        publish("m", text)
    for version in (2, 3, 1):
        event(version, f"event-{version}")
    entry = registry.read("m").entry
    assert entry.available() == [1, 2, 3]
    assert entry.labels == {"stable": {3: 1}}


def test_event_of_a_version_that_ended_is_a_duplicate(serve, on, event, registry):
    """What failed stays failed, reason and all, until somebody asks for it by name."""
    serve("m")
    broken = on()
    kept = broken.body()
    broken.put(broken.file(), b"x")
    ended = event(2, "one")
    broken.put(broken.file(), kept)
    assert event(2, "two") == replace(ended, changed=False)
    assert registry.read("m").entry.available() == [1]


def test_load_asked_for_by_name_tries_a_version_that_ended_again(serve, on, event, load):
    """Whoever mended it asks for it."""
    serve("m")
    broken = on()
    kept = broken.body()
    broken.put(broken.file(), b"x")
    event(2, "one")
    broken.put(broken.file(), kept)
    assert load("m", 2).state == "AVAILABLE"


def test_failing_store_is_retried_by_the_event(
    serve, publish, event, documents, blobs, registry, answers
):
    """An event's load raises while AWS may retry it: nothing is ended by a moment of S3's."""
    serve("m")
    publish("m", models.TRIPLED)
    broken = failing(documents, blobs, StoreUnavailable("slow"))
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            event(**broken)
        assert registry.read("m").entry.status(2).state == "LOADING"
        assert answers() == OLD
    assert event().state == "AVAILABLE"


def test_failing_store_ends_the_events_last_try(
    serve, publish, event, documents, blobs, registry, announcer
):
    """When no retry is left, the reason is written down rather than lost."""
    serve("m")
    publish("m", models.TRIPLED)
    broken = failing(documents, blobs, StoreForbidden("fetch blob: access denied"))
    for _ in range(2):
        with pytest.raises(StoreForbidden):
            event(**broken)
    outcome = event(**broken)
    require_failed(outcome, "PERMISSION_DENIED", "StoreForbidden: .*denied", registry, announcer)


def test_failing_store_ends_a_load_that_was_asked_for(
    serve, publish, loader, documents, blobs, registry, announcer
):
    """Somebody waits for the answer: he gets it at once, and may ask again."""
    serve("m")
    publish("m", models.TRIPLED)
    broken = loader(**failing(documents, blobs, StoreUnavailable("S3 is slow")))
    outcome = load_and_warm("m", 2, Attempt("a", lambda: 60.0), broken)
    require_failed(outcome, "UNAVAILABLE", "S3 is slow", registry, announcer)


def test_stale_attempts_failure_does_not_override(
    publish, event, documents, blobs, registry, tmp_path
):
    """Another attempt took over and proved the version: the first one's failure counts nothing."""
    publish("m")

    class Overtaken:
        def download(self, key, path, progress, size=0):
            assert event(1, "second").state == "AVAILABLE"
            raise ArtefactCorrupt("broken for the first one alone")

    artefacts = Artefacts(documents, Overtaken())
    outcome = event(1, "first", artefacts=artefacts, files=Files(tmp_path / "first", artefacts))
    assert outcome.state == "AVAILABLE"
    assert registry.read("m").entry.available() == [1]


def test_stale_attempts_failure_leaves_the_newer_attempt_loading(
    publish, event, documents, blobs, registry, tmp_path
):
    """While another attempt is at it, the first one's failure is not the end."""
    publish("m")

    def die(*_args):
        raise Killed

    class Overtaken:
        def download(self, key, path, progress, size=0):
            with pytest.raises(Killed):
                event(1, "second", prove=die)
            raise ArtefactCorrupt("broken for the first one alone")

    artefacts = Artefacts(documents, Overtaken())
    outcome = event(1, "first", artefacts=artefacts, files=Files(tmp_path / "first", artefacts))
    assert outcome.state == "LOADING"
    assert registry.read("m").entry.status(1).attempt == "second"


def test_unload_takes_every_version_out_of_service_and_keeps_the_labels(
    serve, loader, registry, worker
):
    """Unload is END without an error; what the labels say is kept for the next load."""
    serve("m")
    serve("m", models.TRIPLED)
    outcomes = unload("m", loader(), "maintenance")
    assert [(o.version, o.state, o.error_code) for o in outcomes] == [
        (1, "END", "OK"),
        (2, "END", "OK"),
    ]
    assert registry.read("m").entry.labels == {"stable": {2: 1}}
    assert registry.read("m").entry.available() == []
    assert unload("m", loader(), "again") == []


def test_load_brings_back_what_unload_took(serve, loader, load, answers, announcer):
    """The label still leads to the version; it is announced once in its life."""
    serve("m")
    unload("m", loader(), "maintenance")
    assert load("m").state == "AVAILABLE"
    assert answers() == OLD
    assert announcer.versions == [("m", 1)]


def test_unload_of_an_unknown_model_says_so(loader):
    """There is nothing to take out of service."""
    with pytest.raises(UnknownModel):
        unload("nothing", loader(), "why")


def test_announcement_is_made_by_the_retry_when_the_bus_failed(publish, event, announcer, registry):
    """The version serves; the event's retry tells the bus."""
    publish("m")
    announcer.broken = True
    with pytest.raises(StoreUnavailable):
        event(1)
    assert registry.read("m").entry.available() == [1]
    announcer.broken = False
    assert not event(1).changed
    assert announcer.versions == [("m", 1)]


def test_announcement_comes_after_the_version_is_available(
    publish, event, registry, announcer, loader
):
    """Whoever hears of a version can use it: no one hears of it before."""
    publish("m")
    heard = []

    class Listening:
        def announce(self, kind, detail):
            heard.append(registry.read("m").entry.available())

    event(1, announcer=Listening())
    assert heard == [[1]]


def test_labels_that_moved_during_a_load_stay_moved(
    serve, publish, event, registry, documents, tmp_path
):
    """A promotion while a version loads is not undone by that version's failure."""
    serve("m")
    serve("m", models.TRIPLED)
    publish("m", models.scaled(4))

    class Promoting:
        def download(self, key, path, progress, size=0):
            registry.change("m", lambda entry: assign(entry, "stable", {1: 1}, WHO))
            raise ArtefactCorrupt("broken")

    artefacts = Artefacts(documents, Promoting())
    outcome = event(3, artefacts=artefacts, files=Files(tmp_path / "first", artefacts))
    assert outcome.state == "END"
    assert registry.read("m").entry.labels == {"stable": {1: 1}}


@pytest.mark.parametrize("at", [1, 2])
def test_load_goes_on_when_other_writers_change_the_entry(publish, documents, loader, registry, at):
    """Compare-and-set loses a race now and then: the load's word is written all the same."""
    publish("m")
    raced = []

    class Racing:
        def __getattr__(self, name):
            return getattr(documents, name)

        def replace(self, key, body, etag):
            raced.append(key)
            if len(raced) == at:
                registry.change("m", lambda entry: set_policy(entry, Policy(MANUAL), WHO))
            return documents.replace(key, body, etag)

    outcome = load_and_warm("m", 1, Attempt("a", lambda: 60.0), loader(registry=Registry(Racing())))
    assert outcome.state == "AVAILABLE"
    entry = registry.read("m").entry
    assert entry.policy.rollout == MANUAL
    assert entry.status(1).announced


def test_data_to_judge_by_is_not_loaded_with_a_version(publish, load, s3, bucket, tmp_path):
    """Evaluation set, reference data and baseline may be large: a load asks for none of them."""
    rows = np.ones((9, 4), np.float32)
    np.savez(tmp_path / "e.npz", x=rows, target=np.ones((9, 4)))
    np.savez(tmp_path / "r.npz", x=rows + 1)
    manifest = publish("m", evaluation=tmp_path / "e.npz", baseline=tmp_path / "r.npz").manifest
    files = manifest.of_role("evaluation", "reference", "baseline")
    assert len(files) == 3
    for file in files:
        s3.delete_object(Bucket=bucket, Key=blob_key("m", file.sha256))
    assert load("m").state == "AVAILABLE"
