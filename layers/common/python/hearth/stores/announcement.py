"""Telling the event bus that a version is available: at least once, whatever crashes when."""

from __future__ import annotations

from hearth.domain.registry_entry import RegistryEntry, mark_announced
from hearth.domain.state import State
from hearth.stores.ports import Announcer
from hearth.stores.registry import Registry

VERSION_AVAILABLE = "Version Available"


def announce_available(
    entry: RegistryEntry, version: int, registry: Registry, announcer: Announcer
) -> bool:
    """Announce a version that is AVAILABLE and was not announced; return whether it was told.

    The mark is set after the event is out: a crash in between tells it twice, never not at all.
    """
    status = entry.status(version)
    if status.state is not State.AVAILABLE or status.announced:
        return False
    detail = {
        "model": entry.model,
        "version": version,
        "manifest_sha256": status.manifest_sha256,
        "since": status.since,
    }
    announcer.announce(VERSION_AVAILABLE, detail)
    registry.change(entry.model, lambda now: mark_announced(now, version))
    return True
