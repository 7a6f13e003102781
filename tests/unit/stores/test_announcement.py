"""Telling the event bus: at least once, whatever crashes when."""

from __future__ import annotations

import pytest
from hearth.domain.errors import StoreUnavailable
from hearth.stores.announcement import VERSION_AVAILABLE, announce_available
from hearth.stores.registry import Registry
from support.breaking import Breaks, Killed


@pytest.fixture
def unannounced(publish, load, announcer, registry):
    """An entry whose version is proven and was not announced."""
    publish("m")
    announcer.broken = True
    with pytest.raises(StoreUnavailable):
        load("m")
    announcer.broken = False
    return registry.read("m").entry


def test_announcement_names_the_version_and_its_manifest(unannounced, registry, announcer):
    """The event holds what a reader needs to find the version, and to know it again."""
    assert announce_available(unannounced, 1, registry, announcer)
    ((kind, detail),) = announcer.told
    assert kind == VERSION_AVAILABLE
    assert detail == {
        "model": "m",
        "version": 1,
        "manifest_sha256": unannounced.status(1).manifest_sha256,
        "since": unannounced.status(1).since,
    }
    assert registry.read("m").entry.status(1).announced


def test_announcement_is_made_once(unannounced, registry, announcer):
    """A version that was announced is not announced again."""
    announce_available(unannounced, 1, registry, announcer)
    assert not announce_available(registry.read("m").entry, 1, registry, announcer)
    assert len(announcer.told) == 1


def test_announcement_waits_for_the_version_to_be_available(
    unannounced, registry, announcer, loader
):
    """What cannot be served is not announced."""
    from hearth.serving.warming import unload

    unload("m", loader(), "test")
    assert not announce_available(registry.read("m").entry, 1, registry, announcer)
    assert announcer.told == []


def test_announcement_is_not_marked_when_the_bus_did_not_take_it(unannounced, registry, announcer):
    """An event that was not taken is still to be told."""
    announcer.broken = True
    with pytest.raises(StoreUnavailable):
        announce_available(unannounced, 1, registry, announcer)
    assert not registry.read("m").entry.status(1).announced


def test_announcement_is_repeated_rather_than_lost_when_a_crash_lies_between(
    unannounced, documents, registry, announcer
):
    """Killed after the event and before the mark: told twice, never not at all."""
    breaks = Breaks(1)
    with pytest.raises(Killed):
        announce_available(unannounced, 1, Registry(breaks.watch(documents)), announcer)
    assert announce_available(registry.read("m").entry, 1, registry, announcer)
    assert len(announcer.told) == 2
