"""One predict sandbox: what it knows of the registry, and the sessions that it holds open."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from hearth.domain.errors import HearthError, ModelRefused, ResourceExhausted
from hearth.domain.manifest import Opening, RuntimeOptions
from hearth.domain.routing import Route, Target
from hearth.edge.settings import PredictSettings
from hearth.serving.capture import Watch
from hearth.serving.express import Express
from hearth.serving.openings import openings
from hearth.serving.payloads import Carrier
from hearth.serving.session import Session, Tensors, give_back
from hearth.serving.sessions import Opened, Sessions
from hearth.serving.stock import Stock
from hearth.stores.artefacts import ReadManifest
from hearth.stores.ports import Payloads

# Others are closed for a run that ran out of memory when they hold this part of all memory.
_SHARE = 4
# Opening leaves behind as much again as a session holds, unused. It may lie there until sessions
# weigh this part of the budget: giving it back takes about a tenth of the time that opening took.
_UNUSED = 3


class Worker:
    def __init__(self, stock: Stock, payloads: Payloads, settings: PredictSettings) -> None:
        self.carrier = Carrier(payloads, settings.bucket, settings.payload_mb << 20)
        self.catalogue = stock.catalogue
        self.memory_mb = settings.memory_mb
        self._stock = stock
        self._budget = settings.cache_mb << 20
        self._sessions = Sessions(self._budget, stock.files.remove)
        # Opened at start: the first request is the one that its opening counts for.
        self._unused: set[str] = set()

    def open(self, route: Route) -> tuple[Opened, bool]:
        """Return the session of a route's version, and whether it was opened just now.

        Raises:
            ArtefactCorrupt: If the stored version is not the one that was proven.
            ResourceExhausted: If it does not fit, even alone.
        """
        opened = self._sessions.get(route.manifest_sha256)
        if opened:
            return opened, bool(self._unused) and self._is_first_use(route)
        return self._open(route), True

    def preload(self, routes: Sequence[Route]) -> None:
        """Open versions before anybody asks; the first is the last to be closed again."""
        for route in reversed(routes):
            try:
                self._open(route)
            except HearthError as error:
                # Whoever asks for it is told.
                print(f"{route.model} not opened ahead: {error}", file=sys.stderr)  # noqa: T201
            else:
                self._unused.add(route.manifest_sha256)

    def prime(self) -> None:
        """Run every open version once."""
        for opened in self._sessions.all():
            with suppress(HearthError):
                opened.session.prime()

    def renew(self) -> None:
        """Forget what was true when a snapshot was taken; read again which versions answer."""
        self._unused.clear()
        self.catalogue.renew([opened.manifest.model for opened in self._sessions.all()])

    def _is_first_use(self, route: Route) -> bool:
        first = route.manifest_sha256 in self._unused
        self._unused.discard(route.manifest_sha256)
        return first

    def _open(self, route: Route) -> Opened:
        started = time.perf_counter()
        read = self._stock.manifest(route)
        session, size = self._open_best(read)
        watch = Watch(read.manifest)
        took_ms = (time.perf_counter() - started) * 1000
        express = Express(read.manifest.signature, session, watch)
        weight = max(size, session.size)
        opened = Opened(session, read.manifest, watch, took_ms, weight, express)
        self._sessions.keep(read.sha256, opened)
        if self._sessions.size > self._budget // _UNUSED:
            give_back()
        return opened

    def at_hand(self, target: Target) -> tuple[Route, Opened] | None:
        """Return what answers, if it is open, was asked before and the registry need not be."""
        route = self.catalogue.settled(target)
        if route and route.manifest_sha256 in self._unused:
            return None
        opened = route and self._sessions.get(route.manifest_sha256)
        return (route, opened) if route and opened else None

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
            self._stock.files.remove(read.sha256)
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

    def _place(self, read: ReadManifest, roles: Sequence[str]) -> Path:
        while True:
            try:
                return self._stock.files.place(read, roles)
            except ResourceExhausted:
                # The disk holds what the open sessions were opened from: close until it fits.
                if not self._sessions.close_one():
                    break
        # Nothing is open: what still lies there was left by a process that died.
        self._stock.files.clear()
        return self._stock.files.place(read, roles)
