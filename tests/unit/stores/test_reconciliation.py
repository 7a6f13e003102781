"""What a crash left behind, put right."""

from __future__ import annotations

import pytest
from hearth.domain.errors import StoreUnavailable
from hearth.domain.registry_document import from_document, to_document
from hearth.domain.registry_entry import Actor, begin_loading
from hearth.stores.clock import stamp
from hearth.stores.reconciliation import overdue, reconcile
from support.models import TRIPLED

WHO = Actor("test", "2026-11-23T20:00:00.000Z")


@pytest.fixture
def dying(publish, registry, clock):
    """`dying(name)`: a version whose load began and never said anything again."""

    def begin(name: str = "m", seconds: float = 60.0) -> int:
        number = publish(name, TRIPLED).manifest.version
        clock.forward(seconds=seconds)
        deadline = stamp(clock.now())
        clock.forward(seconds=-seconds)
        registry.change(name, lambda entry: begin_loading(entry, number, "a", deadline, WHO))
        return number

    return begin


def test_reconcile_ends_a_load_that_died_without_a_word(
    dying, documents, registry, announcer, clock
):
    """A load past its deadline is END DEADLINE_EXCEEDED, with what to do about it."""
    number = dying()
    clock.forward(seconds=61)
    assert reconcile(documents, announcer, clock).ended == [f"m/{number}"]
    status = registry.read("m").entry.status(number)
    assert (status.state, status.error_code) == ("END", "DEADLINE_EXCEEDED")
    assert "it ran out of time or memory" in status.error_message


def test_reconcile_leaves_a_load_that_still_has_time(dying, documents, registry, announcer, clock):
    """Until its deadline, a load may be alive."""
    number = dying()
    clock.forward(seconds=59)
    assert reconcile(documents, announcer, clock).ended == []
    assert registry.read("m").entry.status(number).state == "LOADING"


def test_reconcile_leaves_the_serving_version_and_its_labels(
    serve, dying, documents, registry, announcer, clock
):
    """What died was on its way; what serves goes on serving."""
    serve("m")
    number = dying()
    clock.forward(seconds=61)
    reconcile(documents, announcer, clock)
    entry = registry.read("m").entry
    assert number == 2
    assert entry.labels == {"stable": {1: 1}}
    assert entry.available() == [1]


def test_reconcile_announces_what_was_proven_and_never_announced(
    publish, load, documents, registry, announcer, clock
):
    """A crash between proving and announcing costs time, never the announcement."""
    publish("m")
    announcer.broken = True
    with pytest.raises(StoreUnavailable):
        load("m")
    announcer.broken = False
    assert reconcile(documents, announcer, clock).announced == ["m/1"]
    assert announcer.versions == [("m", 1)]


def test_reconcile_run_twice_does_nothing_more(serve, dying, documents, registry, announcer, clock):
    """Each thing is put right once."""
    serve("m")
    dying()
    clock.forward(seconds=61)
    reconcile(documents, announcer, clock)
    again = reconcile(documents, announcer, clock)
    assert (again.ended, again.announced, again.unreadable) == ([], [], {})
    assert announcer.versions == [("m", 1)]


@pytest.mark.parametrize("damage", ["not json", "deadline"])
def test_reconcile_looks_after_the_others_when_one_entry_is_broken(
    dying, registry, announcer, clock, documents, damage
):
    """One entry that cannot be read is reported, and keeps nobody else waiting."""
    dying("a")
    dying("b")
    etag = documents.read("registry/a.json").etag
    if damage == "not json":
        documents.replace("registry/a.json", b"{", etag)
    else:
        body = documents.read("registry/a.json").body
        stamped = registry.read("a").entry.status(1).deadline.encode()
        documents.replace("registry/a.json", body.replace(stamped, b"tomorrow"), etag)
    clock.forward(seconds=61)
    done = reconcile(documents, announcer, clock)
    assert list(done.unreadable) == ["a"]
    assert done.ended == ["b/1"]


def test_reconcile_leaves_a_load_that_ended_in_the_meantime(
    dying, load, documents, registry, announcer, clock, loader
):
    """A load that came to its end between reading and writing keeps its own end."""
    number = dying()
    clock.forward(seconds=61)
    seen = registry.read("m").entry
    assert overdue(seen, clock) == [number]
    assert load("m", number).state == "AVAILABLE"
    reconcile(documents, announcer, clock)
    assert registry.read("m").entry.available() == [number]


def test_overdue_reads_the_deadlines_of_stored_entries(dying, registry, clock):
    """A deadline survives its JSON to the millisecond."""
    number = dying()
    entry = from_document(to_document(registry.read("m").entry))
    clock.forward(seconds=60, milliseconds=-10)
    assert overdue(entry, clock) == []
    clock.forward(milliseconds=20)
    assert overdue(entry, clock) == [number]
