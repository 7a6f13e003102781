"""Downloads in ranges over real sockets: what may go wrong, and that nothing of it is left."""

from __future__ import annotations

import errno
import hashlib
import itertools
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hearth.domain.errors import (
    ArtefactCorrupt,
    NoCredentials,
    ResourceExhausted,
    StoreError,
    StoreUnavailable,
)
from hearth.domain.manifest import ArtefactFile
from hearth.stores import aws_connections
from hearth.stores.artefacts import Artefacts
from hearth.stores.aws_s3 import S3Blobs, S3Documents
from hearth.stores.s3_objects import close
from support import network
from support.range_server import RangeServer
from support.wire import CLOSE, HANG, Asked, Reply, Wire, error, part, reply

BUCKET, MODEL = "hearth-models", "m"
BODY = random.Random(7).randbytes((9 << 20) + 12345)
FILE = ArtefactFile("model.onnx", hashlib.sha256(BODY).hexdigest(), len(BODY), "model")


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """A server that plays S3 and has one blob; nobody waits between attempts."""
    network.no_pauses(monkeypatch)
    made = Wire(lambda asked: part(BODY, asked))
    monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
    before = threading.active_count()
    yield made
    close()
    made.close()
    # Those of the server have ended; so must have those of the download.
    assert threading.active_count() < before


@pytest.fixture
def fetch(tmp_path: Path) -> Callable[..., Path]:
    """`fetch(progress, file)`: fetch the blob as a version's file, or leave nothing behind."""

    def fetch(
        progress: Callable[[int], None] = lambda _count: None, file: ArtefactFile = FILE
    ) -> Path:
        folder = tmp_path / "files"
        folder.mkdir(exist_ok=True)
        artefacts = Artefacts(S3Documents(BUCKET), S3Blobs(BUCKET))
        try:
            artefacts.fetch(MODEL, file, folder / "blob", progress)
        except BaseException:
            assert list(folder.iterdir()) == []
            raise
        assert list(folder.iterdir()) == [folder / "blob"]
        return folder / "blob"

    return fetch


def first_of(
    fault: Callable[[Asked], Reply], times: int = 1, start: int | None = None
) -> Callable[[Asked], Reply]:
    """Return a script in which so many requests (for the range from `start` on) go wrong."""
    lock, left = threading.Lock(), itertools.count(1)

    def script(asked: Asked) -> Reply:
        with lock:
            concerned = start is None or asked.span(len(BODY))[0] >= start
            if concerned and next(left) <= times:
                return fault(asked)
        return part(BODY, asked)

    return script


def cut(asked: Asked) -> Reply:
    """Half of what was asked for."""
    whole = part(BODY, asked).sent
    return Reply(whole[: len(whole) // 2], CLOSE)


def test_large_blob_comes_in_ranges_over_several_connections(wire, fetch):
    """Byte for byte, each byte asked for once, and told of in order by the thread that asked."""
    told, threads = [], set()

    def progress(count: int) -> None:
        told.append(count)
        threads.add(threading.get_ident())

    together = threading.Barrier(4, timeout=20)

    def script(asked: Asked) -> Reply:
        together.wait()
        return part(BODY, asked)

    wire.script = script
    assert fetch(progress).read_bytes() == BODY
    assert sum(told) == len(BODY)
    assert threads == {threading.get_ident()}
    spans = sorted(asked.span(len(BODY)) for asked in wire.asked)
    assert spans[0][0] == 0
    assert spans[-1][1] == len(BODY)
    assert all(one[1] == two[0] for one, two in itertools.pairwise(spans))
    assert len(spans) == wire.connections == 4


def test_small_blob_is_asked_for_whole(wire, fetch):
    """Below some megabytes another connection costs more than it brings."""
    body = BODY[: 1 << 20]
    wire.script = lambda _asked: reply(200, body)
    fetch(file=ArtefactFile("model.onnx", hashlib.sha256(body).hexdigest(), len(body), "model"))
    assert len(wire.asked) == 1


def test_only_the_rest_of_a_range_that_broke_off_is_asked_for_again(wire, fetch):
    """Its neighbours go on, and what has arrived is not sent twice."""
    told = []
    wire.script = first_of(cut)
    assert fetch(told.append).read_bytes() == BODY
    assert sum(told) == len(BODY)
    assert len(wire.asked) == 5
    firsts = sorted(asked.span(len(BODY))[0] for asked in wire.asked)
    assert len(set(firsts)) == 5


@pytest.mark.parametrize(
    "fault",
    [
        lambda _: error(503, "SlowDown"),
        lambda _: error(500, "InternalError"),
        lambda _: Reply(b"", CLOSE),
    ],
    ids=["slow", "failing", "none"],
)
def test_passing_fault_of_a_range_is_nobodys_business(wire, fetch, fault):
    """One range may be refused twice while the others are answered."""
    wire.script = first_of(fault, times=2)
    assert fetch().read_bytes() == BODY


def test_blob_that_goes_on_breaking_off_is_store_unavailable(wire, fetch):
    """The error says how much had come."""
    wire.script = lambda asked: Reply(part(BODY, asked).sent[:200_000], CLOSE)
    with pytest.raises(StoreUnavailable, match=rf"broke off: got [1-9]\d* of {len(BODY)} bytes"):
        fetch()


def test_silence_in_the_middle_of_a_range_is_store_unavailable(wire, fetch, monkeypatch):
    """A server that stops sending is given up after the read timeout."""
    monkeypatch.setattr(aws_connections, "_READ_S", 0.2)
    wire.script = lambda asked: Reply(part(BODY, asked).sent[:200_000], HANG)
    with pytest.raises(StoreUnavailable, match="broke off"):
        fetch()


def test_blob_that_changes_between_its_ranges_is_not_mixed(wire, fetch):
    """Ranges of two objects are no object."""
    wire.script = first_of(lambda asked: part(BODY, asked, etag='"other"'))
    with pytest.raises(StoreUnavailable, match="changed while it was fetched"):
        fetch()


@pytest.mark.parametrize("where", ["bytes 0-9/*", f"bytes 5-9/{len(BODY)}", "", "nonsense"])
def test_range_that_was_not_asked_for_is_not_taken(wire, fetch, where):
    """Bytes of another place would be found out by the digest, at the end alone."""
    wire.script = first_of(lambda asked: part(BODY, asked, content_range=where))
    with pytest.raises(StoreUnavailable, match="came in another range"):
        fetch()


@pytest.mark.parametrize(
    "there", [BODY + b"more", BODY[:-1], BODY[:3]], ids=["longer", "shorter", "much shorter"]
)
def test_blob_of_another_size_is_artefact_corrupt(wire, fetch, there):
    """A manifest names the size; with another one nothing else needs to be read."""

    def script(asked: Asked) -> Reply:
        if asked.span(len(BODY))[0] >= len(there):
            return error(416, "InvalidRange")
        return part(there, asked)

    wire.script = script
    with pytest.raises(ArtefactCorrupt, match="not what the manifest names"):
        fetch()


def test_blob_of_other_bytes_is_artefact_corrupt(wire, fetch):
    """One flipped bit in one range is found."""
    flipped = bytearray(BODY)
    flipped[5 << 20] ^= 1
    wire.script = lambda asked: part(bytes(flipped), asked)
    with pytest.raises(ArtefactCorrupt, match=r"not what the manifest names: got .* sha256"):
        fetch()


def test_server_that_gives_no_ranges_gives_the_whole(wire, fetch):
    """Not every store that speaks S3 knows ranges."""
    wire.script = lambda _asked: reply(200, BODY)
    assert fetch().read_bytes() == BODY
    assert "range" not in wire.asked[-1].headers


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (error(403, "ExpiredToken"), NoCredentials),
        (error(404, "NoSuchKey"), ArtefactCorrupt),
        (error(301, "PermanentRedirect"), StoreError),
    ],
)
def test_refusal_of_one_range_ends_all(wire, fetch, fault, expected):
    """The error is that of the range; the others are given up."""
    wire.script = first_of(lambda _asked: fault)
    with pytest.raises(expected):
        fetch()


