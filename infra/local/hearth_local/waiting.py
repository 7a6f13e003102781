"""Waiting until load-and-warm has said what became of a version."""

from __future__ import annotations

import time

from hearth.domain.registry_entry import VersionStatus
from hearth.domain.state import State
from hearth.stores.registry import Registry

from hearth_local.errors import LocalError


class StillLoading(LocalError):
    """A version that has neither become AVAILABLE nor ended in the time that was given."""


def wait_until_loaded(
    registry: Registry, model: str, version: int, timeout_s: float, pause_s: float = 0.2
) -> VersionStatus:
    """Return the version's status once it is AVAILABLE or has ended.

    Raises:
        StillLoading: If it has not come there in time.
    """
    until = time.monotonic() + timeout_s
    while True:
        entry = registry.find(model)
        status = entry.versions.get(version) if entry else None
        if status and status.state in (State.AVAILABLE, State.END):
            return status
        if time.monotonic() > until:
            raise StillLoading(
                f"{model} version {version}",
                str(status.state) if status else "no word from load-and-warm",
                f"AVAILABLE within {timeout_s:g} s",
                "look on: hearth status, hearth logs load-and-warm",
            )
        time.sleep(pause_s)
