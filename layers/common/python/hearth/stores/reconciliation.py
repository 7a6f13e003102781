"""Rollouts moved on or back, and what a crash left behind put right: one pass over every model."""

from __future__ import annotations

from dataclasses import dataclass, field

from hearth.domain import registry_entry as entries
from hearth.domain.errors import DeadlineExceeded, HearthError
from hearth.domain.registry_entry import Actor, RegistryEntry
from hearth.domain.state import State
from hearth.stores.announcement import announce_available
from hearth.stores.clock import moment, stamp
from hearth.stores.ports import Announcer, Clock, Documents
from hearth.stores.registry import Registry
from hearth.stores.rolling import Rolling
from hearth.stores.rollout_evidence import RolloutEvidence

WHO = "health-check"


@dataclass(slots=True)
class Reconciled:
    """What one pass did: `model/version` of each, and what could not be looked after."""

    ended: list[str] = field(default_factory=list)
    announced: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)


def reconcile(documents: Documents, announcer: Announcer, clock: Clock) -> Reconciled:
    """End loads that died without a word, announce what never was, and move rollouts by a step."""
    done, registry = Reconciled(), Registry(documents)
    rolling = Rolling(registry, RolloutEvidence(documents), announcer, clock, WHO)
    for model in registry.models():
        try:
            _reconcile_one(model, rolling, done)
        except HearthError as error:
            # One broken entry must not keep the others from being looked after.
            done.unreadable[model] = str(error)
    return done


def _reconcile_one(model: str, rolling: Rolling, done: Reconciled) -> None:
    registry, clock = rolling.registry, rolling.clock
    entry = registry.read(model).entry
    dead = overdue(entry, clock)
    if dead:
        entry = registry.change(model, lambda now: _end_overdue(now, clock))
        done.ended += [f"{model}/{number}" for number in dead]
    for number in entry.available():
        if announce_available(entry, number, registry, rolling.announcer):
            done.announced.append(f"{model}/{number}")
    moved = rolling.move(entry)
    if moved:
        done.moved.append(moved)


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