def test_caller_that_breaks_off_ends_all(wire, fetch):
    """Whatever its progress raises, nothing runs on."""

    class Enough(Exception):
        pass

    def progress(_count: int) -> None:
        raise Enough

    with pytest.raises(Enough):
        fetch(progress)


FULL = """
import resource, sys
from pathlib import Path
from hearth.domain.errors import ResourceExhausted
from hearth.stores.aws_s3 import S3Blobs

size, most = int(sys.argv[2]), int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
try:
    S3Blobs("hearth-models").download(sys.argv[1], Path(sys.argv[4]), lambda _: None, size)
except ResourceExhausted as error:
    print(error)
"""


@pytest.mark.parametrize("most", [1 << 20, 8 << 20], ids=["from the start", "in the middle"])
@pytest.mark.parametrize("size", [len(BODY), 7 << 20], ids=["in ranges", "whole"])
def test_file_that_cannot_hold_the_blob_is_resource_exhausted(wire, tmp_path, most, size):
    """A limit that the process meets is told as a full disk is."""
    wire.script = lambda a: part(BODY, a) if "range" in a.headers else reply(200, BODY[:size])
    command = [sys.executable, "-c", FULL, "k", str(size), str(most), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    if size > most:
        assert f"expected {size} bytes; give the function more" in done.stdout
    else:
        assert done.stdout == ""


def test_full_disk_is_resource_exhausted(wire, fetch, monkeypatch):
    """A disk that fills up while ranges arrive: the error says how much of how much was written."""
    import os

    real, left = os.pwrite, [3 << 20]

    def pwrite(file: int, data: memoryview, offset: int) -> int:
        if left[0] <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        left[0] -= len(data)
        return real(file, data, offset)

    monkeypatch.setattr("os.pwrite", pwrite)
    words = rf"got [1-9]\d* bytes written, expected {len(BODY)} bytes; give .* ephemeral storage"
    with pytest.raises(ResourceExhausted, match=words):
        fetch()


MEMORY = """
import sys, threading, time
from pathlib import Path
from hearth.stores.aws_s3 import S3Blobs

def anonymous():
    return int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0])

def watch():
    while not done:
        peak.append(anonymous())
        time.sleep(0.002)

blobs, done, peak = S3Blobs("hearth-models"), False, []
key, size, out = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
blobs.download("small", out, lambda _: None, 9 << 20)
before = anonymous()
watching = threading.Thread(target=watch)
watching.start()
blobs.download(key, out, lambda _: None, size)
done = True
watching.join()
print((max(peak) - before) / 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux says what is anonymous")
def test_memory_does_not_grow_with_the_blob(monkeypatch, tmp_path):
    """400 MB need no more anonymous memory than 9 MB do, but for a megabyte or so of noise."""
    served = tmp_path / "served"
    served.mkdir()
    (served / "small").write_bytes(BODY[: 9 << 20])
    with (served / "large").open("wb") as file:
        file.truncate(400 << 20)
    with RangeServer(served) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        command = [sys.executable, "-c", MEMORY, "large", str(400 << 20), str(tmp_path / "out")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 8
