"""Killed at every step: the old version serves, nothing is half-visible, a rerun completes."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from botocore.session import get_session
from hearth.domain.errors import HearthError, StoreUnavailable
from hearth.domain.registry_entry import MANUAL, Actor, Policy, assign, set_policy
from hearth.domain.state import State
from hearth.edge.events import HttpRequest
from hearth.edge.settings import PredictSettings
from hearth.publishing.publication import Publisher, Source
from hearth.serving.files import Files
from hearth.serving.prediction import predict
from hearth.serving.stock import Stock
from hearth.serving.warming import Attempt, Loader, Outcome, load_and_warm, unload
from hearth.serving.worker import Worker
from hearth.stores.artefacts import Artefacts, blob_key
from hearth.stores.aws_payloads import S3Payloads
from hearth.stores.aws_s3 import S3Blobs, S3Documents
from hearth.stores.clock import SystemClock
from hearth.stores.multipart import parts_of
from hearth.stores.reconciliation import reconcile
from hearth.stores.registry import Registry
from hearth.stores.sweeping import Sweeper
from support import models
from support.breaking import Breaks, Killed
from support.crash_driver import KILLED
from support.recording import RecordingAnnouncer, SettableClock

BUCKET = "hearth-models"
OLD, NEW = [3, 5, 7, 9], [4, 7, 10, 13]
WHO = Actor("test", "2026-11-23T20:00:00.000Z", "promoted")
MOST_STEPS = 40


@dataclass
class House:
    """Everything that a flow works with; through `through`, its ports break."""

    documents: Any
    blobs: Any
    announcer: RecordingAnnouncer
    clock: SettableClock
    folder: Path
    sources: tuple[Path, Path]

    def through(self, breaks: Breaks) -> House:
        watched = (breaks.watch(p) for p in (self.documents, self.blobs, self.announcer))
        return House(*watched, self.clock, self.folder, self.sources)

    @property
    def registry(self) -> Registry:
        return Registry(self.documents)

    @property
    def artefacts(self) -> Artefacts:
        return Artefacts(self.documents, self.blobs)

    def loader(self) -> Loader:
        files = Files(self.folder / "loading", self.artefacts)
        return Loader(
            self.registry, self.artefacts, self.announcer, self.clock, files, 1769, attempts=3
        )

    def publish(self, model: str, number: int) -> None:
        source = Source(model, self.sources[number - 1])
        Publisher(self.artefacts, self.clock).publish(source)

    def load(self, model: str, number: int) -> None:
        attempt = Attempt(f"event-{model}-{number}", lambda: 60.0, explicit=False)
        load_and_warm(model, number, attempt, self.loader())

    def promote(self, model: str) -> None:
        self.registry.change(model, lambda entry: assign(entry, "stable", {2: 1}, WHO))

    def serve(self, model: str, number: int) -> None:
        self.publish(model, number)
        self.load(model, number)

    def manually(self, model: str) -> None:
        self.registry.change(model, lambda entry: set_policy(entry, Policy(MANUAL), WHO))

    def answer(self, path: str) -> Any:
        """Return what a new predict sandbox says to 1, 2, 3, 4."""
        settings = PredictSettings(BUCKET, files_dir=str(self.folder / "serving"))
        body = json.dumps({"instances": [[1, 2, 3, 4]]}).encode()
        request = HttpRequest("POST", f"/v1/models/{path}:predict", {}, body)
        stock = Stock(self.registry, self.artefacts, settings)
        worker = Worker(stock, S3Payloads(BUCKET), settings)
        answer = predict(request, worker)
        assert answer.status == 200, answer
        return json.loads(answer.body)["predictions"][0]

    def require_whole(self, model: str) -> None:
        """Nothing half-visible: every manifest's blobs are there, every label can be served."""
        for number in self.artefacts.versions(model):
            for file in self.artefacts.manifest(model, number).manifest.files:
                there = self.artefacts.blob(model, file.sha256)
                assert there is not None, file
                assert there.size == file.size
        entry = self.registry.read(model).entry
        for name, split in entry.labels.items():
            assert set(split) <= set(entry.available()), name
        assert self.answer(f"{model}/versions/1") == OLD
        assert self.answer(model) == (OLD if entry.labels["stable"] == {1: 1} else NEW)


