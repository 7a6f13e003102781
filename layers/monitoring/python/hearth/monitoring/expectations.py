"""What feedback on a model may say: the tasks and classes of the versions that can answer."""

from __future__ import annotations

from dataclasses import dataclass, field

from hearth.domain.errors import HearthError
from hearth.monitoring.baselines import Baselines
from hearth.monitoring.feedback import Expected, expected_of
from hearth.stores.artefacts import Artefacts
from hearth.stores.registry import Registry

_MOST_CACHED = 512


@dataclass
class Expectations:
    """Finds what is expected of a model, and keeps what it found of each version."""

    registry: Registry
    artefacts: Artefacts
    baselines: Baselines
    _found: dict[tuple[str, int], tuple[str, tuple[str, ...]]] = field(default_factory=dict)

    def of_model(self, model: str) -> Expected:
        """Return what is known of a model's answers.

        Raises:
            UnknownModel: If there is no such model.
        """
        entry = self.registry.read(model).entry
        # Those that ended too: labels are late, and theirs may still come.
        return expected_of(self._of_version(model, number) for number in entry.versions)

    def _of_version(self, model: str, number: int) -> tuple[str, tuple[str, ...]]:
        """Return a version's task and classes, as far as they are known."""
        key = (model, number)
        if key in self._found:
            return self._found[key]
        try:
            manifest = self.artefacts.manifest(model, number).manifest
        except HearthError:
            return "", ()
        baseline = self.baselines.find(model, number).baseline
        classes = (baseline.classes if baseline else ()) or manifest.class_labels
        task = manifest.monitoring.task
        found = (task, tuple(classes))
        if len(self._found) >= _MOST_CACHED:
            self._found.clear()
        if baseline or not task:
            self._found[key] = found
        return found
