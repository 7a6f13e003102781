"""The registry: compare-and-set alone, so that no update is ever lost."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hearth.domain.errors import (
    InvalidDocument,
    InvalidName,
    StoreConflict,
    StoreUnavailable,
    TransitionRefused,
    UnknownModel,
)
from hearth.domain.registry_entry import (
    HISTORY_LIMIT,
    Actor,
    Figures,
    RegistryEntry,
    assign,
    become_available,
    begin_loading,
)
from hearth.stores.aws_s3 import S3Documents
from hearth.stores.registry import Registry
from support.breaking import Breaks
from support.faults import answer

WHO = Actor("test", "2026-11-23T20:00:00.000Z")


def proven(number: int):
    """Return the transition that proves a version."""

    def transition(entry: RegistryEntry) -> RegistryEntry:
        entry = begin_loading(entry, number, "a", "", WHO)
        return become_available(entry, number, f"sha{number}", Figures(*[0.0] * 5, 0), WHO)

    return transition


def labelled(name: str):
    return lambda entry: assign(entry, name, {1: 1}, WHO)


def test_change_makes_a_models_first_entry(registry):
    """A model's first transition is given an empty entry, and what it returns is kept."""
    registry.change("m", proven(1))
    assert registry.read("m").entry.available() == [1]
    assert registry.read("m").entry.revision == 1


def test_change_counts_revisions(registry):
    """Each write is one revision: two readers can tell which entry is newer."""
    registry.change("m", proven(1))
    registry.change("m", labelled("a"))
    assert registry.read("m").entry.revision == 2


def test_change_writes_nothing_when_nothing_changes(registry, faults):
    """A transition that returns what it was given costs a read."""
    registry.change("m", proven(1))
    written = faults.count("PutObject")
    assert registry.change("m", lambda entry: entry).revision == 1
    assert faults.count("PutObject") == written


def test_refused_transition_writes_nothing(registry):
    """What the entry's state does not allow leaves the entry as it was."""
    registry.change("m", proven(1))
    with pytest.raises(TransitionRefused):
        registry.change("m", lambda entry: assign(entry, "stable", {}, WHO))
    assert registry.read("m").entry.revision == 1


def test_read_gives_back_what_is_known_when_nothing_changed(registry, faults):
    """A refreshed read costs no body: it is the object that the reader has."""
    registry.change("m", proven(1))
    known = registry.read("m")
    assert registry.read("m", known) is known
    registry.change("m", labelled("a"))
    assert registry.read("m", known).entry.revision == 2


def test_unknown_model_says_where_to_look(registry):
    """A model without an entry is named, in TensorFlow Serving's words."""
    with pytest.raises(UnknownModel, match=r"Latest\(m\).*publish it"):
        registry.read("m")
    assert registry.find("m") is None


def test_unknown_model_is_told_when_its_entry_was_deleted(registry, s3, bucket):
    """An entry that is gone is gone for a reader that knew it, too."""
    registry.change("m", proven(1))
    known = registry.read("m")
    s3.delete_object(Bucket=bucket, Key="registry/m.json")
    with pytest.raises(UnknownModel):
        registry.read("m", known)


def test_name_that_is_a_path_reaches_no_key(registry, faults):
    """A name is checked before anything is asked of S3."""
    for work in (registry.read, lambda name: registry.change(name, proven(1))):
        with pytest.raises(InvalidName):
            work("../m")
    assert faults.calls == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "is not an object"),
        (b"{}", "unknown schema"),
        (b'{"schema": "hearth.registry/9"}', "deploy a Hearth that knows this schema"),
        (b'{"schema": "hearth.registry/1"}', "not complete"),
        (b'{"schema": "hearth.registry/1", "model": "m", "revision": "x"}', "not complete"),
    ],
)
def test_entry_that_cannot_be_read_is_an_invalid_document(registry, documents, body, words):
    """What is stored and is no entry is never taken for an empty one, nor written over."""
    documents.create("registry/m.json", body)
    with pytest.raises(InvalidDocument, match=words):
        registry.read("m")
    with pytest.raises(InvalidDocument, match=words):
        registry.change("m", proven(1))
    assert documents.read("registry/m.json").body == body


def test_models_lists_every_model_with_an_entry(registry):
    """The listing of the registry is the list of models."""
    for name in ("b", "a", "a.b"):
        registry.change(name, proven(1))
    assert list(registry.models()) == ["a.b", "a", "b"]


