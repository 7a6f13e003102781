"""Adapters of the ports that remember what they were asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hearth.domain.errors import StoreUnavailable


@dataclass
class SettableClock:
    """A clock that stands still until it is moved."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def now(self) -> datetime:
        return self.at

    def forward(self, **how_long: float) -> None:
        self.at += timedelta(**how_long)


@dataclass
class RecordingAnnouncer:
    """Remembers every event; while `broken`, takes none."""

    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    broken: bool = False

    def announce(self, kind: str, detail: dict[str, Any]) -> None:
        if self.broken:
            raise StoreUnavailable("the event bus does not answer")
        self.told.append((kind, detail))

    @property
    def versions(self) -> list[tuple[str, int]]:
        return [(detail["model"], detail["version"]) for _, detail in self.told]
