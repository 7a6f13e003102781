"""Searches in the bucket: who is at one, how far it is, what it found.

One document a version, written with conditional writes alone. Who began a search holds it until a
deadline; whoever finds another's write in between has lost it, and stops.
"""

from __future__ import annotations

import json
import typing
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from hearth.domain.errors import HearthError, InvalidDocument, StoreConflict
from hearth.domain.identity import model_name
from hearth.domain.optimization import Wish
from hearth.domain.plain import from_plain, to_plain
from hearth.optimizing.report import DONE, Report
from hearth.optimizing.report_document import from_document, to_document
from hearth.stores.clock import stamp
from hearth.stores.documents import parse_json, write_over
from hearth.stores.ports import Clock, Document, Documents

SCHEMA = "hearth.search/1"


class SearchLost(HearthError):
    """Somebody else took the search over."""

    code = "ABORTED"


def latest_key(model: str, version: int) -> str:
    return f"reports/{model_name(model)}/{version}/optimize.json"


def kept_key(model: str, version: int, id_: str) -> str:
    """Return where the report of a search that has ended is kept for good."""
    return f"reports/{model_name(model)}/{version}/searches/{id_}.json"


@dataclass(frozen=True, slots=True)
class Search:
    """One search as it is stored.

    Args:
        id: Of the wish and the version: `Wish.id`.
        attempt: Who holds it: AWS's request id, which asynchronous retries keep.
        deadline: Until when, ISO 8601 in UTC.
        wish: What was asked.
        report: What is known.
    """

    id: str
    attempt: str
    deadline: str
    wish: Wish
    report: Report
    schema: str = SCHEMA


@dataclass(slots=True)
class Held:
    """A search that this process holds; `before` is what stood in its place."""

    documents: Documents
    search: Search
    etag: str
    before: Search | None = None

    def write(self, report: Report) -> None:
        """Store what is known now.

        Raises:
            SearchLost: If somebody else wrote in between.
        """
        search = replace(self.search, report=report)
        key, body = latest_key(report.model, report.version), _body(search)
        try:
            self.etag = write_over(self.documents, key, body, self.etag)
        except StoreConflict as error:
            found = self.documents.read(key)
            # A write whose answer was lost is sent again by botocore, and finds itself there.
            if not isinstance(found, Document) or found.body != body:
                raise SearchLost(
                    f"another search for a variant of {report.model} version {report.version} "
                    "has begun"
                ) from error
            self.etag = found.etag
        self.search = search

    def end(self, report: Report) -> Report:
        """Keep what was found for good, then store it; return it."""
        key = kept_key(report.model, report.version, self.search.id)
        with suppress(StoreConflict):  # kept already: the same search came to its end twice
            self.documents.create(key, json.dumps(to_document(report), allow_nan=False).encode())
        self.write(report)
        return report


@dataclass(frozen=True, slots=True)
class Searches:
    """All searches of a bucket."""

    documents: Documents
    clock: Clock

    def find(self, model: str, version: int) -> Search | None:
        """Return the newest search of a version, None where there is none that can be read."""
        return self._read(model, version)[0]

    def begin(self, search: Search, remaining_s: float) -> Held | Search:
        """Take a search on, or return the one that stands in the way.

        That is one of the same id that has ended, or anybody's who is still at it.

        Raises:
            SearchLost: If somebody else began at the same moment.
        """
        there, etag = self._read(search.report.model, search.report.version)
        if there and self._stands(there, search):
            return there
        deadline = stamp(self.clock.now() + timedelta(seconds=remaining_s))
        held = Held(self.documents, replace(search, deadline=deadline), etag, there)
        held.write(search.report)
        return held

    def _stands(self, there: Search, asked: Search) -> bool:
        if there.report.state == DONE:
            return there.id == asked.id
        mine = there.attempt == asked.attempt
        return not mine and datetime.fromisoformat(there.deadline) > self.clock.now()

    def _read(self, model: str, version: int) -> tuple[Search | None, str]:
        key = latest_key(model, version)
        found = self.documents.read(key)
        if not isinstance(found, Document):
            return None, ""
        try:
            return _search(parse_json(found.body, key)), found.etag
        except InvalidDocument:
            return None, found.etag  # what cannot be read is looked for again


def _body(search: Search) -> bytes:
    return json.dumps(to_plain(search), allow_nan=False).encode()


def _search(document: dict[str, Any]) -> Search:
    if document.get("schema") != SCHEMA:
        raise InvalidDocument("unknown search", got=document.get("schema"), expected=SCHEMA)
    report = from_document(document.get("report"))
    search = typing.cast("Search", from_plain(Search, document, "search"))
    try:
        datetime.fromisoformat(search.deadline)
    except ValueError as error:
        raise InvalidDocument("a search has no deadline", got=search.deadline) from error
    return replace(search, report=report)
