"""Open sessions of this sandbox, by manifest digest, within a byte budget."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from hearth.domain.manifest import Manifest
from hearth.serving.capture import Watch
from hearth.serving.express import Express
from hearth.serving.session import Session


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that is ready, what its records hold, and what opening it took.

    `size` is that of the files it was opened from; `express` is for small requests.
    """

    session: Session
    manifest: Manifest
    watch: Watch
    load_ms: float
    size: int
    express: Express


class Sessions:
    """Least recently used out.

    A sandbox answers one request at a time, so nothing that is evicted can be in use. A version's
    weight is the size of its files: what ONNX Runtime adds is a constant share of it.

    Args:
        budget: Bytes; a version that alone is larger is still served, alone.
        close: Called with the digest of each version that goes.
    """

    def __init__(self, budget: int, close: Callable[[str], None]) -> None:
        self._budget = budget
        self._close = close
        self._open: OrderedDict[str, Opened] = OrderedDict()

    def get(self, sha256: str) -> Opened | None:
        opened = self._open.get(sha256)
        if opened:
            self._open.move_to_end(sha256)
        return opened

    def make_room(self, size: int) -> None:
        """Close sessions until one of `size` bytes fits."""
        while self._open and self._held() + size > self._budget:
            self.close_one()

    def close_one(self) -> bool:
        """Close the least recently used session; return whether there was one."""
        if not self._open:
            return False
        sha256, _ = self._open.popitem(last=False)
        self._close(sha256)
        return True

    def held_by_others(self, sha256: str) -> int:
        """Return the bytes that all sessions but one weigh."""
        return sum(opened.size for other, opened in self._open.items() if other != sha256)

    def close_others(self, sha256: str) -> None:
        """Close every session but one."""
        for other in [other for other in self._open if other != sha256]:
            del self._open[other]
            self._close(other)

    def keep(self, sha256: str, opened: Opened) -> None:
        self._open[sha256] = opened

    def _held(self) -> int:
        return sum(opened.size for opened in self._open.values())
