"""The registry entry: one document a model. Every change is a pure function from entry to entry."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field, replace

from hearth.domain.errors import (
    InvalidDocument,
    TransitionRefused,
    UnknownVersion,
)
from hearth.domain.frozen import dataclass
from hearth.domain.identity import STABLE, label
from hearth.domain.rollout import Counts, Gradual, Rollout
from hearth.domain.state import State, advance

SCHEMA = "hearth.registry/1"
HISTORY_LIMIT = 100

IMMEDIATE, MANUAL, GRADUAL = "immediate", "manual", "gradual"
ROLLOUTS = (IMMEDIATE, MANUAL, GRADUAL)
AUTO, OFF, CANDIDATES_ONLY = "auto", "off", "candidates-only"
OPTIMIZATIONS = (AUTO, OFF, CANDIDATES_ONLY)

Split = Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Figures:
    """What load-and-warm measured, in one process, at the function's own memory size.

    Args:
        fetch_ms: Blobs to disk, verified.
        cold_open_ms: File on disk to ready session.
        first_run_ms: The first golden case.
        warm_run_ms: Median of the later runs of the golden cases.
        resident_mb: Growth of resident memory from before opening to after the runs.
        memory_size_mb: The function's memory size, which decides its processors.
    """

    fetch_ms: float
    cold_open_ms: float
    first_run_ms: float
    warm_run_ms: float
    resident_mb: float
    memory_size_mb: int


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """Where a version is.

    Args:
        state: TensorFlow Serving's state.
        since: When it came there, ISO 8601 in UTC.
        manifest_sha256: The manifest that was proven; predict serves no other.
        error_code: `OK`, or why it ended.
        error_message: The same in words.
        attempt: The load that is under way: its request id.
        attempts: How often that same request has begun.
        deadline: When that load must have ended, ISO 8601; later than this it is dead.
        announced: Whether "version available" has been told to the event bus.
        proven: Whether it was ever AVAILABLE: only the first time moves labels.
        figures: What loading it measured.
    """

    state: State = State.START
    since: str = ""
    manifest_sha256: str = ""
    error_code: str = "OK"
    error_message: str = ""
    attempt: str = ""
    attempts: int = 0
    deadline: str = ""
    announced: bool = False
    proven: bool = False
    figures: Figures | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """What happens to new versions by itself.

    Args:
        rollout: `immediate` moves `stable` to each new version, `manual` leaves it alone,
            `gradual` moves it step by step, and back where a version shows a fault.
        optimize: `auto` looks for a faster variant of each and publishes it, `candidates-only`
            looks and reports, `off` does neither.
        gradual: How `gradual` does it.
    """

    rollout: str = IMMEDIATE
    optimize: str = AUTO
    gradual: Gradual = Gradual()

    def __post_init__(self) -> None:
        for name, value, known in (
            ("rollout", self.rollout, ROLLOUTS),
            ("optimize", self.optimize, OPTIMIZATIONS),
        ):
            if value not in known:
                raise InvalidDocument(
                    f"unknown {name} policy", got=repr(value), expected=" or ".join(known)
                )


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the history: who did what, why, and what stood there before and after."""

    at: str
    who: str
    what: str
    why: str
    before: Mapping[str, int] | str = ""
    after: Mapping[str, int] | str = ""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes the entry, when and why."""

    who: str
    at: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class RegistryEntry:
    model: str
    revision: int = 0
    policy: Policy = Policy()
    versions: Mapping[int, VersionStatus] = field(default_factory=dict)
    labels: Mapping[str, Split] = field(default_factory=dict)
    history: tuple[Change, ...] = ()
    rollout: Rollout | None = None
    schema: str = SCHEMA

    def status(self, number: int) -> VersionStatus:
        try:
            return self.versions[number]
        except KeyError:
            raise UnknownVersion(
                f"Could not find version {number} of model {self.model}",
                expected=f"one of {sorted(self.versions)}",
            ) from None

    def available(self) -> list[int]:
        return sorted(n for n, status in self.versions.items() if status.state is State.AVAILABLE)


def begin_loading(
    entry: RegistryEntry, number: int, attempt: str, deadline: str, actor: Actor
) -> RegistryEntry:
    """Record that `attempt` loads version `number`; the same attempt again counts up."""
    was = entry.versions.get(number, VersionStatus())
    state = advance(was.state, State.LOADING, f"{entry.model} version {number}")
    again = was.state is State.LOADING and was.attempt == attempt
    status = replace(
        was,
        state=state,
        since=actor.at,
        error_code="OK",
        error_message="",
        attempt=attempt,
        attempts=was.attempts + 1 if again else 1,
        deadline=deadline,
    )
    return _with_status(entry, number, status, actor)


def become_available(
    entry: RegistryEntry, number: int, manifest_sha256: str, figures: Figures, actor: Actor
) -> RegistryEntry:
    """Record that version `number` is proven, and move `stable` as the rollout policy says."""
    was = entry.status(number)
    state = advance(was.state, State.AVAILABLE, f"{entry.model} version {number}")
    status = VersionStatus(
        state=state,
        since=actor.at,
        manifest_sha256=manifest_sha256,
        announced=was.announced,
        proven=True,
        figures=figures,
    )
    entry = _with_status(entry, number, status, actor)
    return entry if was.proven else _taken_up(entry, number, actor)


def _taken_up(entry: RegistryEntry, number: int, actor: Actor) -> RegistryEntry:
    """Move `stable` to a version that was proven for the first time, as the policy says."""
    policy, current = entry.policy.rollout, entry.labels.get(STABLE)
    because = replace(actor, why=policy)
    if not current:
        return assign(entry, STABLE, {number: 1}, because)
    # Events arrive in any order: an older version that is proven late never displaces a newer one.
    if policy == MANUAL or number < max(current):
        return entry
    if policy == IMMEDIATE:
        return assign(entry, STABLE, {number: 1}, because)
    return begin_rollout(entry, number, because)


def begin_rollout(entry: RegistryEntry, number: int, actor: Actor) -> RegistryEntry:
    """Give a version the first step's share of `stable`; one that was on its way gives its up."""
    before = dict(entry.rollout.before if entry.rollout else entry.labels[STABLE])
    rollout = Rollout(number, before, entry.policy.gradual.after(0), actor.at)
    return _in_step(entry, rollout, actor)


