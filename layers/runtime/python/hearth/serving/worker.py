"""One predict sandbox: what it knows of the registry, and the sessions that it holds open."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from hearth.domain.errors import ArtefactCorrupt, ModelRefused, ResourceExhausted, UnknownVersion
from hearth.domain.manifest import Opening, RuntimeOptions, from_document
from hearth.domain.routing import Route
from hearth.edge.settings import PredictSettings
from hearth.serving.capture import Watch
from hearth.serving.catalogue import Catalogue
from hearth.serving.files import Files
from hearth.serving.openings import openings
from hearth.serving.payloads import Carrier
from hearth.serving.session import Session, Tensors, give_back
from hearth.serving.sessions import Opened, Sessions
from hearth.stores.artefacts import Artefacts, ReadManifest, digest_of
from hearth.stores.documents import parse_json
from hearth.stores.ports import Payloads
from hearth.stores.registry import Registry

# Others are closed for a run that ran out of memory when they hold this part of all memory.
_SHARE = 4
# Opening leaves behind as much again as a session holds, unused. It may lie there until sessions
# weigh this part of the budget: giving it back takes about a tenth of the time that opening took.
_UNUSED = 3


class Worker:
    def __init__(
        self,
        registry: Registry,
        artefacts: Artefacts,
        payloads: Payloads,
        settings: PredictSettings,
    ) -> None:
        self.carrier = Carrier(payloads, settings.bucket, settings.payload_mb << 20)
        self.catalogue = Catalogue(registry, settings.registry_ttl_s)
        self._artefacts = artefacts
        self.memory_mb = settings.memory_mb
        self._files = Files(Path(settings.files_dir), artefacts)
        self._budget = settings.cache_mb << 20
        self._sessions = Sessions(self._budget, self._files.remove)

    def open(self, route: Route) -> tuple[Opened, bool]:
        """Return the session of a route's version, and whether it was opened just now.

        Raises:
            ArtefactCorrupt: If the stored version is not the one that was proven.
            ResourceExhausted: If it does not fit, even alone.
        """
        opened = self._sessions.get(route.manifest_sha256)
        if opened:
            return opened, False
        started = time.perf_counter()
        read = self._proven_manifest(route)
        session, size = self._open_best(read)
        watch = Watch(read.manifest)
        took_ms = (time.perf_counter() - started) * 1000
        opened = Opened(session, read.manifest, watch, took_ms, max(size, session.size))
        self._sessions.keep(read.sha256, opened)
        if self._sessions.size > self._budget // _UNUSED:
            give_back()
        return opened, True

    def _open_best(self, read: ReadManifest) -> tuple[Session, int]:
        """Return a session and the size of its files: of the saved graph where it opens here."""
        *saved, portable = openings(read.manifest)
        for opening in saved:
            try:
                return self._open_one(read, opening), opening.size
            except ModelRefused as error:
                # What only makes opening faster must not keep a version from being served.
                print(f"saved graph not opened: {error}", file=sys.stderr)  # noqa: T201
        return self._open_one(read, portable), portable.size

    def _open_one(self, read: ReadManifest, opening: Opening) -> Session:
        self._sessions.make_room(opening.size)
        try:
            path = self._place(read, opening.roles) / opening.file.path
            return self._session(path, opening.runtime)
        except Exception:
            # What is not open must not keep the disk from what will be.
            self._files.remove(read.sha256)
            raise

    def run(self, route: Route, inputs: Tensors, outputs: Sequence[str]) -> Tensors:
        """Run a route's version, which is open; where others hold much of the memory, alone.

        Raises:
            SignatureMismatch, ModelFailed: As `Session.run`.
            ResourceExhausted: If memory does not suffice even then.
        """
        opened, _ = self.open(route)
        try:
            return opened.session.run(inputs, outputs)
        except ResourceExhausted:
            # One absurd request must not close what is small: it would fail alone as well.
            others = self._sessions.held_by_others(route.manifest_sha256)
            if others < (self.memory_mb << 20) // _SHARE:
                raise
            self._sessions.close_others(route.manifest_sha256)
            give_back()
        return opened.session.run(inputs, outputs)

    def _session(self, path: Path, options: RuntimeOptions) -> Session:
        more = True
        while more:
            try:
                return Session(path, options, self.memory_mb)
            except ResourceExhausted:
                # Memory is not the sessions' alone: close until it fits.
                more = self._sessions.close_one()
                give_back()
        return Session(path, options, self.memory_mb)

    def _proven_manifest(self, route: Route) -> ReadManifest:
        try:
            body = self._artefacts.manifest_bytes(route.model, route.version)
        except UnknownVersion as error:
            raise _not_the_proven(route, "none") from error
        # The digest comes first: of a manifest that was not proven, nothing is read.
        if digest_of(body) != route.manifest_sha256:
            raise _not_the_proven(route, digest_of(body))
        return ReadManifest(from_document(parse_json(body, "manifest")), route.manifest_sha256)

    def _place(self, read: ReadManifest, roles: Sequence[str]) -> Path:
        while True:
            try:
                return self._files.place(read, roles)
            except ResourceExhausted:
                # The disk holds what the open sessions were opened from: close until it fits.
                if not self._sessions.close_one():
                    break
        # Nothing is open: what still lies there was left by a process that died.
        self._files.clear()
        return self._files.place(read, roles)


def _not_the_proven(route: Route, got: str) -> ArtefactCorrupt:
    return ArtefactCorrupt(
        f"manifest of {route.model} version {route.version} is not the one that was proven",
        got=got,
        expected=route.manifest_sha256,
        remedy="restore the object's first version, or publish the model again",
    )