@pytest.fixture
def sources(tmp_path: Path) -> tuple[Path, Path]:
    made = []
    for name, text in (("first.onnx", models.DOUBLED), ("second.onnx", models.TRIPLED)):
        made.append(tmp_path / name)
        made[-1].write_bytes(models.model(text).SerializeToString())
    return made[0], made[1]


@pytest.fixture
def house(documents, blobs, announcer, clock, tmp_path, sources) -> House:
    return House(documents, blobs, announcer, clock, tmp_path, sources)


FLOWS: dict[str, tuple[Callable[[House, str], None], Callable[[House, str], None], int]] = {
    "publish": (lambda _house, _model: None, lambda house, m: house.publish(m, 2), 8),
    "load": (lambda house, m: house.publish(m, 2), lambda house, m: house.load(m, 2), 9),
    "promote": (
        lambda house, m: (house.manually(m), house.serve(m, 2)),
        lambda house, m: house.promote(m),
        2,
    ),
}

FAULTS: dict[str, tuple[Callable[[], BaseException], bool]] = {
    "killed before the call": (Killed, False),
    "killed after the call": (Killed, True),
    "store fails": (lambda: StoreUnavailable("slow"), False),
    "answer is lost": (lambda: StoreUnavailable("slow"), True),
}


def require_done(house: House, flow: str, model: str) -> None:
    """What the flow leads to, when it was never interrupted."""
    entry = house.registry.read(model).entry
    assert house.artefacts.versions(model) == [1, 2]
    if flow == "publish":
        assert sorted(entry.versions) == [1]
        return
    assert entry.available() == [1, 2]
    assert entry.labels == {"stable": {2: 1}}
    assert all(status.announced for status in entry.versions.values())
    assert {(model, 1), (model, 2)} <= set(house.announcer.versions)
    assert house.answer(model) == NEW


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("flow", FLOWS)
def test_flow_that_breaks_at_any_call_is_harmless_and_its_rerun_completes(house, flow, fault):
    """Each call of each port in turn: version 1 answers all the while, and a rerun gets there."""
    before, run, calls = FLOWS[flow]
    raised, late = FAULTS[fault]
    for at in itertools.count(1):
        model, breaks = f"m{at}", Breaks(at, raised, late=late)
        house.serve(model, 1)
        before(house, model)
        try:
            run(house.through(breaks), model)
        except (Killed, HearthError):
            house.require_whole(model)
            run(house, model)
        house.require_whole(model)
        require_done(house, flow, model)
        if not breaks.struck:
            break
        assert at < MOST_STEPS
    assert at > calls


def test_unload_that_breaks_at_any_call_takes_all_or_nothing_out_of_service(house):
    """Versions go out of service together, in one write; a rerun finishes."""
    for at in itertools.count(1):
        model, breaks = f"m{at}", Breaks(at)
        house.serve(model, 1)
        house.serve(model, 2)
        try:
            unload(model, house.through(breaks).loader(), "test")
        except Killed:
            assert house.registry.read(model).entry.available() in ([1, 2], [])
            unload(model, house.loader(), "test")
        assert house.registry.read(model).entry.available() == []
        assert house.registry.read(model).entry.labels == {"stable": {2: 1}}
        if not breaks.struck:
            break
    assert at > 2


