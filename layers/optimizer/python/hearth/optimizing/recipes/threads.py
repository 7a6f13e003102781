"""Recipes that fix ONNX Runtime's threads: with small operators, several lose to one."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hearth.domain.manifest import RuntimeOptions
from hearth.optimizing.candidate import Candidate
from hearth.optimizing.carrying import carry
from hearth.optimizing.inspection import Inspection
from hearth.optimizing.recipe import Work


@dataclass(frozen=True, slots=True)
class Threads:
    """So many threads within an operator, whatever the memory size gives."""

    threads: int

    @property
    def name(self) -> str:
        return f"threads-{self.threads}"

    @property
    def summary(self) -> str:
        return f"opens the model with {self.threads} thread{'s' * (self.threads > 1)}"

    def requires(self, inspection: Inspection, calibration: bool) -> str:
        return ""

    def apply(self, work: Work) -> Candidate:
        before = work.before
        made = before.then(
            self.name, carry(before, work.folder), runtime=self._fixed(before.runtime)
        )
        if before.saved is None or before.saved_runtime is None:
            return made
        saved = work.folder / before.saved.name
        return replace(made, saved=saved, saved_runtime=self._fixed(before.saved_runtime))

    def ensures(self, before: Inspection, after: Inspection, made: Candidate) -> str:
        found = made.opened[1].intra_op_num_threads
        return "" if found == self.threads else f"it is opened with {found} threads"

    def _fixed(self, runtime: RuntimeOptions) -> RuntimeOptions:
        return replace(runtime, intra_op_num_threads=self.threads)


THREADS_1 = Threads(1)
