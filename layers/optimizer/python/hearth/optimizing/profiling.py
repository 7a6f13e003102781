"""The profile of a version: fetch -> run golden cases under the profiler -> store the trace."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hearth.domain.errors import BadRequest
from hearth.domain.identity import model_name, version
from hearth.domain.manifest import EXTERNAL_DATA, GOLDEN, MODEL
from hearth.domain.plain import to_plain
from hearth.optimizing.profile_process import Wanted, profile_apart
from hearth.serving.files import Files
from hearth.serving.memory import resident_mb
from hearth.serving.processor import family
from hearth.stores.artefacts import Artefacts
from hearth.stores.ports import Blobs

MOST_RUNS, USUAL_RUNS = 1000, 50
_RESERVE_MB = 64  # this process's own share, beside what it holds
_RESERVE_S = 30.0  # to fetch, to read the trace, to store it
_FIELDS = ("do", "model", "version", "runs")


@dataclass(frozen=True, slots=True)
class Wish:
    """Which version is to be profiled, over how many runs."""

    model: str
    version: int
    runs: int = USUAL_RUNS


@dataclass(frozen=True, slots=True)
class Profiler:
    """What the flow works with.

    Args:
        artefacts: Versions.
        files: Where they lie while they are profiled.
        blobs: Where the trace goes.
        memory_mb: The function's memory size.
        serving_mb: Predict's, which decides the threads.
        remaining_s: Seconds until the function is stopped.
    """

    artefacts: Artefacts
    files: Files
    blobs: Blobs
    memory_mb: int
    serving_mb: int
    remaining_s: Callable[[], float]


def trace_key(model: str, version: int) -> str:
    return f"reports/{model}/{version}/profile.json.gz"


def wish(event: Mapping[str, Any]) -> Wish:
    """Return what `{"do": "profile", "model": ..., "version": ..., "runs": ...}` asks for.

    Raises:
        BadRequest: If a field is unknown, missing or of another type.

    Example:
        >>> wish({"do": "profile", "model": "digits", "version": 2})
        Wish(model='digits', version=2, runs=50)
    """
    unknown = sorted(map(str, event.keys() - set(_FIELDS)))
    if unknown:
        raise BadRequest(
            "a profile has no such field",
            got=", ".join(unknown[:10]),
            expected="some of " + ", ".join(_FIELDS),
            remedy="leave it out",
        )
    name, number, runs = event.get("model"), event.get("version"), event.get("runs", USUAL_RUNS)
    if isinstance(number, bool) or not isinstance(number, int | str):
        raise BadRequest("a profile is of one version", got=number, expected="its number")
    if type(runs) is not int or not 1 <= runs <= MOST_RUNS:
        raise BadRequest("runs of a profile are not usable", got=runs, expected=f"1 to {MOST_RUNS}")
    return Wish(model_name(name if isinstance(name, str) else ""), version(number), runs)


def profile(wanted: Wish, profiler: Profiler) -> dict[str, Any]:
    """Profile a version and store its trace; return the profile, and where the trace lies.

    Raises:
        UnknownVersion: If there is no such version.
        ArtefactCorrupt: If its files are not what its manifest names.
        DeadlineExceeded: If one run does not end in time.
        ResourceExhausted: If memory does not suffice.
        StoreError: If the trace could not be stored.
    """
    read = profiler.artefacts.manifest(wanted.model, wanted.version)
    folder = profiler.files.place(read, (MODEL, EXTERNAL_DATA, GOLDEN))
    key = trace_key(wanted.model, wanted.version)
    try:
        with tempfile.TemporaryDirectory() as own:
            trace = Path(own) / "profile.json.gz"
            limit_s = max(profiler.remaining_s() - _RESERVE_S, 1.0)
            how = Wanted(str(folder), str(trace), wanted.runs, profiler.serving_mb, limit_s)
            left_mb = int(profiler.memory_mb - resident_mb() - _RESERVE_MB)
            found = profile_apart(how, read.manifest, left_mb)
            profiler.blobs.upload(key, trace, lambda _count: None)
    finally:
        profiler.files.remove(read.sha256)
    return {**asdict(wanted), **to_plain(found), "trace": key, "processor": family()}
