"""Open sessions of this sandbox, by manifest digest, within a byte budget."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from hearth.domain.frozen import dataclass
from hearth.domain.manifest import Manifest
from hearth.serving.capture import Watch
from hearth.serving.express import Express
from hearth.serving.session import Session

# What opening costs however small a model is, as bytes that could be fetched and opened meanwhile.
# Traffic that was tried makes little difference between 1 MB and 10 MB.
_OPENING = 3 << 20
# Uses beyond so many count no more: what was popular and was replaced must go. A prediction is two.
_MOST_USES = 16


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that is ready, what its records hold, and what opening it took.

    `size` is what it weighs: what its session holds, and at least the files it was opened from.
    `express` is for small requests.
    """

    session: Session
    manifest: Manifest
    watch: Watch
    load_ms: float
    size: int
    express: Express


class _Held:
    """An open session, how often it was used, and the age of the sandbox when it last was."""

    __slots__ = ("age", "opened", "uses")

    def __init__(self, opened: Opened, age: float) -> None:
        self.opened, self.age, self.uses = opened, age, 1

    @property
    def worth(self) -> float:
        size = max(self.opened.size, 1)
        return self.age + min(self.uses, _MOST_USES) * (1 + _OPENING / size)


class Sessions:
    """Keeps what saves the most opening for a byte; nothing goes while all fit.

    A session is worth how often it was used times what opening it again would cost, over its
    size. What goes leaves its worth behind as the age that later uses start from, so that what is
    used no more is overtaken. Of equals, the least recently used goes first. A sandbox answers
    one request at a time, so nothing that is evicted can be in use.

    Args:
        budget: Bytes; a version that alone is larger is still served, alone.
        close: Called with the digest of each version that goes.

    Source:
        Cherkasova (1998), Improving WWW proxies performance with Greedy-Dual-Size-Frequency
        caching policy, HPL-98-69R1.
    """

    def __init__(self, budget: int, close: Callable[[str], None]) -> None:
        self._budget = budget
        self._close = close
        self._open: OrderedDict[str, _Held] = OrderedDict()
        self._age = 0.0
        self.size = 0

    def get(self, sha256: str) -> Opened | None:
        held = self._open.get(sha256)
        if held is None:
            return None
        held.uses += 1
        held.age = self._age
        self._open.move_to_end(sha256)
        return held.opened

    def all(self) -> list[Opened]:
        """Return what is open, the least recently used first."""
        return [held.opened for held in self._open.values()]

    def make_room(self, size: int) -> None:
        """Close sessions until one of `size` bytes fits."""
        while self._open and self.size + size > self._budget:
            self.close_one()

    def close_one(self) -> bool:
        """Close the session that is worth least; return whether there was one."""
        if not self._open:
            return False
        least = min(self._open, key=lambda sha256: self._open[sha256].worth)
        self._age = self._open[least].worth
        self._remove(least)
        return True

    def held_by_others(self, sha256: str) -> int:
        """Return the bytes that all sessions but one weigh."""
        own = self._open.get(sha256)
        return self.size - (own.opened.size if own else 0)

    def close_others(self, sha256: str) -> None:
        """Close every session but one."""
        for other in [other for other in self._open if other != sha256]:
            self._remove(other)

    def keep(self, sha256: str, opened: Opened) -> None:
        """Hold a session open; where it weighs more than it was given room for, others go."""
        self.make_room(opened.size)
        self._open[sha256] = _Held(opened, self._age)
        self.size += opened.size

    def _remove(self, sha256: str) -> None:
        self.size -= self._open.pop(sha256).opened.size
        self._close(sha256)
