"""What a crash left behind, put right: run on a schedule, one pass over every model."""

from __future__ import annotations

from dataclasses import dataclass, field

from hearth.domain import registry_entry as entries
from hearth.domain.errors import DeadlineExceeded, HearthError
from hearth.domain.registry_entry import Actor, RegistryEntry
from hearth.domain.state import State
from hearth.stores.announcement import announce_available
from hearth.stores.clock import moment, stamp
from hearth.stores.ports import Announcer, Clock
from hearth.stores.registry import Registry

WHO = "health-check"


@dataclass(slots=True)
class Reconciled:
    """What one pass did: `model/version` of each, and what could not be read."""

    ended: list[str] = field(default_factory=list)
    announced: list[str] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)


def reconcile(registry: Registry, announcer: Announcer, clock: Clock) -> Reconciled:
    """End loads that died without a word, and announce what was proven but never announced."""
    done = Reconciled()
    for model in registry.models():
        try:
            _reconcile_one(model, registry, announcer, clock, done)
        except HearthError as error:
            # One broken entry must not keep the others from being looked after.
            done.unreadable[model] = str(error)
    return done


def _reconcile_one(
    model: str, registry: Registry, announcer: Announcer, clock: Clock, done: Reconciled
) -> None:
    entry = registry.read(model).entry
    dead = overdue(entry, clock)
    if dead:
        entry = registry.change(model, lambda now: _end_overdue(now, clock))
        done.ended += [f"{model}/{number}" for number in dead]
    for number in entry.available():
        if announce_available(entry, number, registry, announcer):
            done.announced.append(f"{model}/{number}")


def overdue(entry: RegistryEntry, clock: Clock) -> list[int]:
    """Return the versions whose load should have ended by now and did not."""
    return [
        number
        for number, status in entry.versions.items()
        if status.state is State.LOADING
        and status.deadline
        and moment(status.deadline) < clock.now()
    ]


def _end_overdue(entry: RegistryEntry, clock: Clock) -> RegistryEntry:
    actor = Actor(WHO, stamp(clock.now()), "reconcile")
    for number in overdue(entry, clock):
        error = DeadlineExceeded(
            "loading was stopped without a word",
            got=f"no end by {entry.status(number).deadline}",
            remedy="it ran out of time or memory: raise them, then load it again",
        )
        entry = entries.end(entry, number, (error.code, str(error)), actor)
    return entry
