"""The registry: one entry a model, changed by compare-and-set alone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

from hearth.domain.errors import StoreConflict, UnknownModel
from hearth.domain.frozen import dataclass
from hearth.domain.identity import model_name
from hearth.domain.registry_document import from_document, to_document
from hearth.domain.registry_entry import RegistryEntry
from hearth.stores.documents import parse_json, write_over
from hearth.stores.ports import Documents, Listed, Unchanged

PREFIX = "registry/"
Transition = Callable[[RegistryEntry], RegistryEntry]

_PATIENCE_S = 30.0
_LONGEST_PAUSE_S = 0.4


@dataclass(frozen=True, slots=True)
class Read:
    """An entry as it stood, and the ETag it had."""

    entry: RegistryEntry
    etag: str


class Registry:
    """Reads and changes entries.

    Args:
        documents: Where they lie.
        patience_s: How long a writer tries again while others are first.
    """

    def __init__(self, documents: Documents, patience_s: float = _PATIENCE_S) -> None:
        self._documents = documents
        self._patience_s = patience_s

    def read(self, model: str, known: Read | None = None) -> Read:
        """Return a model's entry; `known` itself when nothing changed since.

        Raises:
            UnknownModel: If the model has no entry.
            InvalidDocument: If what is stored is not an entry.
        """
        key = _key(model)
        found = self._documents.read(key, unless=known.etag if known else "")
        if isinstance(found, Unchanged) and known:
            return known
        if found is None or isinstance(found, Unchanged):
            raise UnknownModel(
                f"Servable not found for request: Latest({model})",
                remedy="publish it, or look at POST /v2/repository/index for what is there",
            )
        return Read(_parse(key, found.body), found.etag)

    def find(self, model: str) -> RegistryEntry | None:
        """Return a model's entry, or None if it has none."""
        try:
            return self.read(model).entry
        except UnknownModel:
            return None

    def models(self) -> Iterator[str]:
        """Yield the names of all models that have an entry."""
        for listed in self._documents.list(PREFIX):
            yield _name(listed.key)

    def first(self, most: int) -> list[str]:
        """Return names of models, as one request gives them, those that changed last first.

        Args:
            most: How many: in a larger bucket, those that come first by name. At most 1000.
        """
        listed = self._documents.page(PREFIX, most)
        return [_name(item.key) for item in sorted(listed, key=_changed, reverse=True)]

    def change(self, model: str, transition: Transition) -> RegistryEntry:
        """Apply a transition to the entry as it is now, again until no other writer was first.

        A transition that returns the entry it was given writes nothing. A model's first
        transition is given an empty entry.

        Raises:
            StoreConflict: If other writers were first until its patience was over.
        """
        until = time.monotonic() + self._patience_s
        pause = 0.01
        while True:
            try:
                return self._change_once(model, transition)
            except StoreConflict:
                if time.monotonic() > until:
                    raise
            from random import uniform  # most processes change nothing

            # Full jitter: writers that collided do not collide again in step.
            time.sleep(uniform(0, pause))  # noqa: S311
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    def _change_once(self, model: str, transition: Transition) -> RegistryEntry:
        key = _key(model)
        found = self._documents.read(key)
        if found is None or isinstance(found, Unchanged):
            before, etag = RegistryEntry(model_name(model)), ""
        else:
            before, etag = _parse(key, found.body), found.etag
        after = transition(before)
        if after is before:
            return before
        after = replace(after, revision=before.revision + 1)
        body = json.dumps(to_document(after), indent=1).encode()
        write_over(self._documents, key, body, etag)
        return after


def _key(model: str) -> str:
    return f"{PREFIX}{model_name(model)}.json"


def _changed(listed: Listed) -> datetime:
    return listed.modified


def _name(key: str) -> str:
    return key.removeprefix(PREFIX).removesuffix(".json")


def _parse(key: str, body: bytes) -> RegistryEntry:
    return from_document(parse_json(body, key))
