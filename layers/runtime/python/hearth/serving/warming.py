"""Flow 2, load and warm: fetch -> verify -> open -> golden cases -> record -> announce."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from hearth.domain import registry_entry as entries
from hearth.domain.errors import (
    DeadlineExceeded,
    HearthError,
    ModelFailed,
    ResourceExhausted,
    StoreError,
)
from hearth.domain.frozen import dataclass
from hearth.domain.manifest import GOLDEN, Manifest
from hearth.domain.registry_entry import Actor, Figures, RegistryEntry, VersionStatus
from hearth.domain.state import State
from hearth.edge.documents import read_manifest
from hearth.serving.files import Files
from hearth.serving.openings import openings
from hearth.serving.proof import Proof, prove
from hearth.stores.announcement import announce_available
from hearth.stores.artefacts import Artefacts, ReadManifest, digest_of, require_place
from hearth.stores.clock import stamp
from hearth.stores.ports import Announcer, Clock
from hearth.stores.registry import Registry

WHO = "load-and-warm"
# Time that is kept back to record the end of a load that did not come to one.
_MARGIN_S = 3.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One go at loading a version.

    Args:
        id: AWS's request id: its asynchronous retries keep it.
        remaining_s: Seconds until the function is stopped.
        explicit: Whether somebody asked for it by name; an event for a version that has ended
            is a duplicate.
        why: For the history.
    """

    id: str
    remaining_s: Callable[[], float]
    explicit: bool = True
    why: str = "asked over HTTP"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a version came to. `changed` is False when there was nothing to do."""

    model: str
    version: int
    state: State
    error_code: str = "OK"
    error_message: str = ""
    figures: Figures | None = None
    changed: bool = True


Prove = Callable[[Path, Manifest, int, float], Proof]


@dataclass(frozen=True, slots=True)
class Loader:
    """What the flow works with; `prove` opens and runs the model, here or in another process."""

    registry: Registry
    artefacts: Artefacts
    announcer: Announcer
    clock: Clock
    files: Files
    memory_mb: int
    attempts: int
    prove: Prove = prove

    def actor(self, why: str) -> Actor:
        return Actor(WHO, stamp(self.clock.now()), why)


def load_and_warm(model: str, version: int, attempt: Attempt, loader: Loader) -> Outcome:
    """Make a version servable, or record why it never will be. Safe to run again at any time.

    Raises:
        UnknownVersion: If it has no manifest.
        StoreError: If the bucket failed and the caller's retry may still succeed.
    """
    body = loader.artefacts.manifest_bytes(model, version)
    entry = loader.registry.change(model, lambda e: _begin(e, version, attempt, loader))
    status = entry.status(version)
    if status.state is not State.LOADING or status.attempt != attempt.id:
        announce_available(entry, version, loader.registry, loader.announcer)
        return _outcome(model, version, status, changed=False)
    try:
        proof = _prove(model, version, body, attempt, loader)
    except StoreError as error:
        if not attempt.explicit and status.attempts < loader.attempts:
            raise
        return _end(model, version, error, attempt, loader)
    except HearthError as error:
        return _end(model, version, error, attempt, loader)
    except Exception as error:  # noqa: BLE001 (whatever it was, the version must not hang in LOADING)
        fault = ModelFailed("load-and-warm failed", got=f"{type(error).__name__}: {error}")
        return _end(model, version, fault, attempt, loader)
    finally:
        loader.files.remove(digest_of(body))
    return _available(model, version, digest_of(body), proof, loader)


def _begin(entry: RegistryEntry, version: int, attempt: Attempt, loader: Loader) -> RegistryEntry:
    status = entry.versions.get(version, VersionStatus())
    if status.state is State.AVAILABLE:
        return entry
    if status.state is State.END and not attempt.explicit:
        return entry
    actor = loader.actor(attempt.why)
    if _died_too_often(status, attempt, loader):
        error = ResourceExhausted(
            f"loading died {status.attempts} times without a word",
            got=f"{loader.memory_mb} MB of memory",
            remedy="it most likely ran out of memory: raise the memory size",
        )
        return entries.end(entry, version, (error.code, str(error)), actor)
    deadline = stamp(loader.clock.now() + timedelta(seconds=attempt.remaining_s()))
    return entries.begin_loading(entry, version, attempt.id, deadline, actor)


def _died_too_often(status: VersionStatus, attempt: Attempt, loader: Loader) -> bool:
    again = status.state is State.LOADING and status.attempt == attempt.id
    return again and status.attempts >= loader.attempts


def _prove(model: str, version: int, body: bytes, attempt: Attempt, loader: Loader) -> Proof:
    manifest = read_manifest(body)
    require_place(manifest, model, version)
    started = time.perf_counter()
    read = ReadManifest(manifest, digest_of(body))
    roles = [role for opening in openings(manifest) for role in opening.roles]
    folder = loader.files.place(read, (*roles, GOLDEN))
    fetch_ms = round((time.perf_counter() - started) * 1000, 3)
    left_s = attempt.remaining_s() - _MARGIN_S
    if left_s <= 0:
        raise DeadlineExceeded(
            "no time is left to open the model",
            got=f"fetching took {fetch_ms / 1000:.0f} s",
            expected="fetch, open and golden cases within the function's timeout",
            remedy="raise the timeout, or publish a smaller variant",
        )
    proof = loader.prove(folder, manifest, loader.memory_mb, left_s)
    return replace(proof, figures=replace(proof.figures, fetch_ms=fetch_ms))


def _end(model: str, version: int, error: HearthError, attempt: Attempt, loader: Loader) -> Outcome:
    actor = loader.actor(attempt.why)

    def transition(entry: RegistryEntry) -> RegistryEntry:
        status = entry.versions.get(version, VersionStatus())
        # Another attempt has taken over, or has proven it: its word counts, not this one's.
        if status.state is not State.LOADING or status.attempt != attempt.id:
            return entry
        return entries.end(entry, version, (error.code, f"{type(error).__name__}: {error}"), actor)

    entry = loader.registry.change(model, transition)
    return _outcome(model, version, entry.status(version), changed=True)


def _available(model: str, version: int, sha256: str, proof: Proof, loader: Loader) -> Outcome:
    why = f"{proof.cases} golden cases, largest relative error {proof.worst_error:.2g}"
    actor = loader.actor(why)

    def transition(entry: RegistryEntry) -> RegistryEntry:
        status = entry.versions.get(version, VersionStatus())
        if status.state is not State.LOADING:
            return entry
        return entries.become_available(entry, version, sha256, proof.figures, actor)

    entry = loader.registry.change(model, transition)
    announce_available(entry, version, loader.registry, loader.announcer)
    return _outcome(model, version, entry.status(version), changed=True)


def _outcome(model: str, version: int, status: VersionStatus, *, changed: bool) -> Outcome:
    return Outcome(
        model=model,
        version=version,
        state=status.state,
        error_code=status.error_code,
        error_message=status.error_message,
        figures=status.figures,
        changed=changed,
    )


def unload(model: str, loader: Loader, why: str) -> list[Outcome]:
    """Take every version of a model out of service; its labels stay for the next load.

    Raises:
        UnknownModel: If the model has no registry entry.
    """
    before = loader.registry.read(model).entry.available()
    actor = loader.actor(why)

    def transition(entry: RegistryEntry) -> RegistryEntry:
        for number in entry.available():
            entry = entries.begin_unloading(entry, number, actor)
            entry = entries.end(entry, number, ("OK", ""), replace(actor, why="unloaded"))
        return entry

    entry = loader.registry.change(model, transition)
    return [_outcome(model, number, entry.status(number), changed=True) for number in before]
