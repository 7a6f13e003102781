"""Removing blobs that no manifest names: what interrupted or lost uploads leave behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from hearth.domain.errors import HearthError
from hearth.stores.artefacts import Artefacts
from hearth.stores.ports import Blobs, Clock, Listed


@dataclass(slots=True)
class Swept:
    """What one pass removed; models whose manifests could not all be read are left alone."""

    removed: int = 0
    bytes: int = 0
    left_alone: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Removes every blob that is older than `grace` and that no manifest names.

    A publisher relies on a blob that it finds in place only while that is young or named, so
    what a coming manifest will name is never swept.
    """

    artefacts: Artefacts
    blobs: Blobs
    clock: Clock
    grace: timedelta

    def sweep(self) -> Swept:
        done = Swept()
        for model in self.artefacts.models():
            try:
                removed = self._sweep_one(model)
            except HearthError as error:
                # Where a manifest cannot be read, nothing of its model is known to be unnamed.
                done.left_alone[model] = str(error)
                continue
            done.removed += len(removed)
            done.bytes += sum(blob.size for blob in removed)
        return done

    def _sweep_one(self, model: str) -> list[Listed]:
        # Old blobs are listed before manifests: one that is named in between stays.
        old = [blob for blob in self.artefacts.blobs(model) if self._is_old(blob)]
        named = self.artefacts.named_blobs(model) if old else set()
        unnamed = [blob for blob in old if blob.key.rsplit("/", 1)[-1] not in named]
        removed = []
        for blob in unnamed:
            # One that was sent again in between is young: a manifest is about to name it.
            if self._is_old(self.blobs.stat(blob.key)):
                self.blobs.remove(blob.key)
                removed.append(blob)
        return removed

    def _is_old(self, blob: Listed | None) -> bool:
        return blob is not None and blob.modified < self.clock.now() - self.grace
