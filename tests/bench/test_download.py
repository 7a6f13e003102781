"""How fast a blob comes, beside what else fetches an object: plain ranges, botocore, boto3."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import statistics
import subprocess
import sys
import threading
import time
import timeit
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from hearth.stores import aws_client, s3_ranges
from hearth.stores.aws_s3 import S3Blobs
from hearth.stores.s3_file import allocate
from hearth.stores.s3_objects import renew
from support.range_server import RangeServer

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

TABLE = Path(__file__).parent / "results/download.md"
HEAD = """\
A blob from a plain range server (`tests/support/range_server.py`: sendfile, no TLS) in another
process on loopback, all by turns in one run; medians. Each contender writes the same file.

- *Hearth* is `S3Blobs.download`: {connections} connections, hashed and checked.
- *plain* is the same connections and ranges with the same buffers: no signature, no hash, no check.
- *one stream* is botocore's `get_object`, hashed while it is written, as Hearth did before.
- *boto3* is its transfer manager as it comes (`download_file`: ten threads), without a hash.
- *100 MB/s* and *500 MB/s*: the server holds all its connections together to that pace and each
  answer back for {delay_ms:.0f} ms, as a network and a store may; assumed, not measured on AWS.
- *CPU* is this process's, for one download; *memory* the most anonymous memory that a fresh process
  had more than before, over one download.

Unpaced, server, copies and hash share the machine's processors: this is the worst case, and 0.8 of
plain is not reached there. It could not be: {most} MB took {plain:.2f} s plain, with the processors
busy, and to hash them alone took {hash:.2f} s more of one of them. The table does not show S3's own
throughput, or what TLS takes.

| MB | network | Hearth, MB/s | over plain | over one stream | over boto3 | CPU, s: Hearth, plain, one stream, boto3 | memory, MB: Hearth, one stream, boto3 |
|---|---|---|---|---|---|---|---|
"""
BY_CONNECTIONS = """
Hearth's megabytes a second with other numbers of connections:

