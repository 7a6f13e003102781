"""A gradual rollout: what a policy says of it, and how far one is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from hearth.domain.errors import InvalidDocument
from hearth.domain.frozen import dataclass

_LONGEST_MINUTES = 7 * 24 * 60
_MOST_REQUESTS = 10**9


@dataclass(frozen=True, slots=True)
class Gradual:
    """How a new version takes over `stable`.

    Args:
        steps: Percent of the traffic that it has one after the other, before it has all.
        step_minutes: How long each step lasts at least.
        min_requests: How many requests it must have answered in a step before the next one.

    Raises:
        InvalidDocument: If steps do not rise within 1 to 99, or a number is out of its bounds.
    """

    steps: tuple[int, ...] = (10, 50)
    step_minutes: int = 30
    min_requests: int = 100

    def __post_init__(self) -> None:
        rising = all(type(one) is int for one in self.steps) and list(self.steps) == sorted(
            {one for one in self.steps if 1 <= one <= 99}
        )
        if not self.steps or not rising:
            raise InvalidDocument(
                "steps of a rollout are percents that rise",
                got=list(self.steps),
                expected="at least one, each from 1 to 99",
            )
        for name, most in (("step_minutes", _LONGEST_MINUTES), ("min_requests", _MOST_REQUESTS)):
            value = getattr(self, name)
            if type(value) is not int or not 0 <= value <= most:
                raise InvalidDocument(f"{name} of a rollout", got=value, expected=f"0 to {most}")

    def after(self, percent: int) -> int:
        """Return the percent that follows on another.

        Example:
            >>> [Gradual(steps=(10, 50)).after(percent) for percent in (0, 10, 20, 50)]
            [10, 50, 50, 100]
        """
        return next((step for step in self.steps if step > percent), 100)


@dataclass(frozen=True, slots=True)
class Count:
    """Requests that versions answered.

    Args:
        requests: All of them.
        refused: Those that were the caller's fault, by their status: 400 to 499.
        failed: Those that were the model's or its function's: 500 and above.
    """

    requests: int = 0
    refused: int = 0
    failed: int = 0

    def since(self, earlier: Count) -> Count:
        """Return what came in addition; nothing where what was counted earlier was lost."""
        return Count(
            max(self.requests - earlier.requests, 0),
            max(self.refused - earlier.refused, 0),
            max(self.failed - earlier.failed, 0),
        )


@dataclass(frozen=True, slots=True)
class Counts:
    """What the new version answered, and what those together that it takes over from did."""

    new: Count = Count()
    old: Count = Count()


@dataclass(frozen=True, slots=True)
class Rollout:
    """A version on its way to all of `stable`.

    Args:
        version: Its number.
        before: Where `stable` was, and where it goes back to.
        percent: What it has now.
        since: When it got that, ISO 8601 in UTC.
        counts: All that was ever answered when it got that; None until somebody has looked.
    """

    version: int
    before: Mapping[int, int]
    percent: int
    since: str
    counts: Counts | None = None


def to_document(rollout: Rollout) -> dict[str, Any]:
    counts = rollout.counts
    return {
        "version": rollout.version,
        "before": {str(number): weight for number, weight in rollout.before.items()},
        "percent": rollout.percent,
        "since": rollout.since,
        "counts": None if counts is None else asdict(counts),
    }


def from_document(document: Mapping[str, Any]) -> Rollout:
    """Return the rollout in a registry entry.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: If it has another shape.
    """
    from datetime import datetime  # few entries have a rollout

    if not datetime.fromisoformat(document["since"]).tzinfo:
        raise ValueError("since says no time zone")
    counts = document["counts"]
    return Rollout(
        version=int(document["version"]),
        before={int(number): int(weight) for number, weight in document["before"].items()},
        percent=int(document["percent"]),
        since=document["since"],
        counts=None if counts is None else Counts(_count(counts["new"]), _count(counts["old"])),
    )


def _count(document: Mapping[str, Any]) -> Count:
    return Count(int(document["requests"]), int(document["refused"]), int(document["failed"]))


def policy_from_document(document: Mapping[str, Any]) -> Gradual:
    """Return what a policy says of gradual rollouts.

    Raises:
        TypeError: If it has another shape.
        InvalidDocument: As `Gradual`.
    """
    members = dict(document)
    if "steps" in members:
        members["steps"] = tuple(members["steps"])
    return Gradual(**members)
