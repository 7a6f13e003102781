"""What feedback on a model may say: the tasks and classes of the versions that can answer."""

from __future__ import annotations

from dataclasses import dataclass, field

from hearth.domain.errors import HearthError
from hearth.domain.monitoring import CLASSIFICATION
from hearth.monitoring.baselines import Baselines
from hearth.monitoring.feedback import Expected
from hearth.stores.artefacts import Artefacts
from hearth.stores.registry import Registry

_MOST_CACHED = 512


@dataclass
class Expectations:
    """Finds what is expected of a model, and keeps what it found of each version."""

    registry: Registry
    artefacts: Artefacts
    baselines: Baselines
    _found: dict[tuple[str, int], Expected] = field(default_factory=dict)

    def of_model(self, model: str) -> Expected:
        """Return what is known of a model's answers.

        Raises:
            UnknownModel: If there is no such model.
        """
        entry = self.registry.read(model).entry
        # Those that ended too: labels are late, and theirs may still come.
        each = [self._of_version(model, number) for number in entry.versions]
        told = [one for one in each if one.tasks]
        labelled = [one.classes for one in told if CLASSIFICATION in one.tasks]
        return Expected(
            tasks=frozenset().union(*(one.tasks for one in told)),
            # Where one version's classes are not known, no label is known to be wrong.
            classes=frozenset().union(*labelled) if all(labelled) else frozenset(),
        )

    def _of_version(self, model: str, number: int) -> Expected:
        key = (model, number)
        if key in self._found:
            return self._found[key]
        try:
            manifest = self.artefacts.manifest(model, number).manifest
        except HearthError:
            return Expected()
        baseline = self.baselines.find(model, number).baseline
        classes = (baseline.classes if baseline else ()) or manifest.class_labels
        task = manifest.monitoring.task
        found = Expected(frozenset({task} if task else ()), frozenset(classes))
        if len(self._found) >= _MOST_CACHED:
            self._found.clear()
        if baseline or not task:
            self._found[key] = found
        return found