def test_reconciler_that_breaks_at_any_call_is_finished_by_the_next_one(house, s3, bucket):
    """The job that puts crashes right may crash, too."""
    for at in itertools.count(1):
        model = f"m{at}"
        house.serve(model, 1)
        house.publish(model, 2)
        with pytest.raises(Killed):
            house.through(Breaks(4)).load(model, 2)  # LOADING, and no more
        house.clock.forward(minutes=5)
        breaks = Breaks(at)
        broken = house.through(breaks)
        try:
            reconcile(broken.documents, broken.announcer, house.clock)
        except Killed:
            house.require_whole(model)
            reconcile(house.documents, house.announcer, house.clock)
        house.require_whole(model)
        status = house.registry.read(model).entry.status(2)
        assert (status.state, status.error_code) == (State.END, "DEADLINE_EXCEEDED")
        if not breaks.struck:
            break
        s3.delete_object(Bucket=bucket, Key=f"registry/{model}.json")
        assert at < MOST_STEPS
    assert at > 3


def test_sweep_that_breaks_at_any_call_removes_nothing_that_is_named(house, s3, bucket):
    """A sweep may stop anywhere; the next one removes the rest."""
    house.serve("m", 1)
    for at in itertools.count(1):
        s3.put_object(Bucket=bucket, Key="models/m/blobs/" + "f" * 64, Body=b"stray")
        house.clock.at = SystemClock().now()
        house.clock.forward(hours=100)
        breaks = Breaks(at)
        broken = house.through(breaks)
        sweeping = (house.clock, timedelta(hours=72))
        try:
            Sweeper(broken.artefacts, broken.blobs, *sweeping).sweep()
        except Killed:
            house.require_whole("m")
            Sweeper(house.artefacts, house.blobs, *sweeping).sweep()
        house.require_whole("m")
        assert house.artefacts.blob("m", "f" * 64) is None
        if not breaks.struck:
            break
        assert at < MOST_STEPS
    assert at > 4


@pytest.fixture
def killed(server_s3, tmp_path, sources) -> Iterator[Callable[[str, str, int], int]]:
    """`killed(flow, model, at)`: run a flow in a process that dies at that request to AWS."""
    tests = Path(__file__).parents[1]
    driver = subprocess.Popen(
        [sys.executable, "-m", "support.crash_driver", str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(tests)},
        text=True,
    )

    def run(flow: str, model: str, at: int) -> int:
        driver.stdin.write(f"{flow} {model} {at}\n")
        driver.stdin.flush()
        return int(driver.stdout.readline())

    with driver:
        yield run
        driver.stdin.close()


