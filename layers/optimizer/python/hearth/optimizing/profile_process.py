"""Profiled runs in a process of their own: profiling takes memory, and models crash.

`python -m hearth.optimizing.profile_process`: what to run as JSON on standard input, what came of
it as JSON on standard output.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hearth.domain.errors import (
    DeadlineExceeded,
    HearthError,
    ModelFailed,
    ResourceExhausted,
)
from hearth.domain.manifest import Manifest, from_document, to_document
from hearth.domain.plain import from_plain, to_plain
from hearth.optimizing.profile import Event, Profile, of_events
from hearth.serving import child, golden
from hearth.serving.child import Ended
from hearth.serving.golden import GoldenCase
from hearth.serving.proof_process import described, revived
from hearth.serving.session import Session

_MOST_EVENTS = 100_000  # some 60 MB of JSON, 4 MB compressed
_MOST_CASES = 20
_MARGIN_S = 5.0  # to read the trace and to write it


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be profiled.

    Args:
        folder: Where the version's files lie.
        trace: Where the trace is written, gzipped.
        runs: How many, at most.
        threads_mb: The memory size that decides the threads: predict's.
        time_limit_s: After which no further run begins.
    """

    folder: str
    trace: str
    runs: int
    threads_mb: int
    time_limit_s: float


def profile_apart(wanted: Wanted, manifest: Manifest, memory_mb: int) -> Profile:
    """Return the profile of a version's golden cases, run in a child process.

    Args:
        wanted: What is to be profiled.
        manifest: The version's.
        memory_mb: What the child may take.

    Raises:
        DeadlineExceeded: If it does not end in time.
        ResourceExhausted: If memory does not suffice.
        ModelFailed: If it crashes.
    """
    asked = {"wanted": asdict(wanted), "manifest": to_document(manifest)}
    try:
        limit_s = wanted.time_limit_s + _MARGIN_S
        done = child.run(child.command(__name__, str(memory_mb)), asked, limit_s)
    except subprocess.TimeoutExpired as error:
        raise DeadlineExceeded(
            "profiling did not end in time",
            got=f"still at it after {error.timeout:.0f} s",
            expected="one run within the function's timeout",
            remedy="ask for fewer runs",
        ) from error
    return _read(done, memory_mb)


def _read(done: Ended, memory_mb: int) -> Profile:
    try:
        answer = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        if child.ran_out_of_memory(done):
            raise ResourceExhausted(
                "profiling took more memory than there is",
                got=f"{memory_mb} MB",
                remedy="ask for fewer runs, or raise the memory size",
            ) from None
        said = child.last_words(done)
        raise ModelFailed(
            "profiling crashed", got=f"exit status {done.returncode}: {said}"
        ) from None
    if "error" in answer:
        raise revived(answer["error"])
    found: Profile = from_plain(Profile, answer["profile"], "profile")
    return found


def profile_here(wanted: Wanted, manifest: Manifest) -> Profile:
    """Run golden cases under the profiler, in turns; write the trace; return what it says.

    A first session is profiled for one run: how many events that makes decides how many runs a
    trace can hold.
    """
    until = time.monotonic() + wanted.time_limit_s
    cases = golden.load(Path(wanted.folder) / manifest.golden.path)[:_MOST_CASES]
    once = _profiled(wanted, manifest, cases[:1], until)
    fitting = max(_MOST_EVENTS // max(len(once), 1) - len(cases), 1)
    runs = min(wanted.runs, fitting)
    turns = [cases[i % len(cases)] for i in range(runs)]
    events = _profiled(wanted, manifest, [*cases, *turns], until)
    with gzip.GzipFile(wanted.trace, "wb", mtime=0) as file:
        file.write(json.dumps(events).encode())
    return of_events(events, len(cases))


def _profiled(
    wanted: Wanted, manifest: Manifest, cases: list[GoldenCase], until: float
) -> list[Event]:
    """Return the events of a session that runs cases, each at least once if time allows."""
    trace = Path(wanted.trace)
    path = Path(wanted.folder) / manifest.model_file.path
    session = Session(path, manifest.runtime, wanted.threads_mb, trace.with_suffix(""))
    for number, case in enumerate(cases):
        if number and time.monotonic() > until:
            break
        session.run(case.inputs)
    written = session.end_profiling()
    try:
        return [event for event in json.loads(written.read_bytes()) if _is_whole(event)]
    finally:
        written.unlink(missing_ok=True)


def _is_whole(event: Any) -> bool:  # noqa: ANN401 (any JSON)
    """Return whether an event is what Chrome and Perfetto call complete."""
    times = all(isinstance(event.get(key), int) and event[key] >= 0 for key in ("ts", "dur"))
    return times and event.get("ph") == "X" and isinstance(event.get("args"), dict)


def _main(memory_mb: str) -> None:
    child.restrict(int(memory_mb))
    asked = json.loads(sys.stdin.buffer.read())
    manifest = from_document(asked["manifest"])
    try:
        found = profile_here(Wanted(**asked["wanted"]), manifest)
        answer: dict[str, Any] = {"profile": to_plain(found)}
    except HearthError as error:
        answer = {"error": described(error)}
    print(json.dumps(answer))  # noqa: T201


if __name__ == "__main__":
    _main(*sys.argv[1:])