| MB | network | {} |
|---|---|{}
"""
BUCKET = "hearth-bench"
SIZES = {10: 10_000_000, 400: 400_000_000}
DELAY_S = 0.03
LOOPBACK = "loopback"
NETWORKS = {LOOPBACK: (0.0, 0.0), "100 MB/s": (100e6, DELAY_S), "500 MB/s": (500e6, DELAY_S)}
ROUNDS = {
    (10, LOOPBACK): 31,
    (10, "100 MB/s"): 9,
    (10, "500 MB/s"): 15,
    (400, LOOPBACK): 7,
    (400, "100 MB/s"): 3,
    (400, "500 MB/s"): 5,
}
CONNECTIONS = (2, 4, 8)
LEAST_OVER_PLAIN = 0.8
# Of clients that take longer anyway; noise of other processes is not to fail this.
LEAST_OVER_OTHERS = 0.7

Fetch = Callable[[str, Path, int], None]


def hearth(key: str, path: Path, size: int) -> None:
    S3Blobs(BUCKET).download(key, path, lambda _count: None, size)


def one_stream(key: str, path: Path, _size: int) -> None:
    answer = aws_client.client("s3").get_object(Bucket=BUCKET, Key=key)
    sha256 = hashlib.sha256()
    with path.open("wb") as file:
        for chunk in answer["Body"].iter_chunks(1 << 20):
            sha256.update(chunk)
            file.write(chunk)


@cache
def _boto3_client() -> Any:
    return boto3.client("s3")


def transfer_manager(key: str, path: Path, _size: int) -> None:
    _boto3_client().download_file(BUCKET, key, str(path), Config=TransferConfig())


def plain(key: str, path: Path, size: int) -> None:
    """The same connections, ranges and buffers as `s3_ranges` has, and nothing else."""
    url = urlsplit(os.environ["AWS_ENDPOINT_URL"])
    length = min(
        max(-(-size // s3_ranges.CONNECTIONS), s3_ranges._LEAST_RANGE), s3_ranges._MOST_RANGE
    )
    starts, lock = iter(range(0, size, length)), threading.Lock()
    with path.open("wb", buffering=0) as file:
        allocate(file.fileno(), size)

        def work() -> None:
            connection = http.client.HTTPConnection(url.hostname, url.port)
            buffer = memoryview(bytearray(s3_ranges._BUFFER))
            while True:
                with lock:
                    at = next(starts, size)
                if at == size:
                    break
                end = min(at + length, size)
                headers = {"Range": f"bytes={at}-{end - 1}"}
                connection.request("GET", f"/{BUCKET}/{key}", headers=headers)
                answer = connection.getresponse()
                while at < end:
                    count = answer.readinto(buffer)
                    os.pwrite(file.fileno(), buffer[:count], at)
                    at += count
                answer.read()
            connection.close()

        threads = [threading.Thread(target=work) for _ in range(s3_ranges.CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


CONTENDERS: dict[str, Fetch] = {
    "hearth": hearth,
    "plain": plain,
    "one stream": one_stream,
    "boto3": transfer_manager,
}


@dataclass(frozen=True)
class Cost:
    seconds: float
    cpu_s: float


@dataclass(frozen=True)
class Row:
    megabytes: int
    network: str
    costs: dict[str, Cost]
    memory_mb: dict[str, float]
    by_connections: dict[int, float]

    def over(self, name: str) -> float:
        """Return Hearth's throughput over another's."""
        return self.costs[name].seconds / self.costs["hearth"].seconds

    def __str__(self) -> str:
        speed = SIZES[self.megabytes] / 1e6 / self.costs["hearth"].seconds
        ratios = " | ".join(f"{self.over(name):.2f}" for name in ("plain", "one stream", "boto3"))
        cpu = ", ".join(f"{self.costs[name].cpu_s:.3f}" for name in CONTENDERS)
        memory = ", ".join(f"{value:.1f}" for value in self.memory_mb.values())
        return f"| {self.megabytes} | {self.network} | {speed:.0f} | {ratios} | {cpu} | {memory} |"


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    folder = tmp_path_factory.mktemp("download")
    for megabytes, size in SIZES.items():
        (folder / str(megabytes)).write_bytes(os.urandom(size))
    measured = [_row(m, n, folder) for m in SIZES for n in NETWORKS]
    most = max(SIZES)
    [unpaced] = [row for row in measured if (row.megabytes, row.network) == (most, LOOPBACK)]
    head = HEAD.format(
        connections=s3_ranges.CONNECTIONS,
        delay_ms=DELAY_S * 1000,
        most=most,
        plain=unpaced.costs["plain"].seconds,
        hash=_hash_s((folder / str(most)).read_bytes()),
    )
    lines = [*map(str, measured)]
    beside = BY_CONNECTIONS.format(" | ".join(map(str, CONNECTIONS)), "---|" * len(CONNECTIONS))
    others = [
        f"| {row.megabytes} | {row.network} | "
        + " | ".join(f"{value:.0f}" for value in row.by_connections.values())
        + " |"
        for row in measured
    ]
    text = head + "\n".join(lines) + "\n" + beside + "\n".join(others) + "\n"
    TABLE.write_text(text, encoding="utf-8")
    print("\n" + text)
    return measured


def _hash_s(content: bytes) -> float:
    return timeit.timeit(lambda: hashlib.sha256(content), number=3) / 3


def _row(megabytes: int, network: str, folder: Path) -> Row:
    size, rounds = SIZES[megabytes], ROUNDS[megabytes, network]
    with pytest.MonkeyPatch.context() as patch, RangeServer(folder, *NETWORKS[network]) as url:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        patch.setenv("AWS_ENDPOINT_URL", url)
        with _fresh_clients():
            key, path = str(megabytes), folder / "out"
            costs = _by_turns(
                {name: lambda f=f: f(key, path, size) for name, f in CONTENDERS.items()}, rounds
            )
            assert path.read_bytes() == (folder / key).read_bytes()
            numbers = {
                number: lambda number=number: _with_connections(number, key, path, size)
                for number in CONNECTIONS
            }
            by_number = _by_turns(numbers, rounds // 2)
        memory = {
            name: _memory(name, key, path, size) for name in ("hearth", "one stream", "boto3")
        }
    speeds = {number: size / 1e6 / cost.seconds for number, cost in by_number.items()}
    return Row(megabytes, network, costs, memory, speeds)


class _fresh_clients:  # noqa: N801 (reads as what it does)
    def __enter__(self) -> None:
        renew()
        _boto3_client.cache_clear()

    def __exit__(self, *_exception: object) -> None:
        renew()
        _boto3_client.cache_clear()


def _by_turns(works: dict, rounds: int) -> dict[str, Cost]:
    took: dict = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            cpu, started = time.process_time(), time.perf_counter()
            work()
            cost = Cost(time.perf_counter() - started, time.process_time() - cpu)
            if number:  # the first round makes clients and connections
                took[name].append(cost)
    return {
        name: Cost(
            statistics.median(cost.seconds for cost in costs),
            statistics.median(cost.cpu_s for cost in costs),
        )
        for name, costs in took.items()
    }


def _with_connections(number: int, key: str, path: Path, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(s3_ranges, "CONNECTIONS", number)
        hearth(key, path, size)


_CHILD = """
import json, sys, threading, time
from pathlib import Path
from bench import test_download as bench

def anonymous():
    return int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0]) / 1024

def watch():
    while not done:
        peak.append(anonymous())
        time.sleep(0.002)

name, key, path, size = json.loads(sys.argv[1])
fetch = bench.CONTENDERS[name]
fetch("10", Path(path), bench.SIZES[10])
done, peak, before = False, [0.0], anonymous()
watching = threading.Thread(target=watch)
watching.start()
fetch(key, Path(path), size)
done = True
watching.join()
print(max(peak) - before)
"""


def _memory(name: str, key: str, path: Path, size: int) -> float:
    arguments = json.dumps([name, key, str(path), size])
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", _CHILD, arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return max(0.0, float(done.stdout))


@pytest.mark.parametrize("megabytes", SIZES)
def test_blob_comes_as_fast_as_plain_ranges_do_over_a_network(
    rows: list[Row], megabytes: int
) -> None:
    """Where a network sets the pace, signing, hashing and checking cost next to nothing."""
    for row in rows:
        if row.megabytes == megabytes and row.network != LOOPBACK:
            assert row.over("plain") >= LEAST_OVER_PLAIN, row.network


@pytest.mark.parametrize("megabytes", SIZES)
def test_blob_comes_faster_than_by_any_client_of_aws(rows: list[Row], megabytes: int) -> None:
    """Neither botocore's one stream, which hashes as well, nor boto3's ten threads are faster."""
    for row in rows:
        if row.megabytes == megabytes:
            assert row.over("one stream") >= LEAST_OVER_OTHERS
            assert row.over("boto3") >= LEAST_OVER_OTHERS


def test_memory_does_not_grow_with_the_blob(rows: list[Row]) -> None:
    """A few small buffers, whatever the blob: less than one range of it."""
    for row in rows:
        assert row.memory_mb["hearth"] < 8