@pytest.fixture
def announced(server_s3) -> Callable[[], list[tuple[str, int]]]:
    """`announced()`: the versions that the event bus behind the socket heard of so far."""
    sqs, events = (get_session().create_client(name) for name in ("sqs", "events"))
    url = sqs.create_queue(QueueName="told")["QueueUrl"]
    asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    events.put_rule(Name="all", EventPattern=json.dumps({"source": ["hearth"]}))
    target = {"Id": "queue", "Arn": asked["Attributes"]["QueueArn"]}
    events.put_targets(Rule="all", Targets=[target])
    heard: list[tuple[str, int]] = []

    def receive() -> list[tuple[str, int]]:
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                detail = json.loads(message["Body"])["detail"]
                heard.append((detail["model"], detail["version"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return heard

    return receive


@pytest.mark.parametrize("flow", FLOWS)
def test_process_that_is_killed_at_any_request_is_harmless_and_its_rerun_completes(
    server_s3, killed, announced, tmp_path, sources, flow
):
    """The same with real processes, a real socket and no clean-up: dead at each request in turn."""
    house = House(
        S3Documents(BUCKET, server_s3),
        S3Blobs(BUCKET, server_s3),
        RecordingAnnouncer(),
        SettableClock(),
        tmp_path,
        sources,
    )
    before, _, calls = FLOWS[flow]
    for at in range(1, MOST_STEPS):
        model = f"m{at}"
        house.serve(model, 1)
        before(house, model)
        status = killed(flow, model, at)
        assert status in (0, KILLED)
        house.require_whole(model)
        if status == KILLED:
            assert killed(flow, model, 0) == 0
            house.require_whole(model)
        house.announcer.told += [("", {"model": m, "version": v}) for m, v in announced()]
        require_done(house, flow, model)
        if status == 0:
            break
    assert at > calls


def enlarge(path: Path) -> None:
    """Give a model weights that take an upload in three parts; its answers stay."""
    made = onnx.load(path)
    table = np.random.default_rng(1).bytes(17 << 20)
    made.graph.initializer.append(
        onnx.TensorProto(
            name="table", data_type=onnx.TensorProto.UINT8, dims=[17 << 20], raw_data=table
        )
    )
    path.write_bytes(made.SerializeToString())


def test_upload_that_is_killed_is_resumed_where_it_stopped(
    server, server_s3, killed, tmp_path, sources
):
    """A publisher killed between the parts of a large file: its rerun sends only the rest."""
    enlarge(sources[1])

    large = hashlib.sha256(sources[1].read_bytes()).hexdigest()
    artefacts = Artefacts(S3Documents(BUCKET, server_s3), S3Blobs(BUCKET, server_s3))
    counts = []
    for at in range(6, 11):
        model = f"m{at}"
        assert killed("publish", model, at) == KILLED
        there = whole_parts(server_s3, blob_key(model, large), sources[1])
        assert artefacts.versions(model) == []
        del server.asked[:]
        assert killed("publish", model, 0) == 0
        counts.append((there, sum("partNumber" in asked for asked in server.asked)))
        (file,) = artefacts.manifest(model, 1).manifest.of_role("model")
        assert artefacts.blob(model, large).size == file.size
        artefacts.fetch(model, file, tmp_path / f"fetched-{at}", lambda _count: None)
    assert all(sent <= 3 - there for there, sent in counts), counts
    assert counts[0] == (0, 3)
    assert counts[-1] == (3, 0)


def whole_parts(s3: Any, key: str, path: Path) -> int:
    """Return how many parts of an upload that broke off arrived whole."""
    uploads = s3.list_multipart_uploads(Bucket=BUCKET, Prefix=key).get("Uploads", [])
    body = path.read_bytes()
    parts = {part.number: body[part.offset :][: part.size] for part in parts_of(len(body))}
    listed = [
        part
        for upload in uploads
        for part in s3.list_parts(Bucket=BUCKET, Key=key, UploadId=upload["UploadId"]).get(
            "Parts", []
        )
    ]
    return sum(
        part["ETag"].strip('"') == hashlib.md5(parts[part["PartNumber"]]).hexdigest()
        for part in listed
    )


def test_duplicates_of_an_event_at_once_all_end_well(server_s3, tmp_path, sources):
    """Five sandboxes load one version at the same time: it is AVAILABLE, once, and none fails."""
    house = House(
        S3Documents(BUCKET, server_s3),
        S3Blobs(BUCKET, server_s3),
        RecordingAnnouncer(),
        SettableClock(),
        tmp_path,
        sources,
    )
    house.publish("m", 1)
    barrier = threading.Barrier(5)

    def load(number: int) -> Outcome:
        sandbox = replace(house, folder=tmp_path / f"sandbox-{number}")
        attempt = Attempt(f"event-{number}", lambda: 60.0, explicit=False)
        barrier.wait()
        return load_and_warm("m", 1, attempt, sandbox.loader())

    with ThreadPoolExecutor(5) as pool:
        outcomes = list(pool.map(load, range(5)))
    assert {outcome.state for outcome in outcomes} == {State.AVAILABLE}
    entry = house.registry.read("m").entry
    assert [change.what for change in entry.history].count("label stable") == 1
    assert entry.status(1).announced
    assert ("m", 1) in house.announcer.versions


def test_rows_of_the_walk_are_what_the_models_answer():
    """What the walk calls old and new are the answers of its two models."""
    row = np.array([1, 2, 3, 4])
    assert (list(row * 2 + 1), list(row * 3 + 1)) == (OLD, NEW)
