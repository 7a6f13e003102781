"""From what a request asked for to the one version that answers it."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from hearth.domain.errors import UnknownLabel, VersionUnavailable
from hearth.domain.identity import STABLE
from hearth.domain.registry_entry import RegistryEntry, Split

SPLIT = "split"


class Target(NamedTuple):
    """What a request asked for: a version, or a label, or neither (then `stable`)."""

    model: str
    version: int = 0
    label: str = ""


class Route(NamedTuple):
    """The version that answers, and why: `version`, `label` or `split`."""

    model: str
    version: int
    label: str
    why: str
    manifest_sha256: str


def resolve(entry: RegistryEntry, target: Target, key: str) -> Route:
    """Return the version that answers a request.

    Args:
        entry: The model's registry entry.
        target: What was asked for.
        key: What makes a split sticky: the caller's request id or routing key.

    Raises:
        UnknownVersion: If the entry has no such version.
        UnknownLabel: If the entry has no such label.
        VersionUnavailable: If nothing that was asked for can be served now.
    """
    if target.version:
        status = entry.status(target.version)
        if target.version not in entry.available():
            raise _unavailable(entry, f"version {target.version}", str(status.state))
        return Route(entry.model, target.version, "", "version", status.manifest_sha256)
    name = target.label or STABLE
    split = _split(entry, name)
    number = choose(split, f"{entry.model}/{name}/{key}")
    why = SPLIT if len(split) > 1 else "label"
    return Route(entry.model, number, name, why, entry.versions[number].manifest_sha256)


def _split(entry: RegistryEntry, name: str) -> Split:
    if name not in entry.labels:
        if name == STABLE:
            raise _unavailable(entry, "it", "no version was ever AVAILABLE")
        raise UnknownLabel(
            f"Unrecognized servable version label: {name}",
            expected=f"one of {sorted(entry.labels)}",
        )
    available = entry.available()
    split = {n: weight for n, weight in entry.labels[name].items() if n in available}
    if not split:
        raise _unavailable(entry, f"label {name!r}", f"versions {sorted(entry.labels[name])}")
    return split


def choose(split: Split, key: str) -> int:
    """Return one version of a weighted split: always the same one for the same key.

    Versions keep their place on the line, oldest first, so that raising the newest one's weight
    moves callers only towards it.

    Example:
        >>> choose({1: 1}, "any"), choose({1: 90, 2: 10}, "a") == choose({1: 90, 2: 10}, "a")
        (1, True)
    """
    point = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big") / 2**64
    mark = point * sum(split.values())
    for number, weight in sorted(split.items()):
        mark -= weight
        if mark < 0:
            return number
    return max(split)


def _unavailable(entry: RegistryEntry, what: str, got: str) -> VersionUnavailable:
    return VersionUnavailable(
        f"model {entry.model}: {what} cannot be served now",
        got=got,
        expected=f"AVAILABLE: {entry.available() or 'none is'}",
        remedy="load it, or ask for another version",
    )
