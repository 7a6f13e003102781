"""Flow 5, optimize: inspect -> candidates -> measure -> gate -> choose -> publish or refuse."""

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from hearth.domain.errors import HearthError, StoreError
from hearth.domain.manifest import OPTIMIZED, Lineage
from hearth.domain.optimization import Wish
from hearth.optimizing import release
from hearth.optimizing.meant import meant
from hearth.optimizing.report import (
    ACCEPTED,
    DONE,
    NOTHING_TO_GAIN,
    REFUSED,
    RUNNING,
    Machine,
    Report,
)
from hearth.optimizing.search import SEED, Looking, look
from hearth.optimizing.searches import Held, Search, Searches, SearchLost, kept_key
from hearth.optimizing.subject import ROLES, prepare
from hearth.optimizing.trial import Trial
from hearth.publishing.publication import Publisher
from hearth.serving.files import Files
from hearth.serving.processor import family
from hearth.serving.proof_process import prove_apart
from hearth.serving.session import processors
from hearth.stores.artefacts import Artefacts, ReadManifest
from hearth.stores.clock import stamp
from hearth.stores.ports import Clock

# Kept back to publish what won, and to write the report.
_MARGIN_S = 45.0
_PREFIX = "search-"
_LONGEST_S = 1800  # twice what a function may take


@dataclass(frozen=True, slots=True)
class Attempt:
    """One go at a search.

    Args:
        id: AWS's request id: its asynchronous retries keep it.
        remaining_s: Seconds until the function is stopped.
    """

    id: str
    remaining_s: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Optimizer:
    """What the flow works with.

    Args:
        artefacts: Versions.
        searches: What was looked for before, and by whom.
        publisher: Makes the winner a version.
        files: The version's files on disk.
        clock: The time.
        workspace: A folder for candidates.
        memory_mb: The function's memory size.
        serving_memory_mb: Predict's, which decides how many threads a prediction has.
    """

    artefacts: Artefacts
    searches: Searches
    publisher: Publisher
    files: Files
    clock: Clock
    workspace: Path
    memory_mb: int
    serving_memory_mb: int


def assemble(
    artefacts: Artefacts, searches: Searches, folder: Path, memory_mb: tuple[int, int]
) -> Optimizer:
    """Return an optimizer over a bucket.

    Args:
        artefacts: Versions.
        searches: What was looked for before.
        folder: Where files may lie.
        memory_mb: The function's memory size, and predict's.
    """
    return Optimizer(
        artefacts=artefacts,
        searches=searches,
        publisher=Publisher(artefacts, searches.clock),
        files=Files(folder / "versions", artefacts),
        clock=searches.clock,
        workspace=folder / "work",
        memory_mb=memory_mb[0],
        serving_memory_mb=memory_mb[1],
    )


def optimize(model: str, wish: Wish, attempt: Attempt, optimizer: Optimizer) -> Report:
    """Look for a variant of a version that is better and still right; publish it, or say why not.

    Safe to run again at any time: a search that has ended is not made again, one that somebody is
    at is left to them, and what was published is found.

    Raises:
        UnknownModel, UnknownVersion: If there is no such version.
        StoreError: If the bucket failed and the caller's retry may still succeed.
    """
    read = meant(model, wish.version, optimizer.artefacts)
    wish = replace(wish, version=read.manifest.version)
    report = _opened(read, wish, optimizer)
    provenance = read.manifest.provenance
    if provenance.origin == OPTIMIZED:
        why = f"version {report.version} was itself made of version {provenance.parent}"
        return _ended(report, REFUSED, f"{why}: a variant is never made of a variant", optimizer)
    search = Search(report.id, attempt.id, "", wish, report)
    held = optimizer.searches.begin(search, attempt.remaining_s())
    if isinstance(held, Search):
        return held.report
    try:
        return held.end(_found_before(held, optimizer) or _search(held, read, attempt, optimizer))
    finally:
        optimizer.files.remove(read.sha256)


def _opened(read: ReadManifest, wish: Wish, optimizer: Optimizer) -> Report:
    manifest = read.manifest
    machine = Machine(
        processor=family(),
        processors=processors(optimizer.memory_mb),
        memory_mb=optimizer.memory_mb,
        serving_memory_mb=optimizer.serving_memory_mb,
        tools={"python": platform.python_version(), **release.tools()},
    )
    return Report(
        model=manifest.model,
        version=manifest.version,
        id=wish.id(read.sha256),
        manifest_sha256=read.sha256,
        objective=wish.objective,
        state=RUNNING,
        started_at=stamp(optimizer.clock.now()),
        machine=machine,
    )


