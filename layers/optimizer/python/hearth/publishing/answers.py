"""What a model says of many rows: run in chunks, kept as records hold it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from hearth.domain.manifest import Manifest
from hearth.domain.value import Value
from hearth.publishing.rows import Rows, chunks
from hearth.serving.capture import outcomes
from hearth.serving.numbers import Array
from hearth.serving.outcomes import Outcomes
from hearth.serving.session import Session, Tensors
from hearth.serving.tensors import widened

Measured = Callable[[int, int], None]
"""Called with the rows that are done and with all that there are."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A model that is asked.

    Args:
        session: The open model.
        manifest: What its outputs mean; with no task, nothing is run.
        elements: Elements of one row's outputs, as far as they are asked for.
        measured: Told after each chunk of rows.
    """

    session: Session
    manifest: Manifest
    elements: int
    measured: Measured

    @property
    def names(self) -> list[str]:
        """Outputs that matter."""
        monitoring = self.manifest.monitoring
        return [name for name in (monitoring.scores, monitoring.label) if name]


@dataclass(slots=True)
class Answers:
    """What a model said, one item an example; empty where it says no such thing.

    Args:
        predicted: The predicted class.
        confidence: The best score.
        values: A regression's values.
        likelihood: The score of the true class, where it is known; else NaN.
    """

    predicted: list[str | None] = field(default_factory=list)
    confidence: list[Value] = field(default_factory=list)
    values: list[list[Value]] = field(default_factory=list)
    likelihood: list[float] = field(default_factory=list)

    def read(self, outputs: Tensors, manifest: Manifest, true: Array | None) -> None:
        """Add what one run's outputs say; `true` is the index of each row's true class."""
        found = outcomes(outputs, manifest, batched=manifest.signature.batched)
        self.predicted += found.predicted or ()
        self.confidence += _best(found)
        self.values += found.values or ()
        self.likelihood += _likelihood(outputs, manifest, true)


def _best(found: Outcomes) -> list[Value]:
    if found.top is not None:
        return [row[0][1] if row else None for row in found.top]
    numbers = [[v for v in row if isinstance(v, float | int)] for row in found.scores or ()]
    return [max(row, default=None) for row in numbers]


def answers(asked: Asked, rows: Rows, truth: Array | None = None) -> Answers:
    """Return what a model says of rows.

    Args:
        asked: The model.
        rows: What it is asked.
        truth: The index of each row's true class, -1 where it has none.
    """
    made, manifest = Answers(), asked.manifest
    if not manifest.monitoring.task or not asked.names:
        return made
    done = 0
    for chunk in chunks(rows, manifest.signature, asked.elements):
        outputs = asked.session.run(chunk.inputs, asked.names)
        true = None if truth is None else truth[done : done + len(chunk)]
        made.read(outputs, manifest, true)
        done += len(chunk)
        asked.measured(done, len(rows))
    return made


def _likelihood(outputs: Tensors, manifest: Manifest, true: Array | None) -> list[float]:
    name = manifest.monitoring.scores
    if true is None or name not in outputs:
        return []
    table = widened(outputs[name], manifest.signature.output(name).type).reshape(len(true), -1)
    scores = table.astype(np.float64)
    if scores.shape[1] == 1:
        scores = np.concatenate([1 - scores, scores], axis=1)
    known = (true >= 0) & (true < scores.shape[1])
    found = scores[np.arange(len(true)), np.where(known, true, 0)]
    listed: list[float] = np.where(known, found, np.nan).tolist()
    return listed