def count_rollout(entry: RegistryEntry, rollout: Rollout, counts: Counts) -> RegistryEntry:
    """Remember what was answered when a step began, if the rollout is still where it was seen."""
    if entry.rollout != rollout:
        return entry
    return replace(entry, rollout=replace(rollout, counts=counts))


def advance_rollout(
    entry: RegistryEntry, rollout: Rollout, counts: Counts, actor: Actor
) -> RegistryEntry:
    """Give a rollout its next share, or all, if it is still where it was seen."""
    if entry.rollout != rollout:
        return entry
    percent = entry.policy.gradual.after(rollout.percent)
    step = replace(rollout, percent=percent, since=actor.at, counts=counts)
    return _in_step(entry, step, actor)


def abandon_rollout(entry: RegistryEntry, rollout: Rollout, actor: Actor) -> RegistryEntry:
    """Point `stable` back at where it was before a rollout, if that is still where it was seen."""
    return assign(entry, STABLE, rollout.before, actor) if entry.rollout == rollout else entry


def _in_step(entry: RegistryEntry, rollout: Rollout, actor: Actor) -> RegistryEntry:
    began = replace(entry, labels={**entry.labels, STABLE: rollout.before})
    split = with_share(began, STABLE, rollout.version, rollout.percent)
    moved = assign(entry, STABLE, split, actor)
    return moved if rollout.percent == 100 else replace(moved, rollout=rollout)


def end(entry: RegistryEntry, number: int, error: tuple[str, str], actor: Actor) -> RegistryEntry:
    """Record that version `number` ended: `("OK", "")` if unloaded, else why it failed."""
    was = entry.status(number)
    state = advance(was.state, State.END, f"{entry.model} version {number}")
    code, message = error
    status = replace(
        was,
        state=state,
        since=actor.at,
        error_code=code,
        error_message=message,
        attempt="",
        deadline="",
    )
    return _with_status(entry, number, status, actor)


def begin_unloading(entry: RegistryEntry, number: int, actor: Actor) -> RegistryEntry:
    was = entry.status(number)
    state = advance(was.state, State.UNLOADING, f"{entry.model} version {number}")
    return _with_status(entry, number, replace(was, state=state, since=actor.at), actor)


def mark_announced(entry: RegistryEntry, number: int) -> RegistryEntry:
    status = replace(entry.status(number), announced=True)
    return replace(entry, versions={**entry.versions, number: status})