def _ended(report: Report, verdict: str, reason: str, optimizer: Optimizer) -> Report:
    return replace(
        report,
        state=DONE,
        verdict=verdict,
        reasons=(reason,),
        ended_at=stamp(optimizer.clock.now()),
    )


def _found_before(held: Held, optimizer: Optimizer) -> Report | None:
    """Return the end of a search that died between its publication and its last word."""
    report, id_ = held.search.report, held.search.id
    key = kept_key(report.model, report.version, id_)
    published = release.made_before(optimizer.artefacts, report.model, report.version, key)
    if not published:
        return None
    before = held.before.report if held.before and held.before.id == id_ else report
    reasons = before.reasons or (f"version {published} was published; its lineage has the figures",)
    return replace(
        before,
        state=DONE,
        verdict=ACCEPTED,
        reasons=reasons,
        published=published,
        ended_at=stamp(optimizer.clock.now()),
    )


def _search(held: Held, read: ReadManifest, attempt: Attempt, optimizer: Optimizer) -> Report:
    try:
        return _searched(held, read, attempt, optimizer)
    except (StoreError, SearchLost):
        raise
    except HearthError as error:
        return _ended(held.search.report, REFUSED, str(error), optimizer)
    except Exception as error:  # noqa: BLE001 (whatever it was, the search must not look as if it went on)
        traceback.print_exc(file=sys.stderr)
        why = f"the search failed: {type(error).__name__}: {error}"
        return _ended(held.search.report, REFUSED, why, optimizer)


def _searched(held: Held, read: ReadManifest, attempt: Attempt, optimizer: Optimizer) -> Report:
    optimizer.workspace.mkdir(parents=True, exist_ok=True)
    _tidy(optimizer.workspace)
    folder = optimizer.files.place(read, ROLES)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=optimizer.workspace) as workspace:
        looking = Looking(
            held=held,
            subject=prepare(read.manifest, folder, Path(workspace)),
            workspace=Path(workspace),
            memory_mb=optimizer.memory_mb,
            serving_memory_mb=optimizer.serving_memory_mb,
            remaining_s=lambda: attempt.remaining_s() - _MARGIN_S,
        )
        found = look(looking)
        if found.winner is None or found.winner.candidate is None:
            verdict = NOTHING_TO_GAIN if found.nothing else REFUSED
            return _ended(found.report, verdict, found.why, optimizer)
        accepted = replace(found.report, verdict=ACCEPTED, reasons=(found.why,))
        published = 0
        if held.search.wish.publish:
            held.write(accepted)  # what was measured outlives a crash after the publication
            published = _published(found.winner, looking, optimizer)
        return replace(
            accepted, state=DONE, published=published, ended_at=stamp(optimizer.clock.now())
        )


def _tidy(workspace: Path) -> None:
    """Remove what searches left that were stopped in the middle: a sandbox keeps its files."""
    for folder in workspace.glob(f"{_PREFIX}*"):
        if time.time() - folder.stat().st_mtime > _LONGEST_S:
            shutil.rmtree(folder, ignore_errors=True)


def _published(winner: Trial, looking: Looking, optimizer: Optimizer) -> int:
    """Make the winner a version, as load-and-warm will prove it; return its number."""
    subject, search = looking.subject, looking.held.search
    manifest, candidate = subject.manifest, winner.candidate
    if candidate is None:
        raise AssertionError
    lineage = Lineage(
        recipes=candidate.recipes,
        objective=search.wish.objective,
        processor=family(),
        seed=SEED,
        tools=release.tools(),
        figures=release.figures(winner.tried),
        report=kept_key(manifest.model, manifest.version, search.id),
    )
    folder = looking.workspace / "release"
    folder.mkdir()
    made = release.Winner(candidate, winner.golden, lineage)
    draft = release.draft(subject, made, folder, optimizer.clock.now())
    prove_apart(folder, draft.manifest, optimizer.memory_mb, max(looking.remaining_s(), _MARGIN_S))
    return optimizer.publisher.release(draft).manifest.version
