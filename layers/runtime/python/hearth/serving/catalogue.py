"""The registry as a warm sandbox sees it: cached, and never older than a stated time."""

from __future__ import annotations

import math
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import field, replace

from hearth.domain.errors import (
    InvalidDocument,
    StoreError,
    UnknownLabel,
    UnknownModel,
    UnknownVersion,
    VersionUnavailable,
)
from hearth.domain.frozen import dataclass
from hearth.domain.routing import SPLIT, Route, Target, resolve
from hearth.stores.registry import Read, Registry

_MOST_ENTRIES = 4096
# While S3 does not answer, asking it costs a request many seconds: it is asked this seldom.
_OUTAGE_PAUSE_S = 30.0
# After a restore a process has 10 s before it must take its first request.
_RENEWAL_S = 2.0


@dataclass(frozen=True, slots=True)
class _Seen:
    read: Read
    until: float
    # Routes that depend on no key: every request for the target goes there.
    settled: dict[Target, Route] = field(default_factory=dict)


class Catalogue:
    """Resolves what a request asked for to a version.

    Args:
        registry: Where entries are read.
        ttl_s: An entry is read again (one conditional GET) when it was seen longer ago than this.
        monotonic: Seconds that only grow.
    """

    def __init__(
        self,
        registry: Registry,
        ttl_s: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self._ttl_s = ttl_s
        self._monotonic = monotonic
        self._seen: OrderedDict[str, _Seen] = OrderedDict()

    def route(self, target: Target, key: str) -> Route:
        """Return the version that answers.

        What a cached entry cannot answer is asked again of the registry before it is refused:
        a label or version that someone just made is seen at once.

        Raises:
            UnknownModel, UnknownVersion, UnknownLabel, VersionUnavailable: As `resolve`.
            StoreError: If the registry cannot be read and nothing is known of the model.
        """
        seen, fresh = self._entry(target.model)
        settled = seen.settled.get(target)
        if settled:
            return settled
        try:
            route = resolve(seen.read.entry, target, key)
        except (UnknownVersion, UnknownLabel, VersionUnavailable):
            if fresh:
                raise
            return resolve(self._refresh(target.model).read.entry, target, key)
        if route.why != SPLIT:
            seen.settled[target] = route
        return route

    def settled(self, target: Target) -> Route | None:
        """Return the version that answers, where that takes neither a key nor the registry."""
        seen = self._seen.get(target.model)
        return seen.settled.get(target) if seen and self._monotonic() < seen.until else None

    def versions(self, model: str) -> list[int]:
        """Return a model's versions that can be served."""
        return self._entry(model)[0].read.entry.available()

    def _entry(self, model: str) -> tuple[_Seen, bool]:
        seen = self._seen.get(model)
        if seen and self._monotonic() < seen.until:
            return seen, False
        try:
            return self._refresh(model), True
        except (StoreError, InvalidDocument) as error:
            if seen is None:
                raise
            # Serving goes on with the last known entry while S3 gives no other that can be read.
            print(f"registry of {model} not refreshed: {error}", file=sys.stderr)  # noqa: T201
            return self._remember(model, seen.read, _OUTAGE_PAUSE_S), True

    def renew(self, models: Iterable[str]) -> None:
        """Trust nothing that is known any longer; read models' entries again.

        What cannot be read in a moment is read when it is asked for.
        """
        for model, seen in list(self._seen.items()):
            self._seen[model] = replace(seen, until=-math.inf)
        until = self._monotonic() + _RENEWAL_S
        for model in models:
            if self._monotonic() > until:
                return
            with suppress(UnknownModel):
                self._entry(model)

    def knows(self, model: str) -> bool:
        """Return whether the model is known to exist, without asking."""
        return model in self._seen

    def _refresh(self, model: str) -> _Seen:
        seen = self._seen.get(model)
        read = self._registry.read(model, seen.read if seen else None)
        return self._remember(model, read, self._ttl_s)

    def _remember(self, model: str, read: Read, for_s: float) -> _Seen:
        if read.entry.history:
            # No route depends on it, and it is most of what an entry holds.
            read = replace(read, entry=replace(read.entry, history=()))
        made = self._seen[model] = _Seen(read, self._monotonic() + for_s)
        self._seen.move_to_end(model)
        if len(self._seen) > _MOST_ENTRIES:
            self._seen.popitem(last=False)
        return made