def test_change_is_tried_again_when_another_writer_was_first(registry, documents):
    """A lost race is run again on the entry as it is now; both updates stand."""
    registry.change("m", proven(1))
    raced = []

    def transition(entry):
        if not raced:
            raced.append(True)
            registry.change("m", labelled("other"))
        return assign(entry, "mine", {1: 1}, WHO)

    entry = registry.change("m", transition)
    assert set(entry.labels) == {"stable", "other", "mine"}
    assert entry.revision == 3


@pytest.mark.parametrize("late", [False, True])
def test_change_is_tried_again_when_s3_answers_409(registry, faults, late):
    """S3 may answer 409 to writers that collide, whether or not one of them was this one."""
    registry.change("m", proven(1))
    faults.on("PutObject", answer(409, "ConditionalRequestConflict"), times=1, late=late)
    entry = registry.change("m", labelled("mine"))
    assert set(entry.labels) == {"stable", "mine"}


def test_change_happens_once_when_its_answer_is_lost(registry, faults):
    """S3 took the write and answered 500: the retry's 412 is no reason to do it again."""
    registry.change("m", proven(1))
    faults.on("PutObject", answer(500, "InternalError"), times=1, late=True)
    entry = registry.change("m", labelled("mine"))
    assert entry.revision == 2
    assert registry.read("m").entry == entry


def test_change_gives_up_when_other_writers_are_always_first(documents):
    """After its patience is over, a writer says that it lost, rather than wait for ever."""

    class AlwaysSecond:
        def read(self, key, unless=""):
            return documents.read(key)

        def create(self, key, body):
            raise StoreConflict("another writer was first")

    started = time.monotonic()
    with pytest.raises(StoreConflict):
        Registry(AlwaysSecond(), patience_s=0.2).change("m", proven(1))
    assert 0.2 <= time.monotonic() - started < 2


@pytest.mark.parametrize("late", [False, True])
def test_change_is_store_unavailable_when_s3_is(documents, late):
    """A failing store is the caller's to retry; whether it took the write, a rerun finds out."""
    breaks = Breaks(2, lambda: StoreUnavailable("slow"), late=late)
    with pytest.raises(StoreUnavailable):
        Registry(breaks.watch(documents)).change("m", proven(1))
    entry = Registry(documents).change("m", lambda e: e if e.available() else proven(1)(e))
    assert entry.revision == 1


WRITERS = 50


def test_no_update_is_lost_among_fifty_concurrent_writers(server_s3):
    """Fifty threads change one entry at once: every change stands, each in its own revision."""
    registry = Registry(S3Documents("hearth-models", server_s3))
    registry.change("m", proven(1))
    barrier = threading.Barrier(WRITERS)

    def write(number: int) -> int:
        barrier.wait()
        return registry.change("m", labelled(f"writer-{number}")).revision

    with ThreadPoolExecutor(WRITERS) as pool:
        revisions = list(pool.map(write, range(WRITERS)))
    entry = registry.read("m").entry
    assert set(entry.labels) == {"stable", *(f"writer-{number}" for number in range(WRITERS))}
    assert sorted(revisions) == list(range(2, WRITERS + 2))
    moves = Counter(change.what for change in entry.history if "writer" in change.what)
    assert set(moves.values()) == {1}


def test_no_update_is_lost_when_every_writer_makes_the_first_entry(server_s3):
    """Ten writers find no entry at all: one creates it, the others change it."""
    registry = Registry(S3Documents("hearth-models", server_s3))
    barrier = threading.Barrier(10)

    def write(number: int) -> None:
        barrier.wait()
        registry.change("m", lambda entry: begin_loading(entry, number, "a", "", WHO))

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(write, range(1, 11)))
    entry = registry.read("m").entry
    assert sorted(entry.versions) == list(range(1, 11))
    assert entry.revision == 10


def test_entry_stays_small_however_often_it_changes(registry, documents):
    """The history is cut: an entry that predict reads cold does not grow with the years."""
    registry.change("m", proven(1))

    def often(entry: RegistryEntry) -> RegistryEntry:
        for number in range(2, 500):
            entry = assign(entry, "a", {1: number}, replace(WHO, why="x" * 50))
        return entry

    registry.change("m", often)
    body = documents.read("registry/m.json").body
    assert len(json.loads(body)["history"]) == HISTORY_LIMIT
    assert len(body) < 40_000