def assign(entry: RegistryEntry, name: str, split: Split, actor: Actor) -> RegistryEntry:
    """Point a label at a version or a weighted split; weights are relative.

    Raises:
        TransitionRefused: If the split is empty, has a weight below 1, or names a version
            that is not AVAILABLE.

    Source:
        TF Serving's rule that a label may point only at an available version.
    """
    label(name)
    if not split or any(weight < 1 for weight in split.values()):
        raise TransitionRefused(
            f"label {name!r} needs versions with weights of at least 1", got=dict(split)
        )
    for number in split:
        if entry.status(number).state is not State.AVAILABLE:
            raise TransitionRefused(
                f"Request to assign label to version {number} of model {entry.model}, "
                "which is not currently available for inference",
                got=str(entry.status(number).state),
                expected=f"one of {entry.available()}",
                remedy="load the version first",
            )
    if entry.labels.get(name) == split:
        return entry  # nothing moves: the history would lose the way back
    before = {str(n): weight for n, weight in entry.labels.get(name, {}).items()}
    after = {str(n): weight for n, weight in sorted(split.items())}
    change = Change(actor.at, actor.who, f"label {name}", actor.why, before, after)
    labels = {**entry.labels, name: dict(sorted(split.items()))}
    # Whoever else moves `stable` has decided: a rollout ends with that.
    rollout = None if name == STABLE else entry.rollout
    return _remember(replace(entry, labels=labels, rollout=rollout), change)


def with_share(entry: RegistryEntry, name: str, number: int, percent: int) -> Split:
    """Return a label's split with `percent` of the traffic on one version.

    The other versions keep their proportions among themselves.

    Raises:
        TransitionRefused: If a share is asked for and no other version can take the rest.
    """
    if percent >= 100:
        return {number: 1}
    others = {n: weight for n, weight in entry.labels.get(name, {}).items() if n != number}
    total = sum(others.values())
    if not total:
        raise TransitionRefused(
            f"label {name!r} of model {entry.model} has no other version for the rest",
            got=f"{percent}% on version {number}",
            remedy="promote it whole",
        )
    split = {n: weight * (100 - percent) for n, weight in others.items()}
    split[number] = percent * total
    divisor = math.gcd(*split.values())
    return {n: weight // divisor for n, weight in split.items()}


def roll_back(entry: RegistryEntry, name: str, actor: Actor) -> RegistryEntry:
    """Point a label at where it was before its last move.

    Raises:
        TransitionRefused: If there is no such place, or what was there is not AVAILABLE.
    """
    return assign(entry, name, previous_split(entry, name), actor)


def previous_split(entry: RegistryEntry, name: str) -> Split:
    """Return where a label pointed before its last move, all steps of a rollout being one.

    Raises:
        TransitionRefused: If the history holds no earlier place for it.
    """
    if name == STABLE and entry.rollout:
        return entry.rollout.before
    current = {str(n): weight for n, weight in entry.labels.get(name, {}).items()}
    for change in reversed(entry.history):
        moved = change.what == f"label {name}" and change.after == current
        if moved and change.before and not isinstance(change.before, str):
            return {int(n): weight for n, weight in change.before.items()}
    raise TransitionRefused(
        f"label {name!r} of model {entry.model} has nowhere to go back to",
        got=current,
        expected="an earlier place in the history",
        remedy="promote the version you want instead",
    )


def set_policy(entry: RegistryEntry, policy: Policy, actor: Actor) -> RegistryEntry:
    """Set a policy; without `gradual`, a rollout that is under way stays where it is."""
    before, after = map(told, (entry.policy, policy))
    change = Change(actor.at, actor.who, "policy", actor.why, before, after)
    rollout = entry.rollout if policy.rollout == GRADUAL else None
    return _remember(replace(entry, policy=policy, rollout=rollout), change)


def told(policy: Policy) -> str:
    """Return a policy in words.

    Example:
        >>> told(Policy(GRADUAL))
        'gradual (10%, 50%; 30 minutes, 100 requests each), optimize auto'
    """
    gradual = policy.gradual
    steps = ", ".join(f"{percent}%" for percent in gradual.steps)
    how = f" ({steps}; {gradual.step_minutes} minutes, {gradual.min_requests} requests each)"
    shown = how if policy.rollout == GRADUAL else ""
    return f"{policy.rollout}{shown}, optimize {policy.optimize}"


def _with_status(
    entry: RegistryEntry, number: int, status: VersionStatus, actor: Actor
) -> RegistryEntry:
    before = entry.versions.get(number)
    change = Change(
        actor.at,
        actor.who,
        f"version {number}",
        status.error_message[:200] or actor.why,
        str(before.state) if before else "",
        str(status.state),
    )
    versions = dict(sorted({**entry.versions, number: status}.items()))
    return _remember(replace(entry, versions=versions), change)


def _remember(entry: RegistryEntry, change: Change) -> RegistryEntry:
    return replace(entry, history=(*entry.history, change)[-HISTORY_LIMIT:])
