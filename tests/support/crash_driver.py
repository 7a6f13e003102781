"""A process that runs a flow and dies at a chosen request to AWS: nothing is cleaned up.

Usage: python -m support.crash_driver FOLDER, with one command a line on standard input:
`<flow> <model> <number of the request at which it dies>`. Each runs in a fork of its own; its exit
status is printed: 0 if it came to its end, 9 if it was killed.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Any

from hearth.domain.registry_entry import Actor, assign
from hearth.publishing.publication import Publisher, Source
from hearth.serving.files import Files
from hearth.serving.warming import Attempt, Loader, load_and_warm, unload
from hearth.stores.artefacts import Artefacts
from hearth.stores.aws_client import client
from hearth.stores.aws_events import EventBridgeAnnouncer
from hearth.stores.aws_s3 import S3Blobs, S3Documents
from hearth.stores.clock import SystemClock, stamp
from hearth.stores.registry import Registry

BUCKET = "hearth-models"
KILLED = 9


class Flows:
    """Each flow as its function runs it, on clients of this process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._documents = S3Documents(BUCKET)
        self._artefacts = Artefacts(self._documents, S3Blobs(BUCKET))
        self._registry = Registry(self._documents)

    def publish(self, model: str) -> None:
        publisher = Publisher(self._artefacts, SystemClock())
        publisher.publish(Source(model, self._folder / "second.onnx"))

    def load(self, model: str) -> None:
        attempt = Attempt(f"event-{model}", lambda: 60.0, explicit=False, why="manifest created")
        load_and_warm(model, 2, attempt, self._loader())

    def promote(self, model: str) -> None:
        actor = Actor("test", stamp(SystemClock().now()), "promoted")
        self._registry.change(model, lambda entry: assign(entry, "stable", {2: 1}, actor))

    def unload(self, model: str) -> None:
        unload(model, self._loader(), "test")

    def _loader(self) -> Loader:
        return Loader(
            registry=self._registry,
            artefacts=self._artefacts,
            announcer=EventBridgeAnnouncer("default", BUCKET),
            clock=SystemClock(),
            files=Files(self._folder / "files", self._artefacts),
            memory_mb=1769,
            attempts=3,
        )


_METHODS = (b"DELETE ", b"GET ", b"HEAD ", b"POST ", b"PUT ")


def die_at(number: int) -> None:
    """Let this process end, with nothing done, at its n-th request, whoever sends it."""
    seen = 0

    def count(event: str, args: tuple[Any, ...]) -> None:
        nonlocal seen
        # The interpreter's own word of what goes out: of botocore's and of the reader's alike.
        if event == "http.client.send" and bytes(args[1][:8]).startswith(_METHODS):
            seen += 1
            if seen == number:
                os._exit(KILLED)

    sys.addaudithook(count)


def run(folder: Path, flow: str, model: str, number: int) -> None:
    die_at(number)
    getattr(Flows(folder), flow)(model)


def main(folder: Path) -> None:
    for service in ("s3", "events"):
        client(service)  # made once, for every fork; nothing is connected yet
    for line in sys.stdin:
        flow, model, number = line.split()
        child = os.fork()
        if child == 0:
            try:
                run(folder, flow, model, int(number))
            except BaseException:  # noqa: BLE001 (the parent reads the exit status)
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
