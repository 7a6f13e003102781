"""What a model decided, one item an example: the predicted class, its scores, or the values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import orjson
from hearth.domain.errors import PayloadTooLarge, SignatureMismatch
from hearth.domain.frozen import dataclass
from hearth.domain.manifest import Manifest
from hearth.domain.monitoring import CLASSIFICATION, RANKING, REGRESSION
from hearth.domain.value import Value
from hearth.serving import rows
from hearth.serving.numbers import Array
from hearth.serving.session import Tensors
from hearth.serving.tensors import widened

MOST_SCORES = 20
"""Of more classes than this, a record holds the best alone."""
BEST = 10
LONGEST_LABEL = 256
MOST_VALUES = 1 << 17

# From this many classes on, the best are told from the rest before they are sorted.
_MANY = 64


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What a model decided: lists with one item an example, or None where there is no such thing.

    Args:
        predicted: Class labels.
        scores: A score for each class, where they are few.
        top: The best classes with their scores, best first, where they are many, or ranked.
        values: A regression's values.
    """

    predicted: list[str | None] | None = None
    scores: list[list[Value]] | None = None
    top: list[list[list[Value]]] | None = None
    values: list[list[Value]] | None = None


class Deciding:
    """Reads a version's outputs as decisions.

    Args:
        manifest: The version's.
        batched: Whether the first dimension of outputs counts examples; if not, each is one.
    """

    def __init__(self, manifest: Manifest, *, batched: bool) -> None:
        monitoring = manifest.monitoring
        self._task = monitoring.task
        self._scores, self._label = monitoring.scores, monitoring.label
        if self._task == REGRESSION:
            self._label = ""
        # Of these outputs; a request may ask for none of them.
        self.names = {name for name in (self._scores, self._label) if name and self._task}
        self._types = {spec.name: spec.type for spec in manifest.signature.outputs}
        self._batched = batched
        self._classes = manifest.class_labels
        self._texts = [_text(label) for label in manifest.class_labels]
        self._known = set(manifest.class_labels)
        self.longest = max(map(len, self._texts), default=0)

    def batches(self, outputs: Tensors) -> tuple[int, dict[str, Array]]:
        """Return how many examples there are, and the outputs that matter as tables of them.

        Raises:
            SignatureMismatch: If they disagree, or are no tables.
            PayloadTooLarge: If they hold more than anyone would look at.
        """
        found = {name: self._table(outputs[name], name) for name in self.names if name in outputs}
        sizes = [len(table) for table in found.values()]
        if len(set(sizes)) > 1:
            raise SignatureMismatch("outputs disagree on the number of examples", got=sizes)
        return max(sizes, default=0), found

    def _table(self, array: Array, name: str) -> Array:
        if array.dtype.char == "H":
            array = widened(array, self._types[name])
        if not (self._batched and array.ndim):
            array = array[None]
        if array.ndim == 2 and array.shape[1] <= MOST_VALUES:
            return array
        width = math.prod(array.shape[1:])
        if width > MOST_VALUES:
            raise PayloadTooLarge(f"output {name!r} is too large to be watched", got=width)
        # Trailing dimensions of one element are a habit of older image classifiers.
        if self._task != REGRESSION and width != math.prod(array.shape[1:2]):
            raise SignatureMismatch(f"output {name!r} is no table", got=list(array.shape))
        return array.reshape(len(array), width)

    def texts(self, tables: dict[str, Array], step: int = 1) -> dict[str, bytes]:
        """Return the JSON text of each list that a record holds of every k-th example."""
        chosen = tables
        if step > 1:
            chosen = {name: table[::step] for name, table in tables.items()}
        scores, label = chosen.get(self._scores), chosen.get(self._label)
        if self._task == REGRESSION:
            return {} if scores is None else {"values": rows.numbers(scores)}
        found: dict[str, bytes] = {}
        if label is not None and label.shape[1] == 1:
            found["predicted"] = self._named(label)
        if scores is None or not scores.shape[1]:
            return found
        if scores.shape[1] == 1 and self._task != RANKING:
            scores = _both_classes(scores)
        # A model may name the class of each score itself, example by example.
        names = label if label is not None and label.shape == scores.shape else None
        if names is None and self._task != RANKING and scores.shape[1] <= MOST_SCORES:
            text = rows.numbers(scores)
            return {"predicted": self._predicted(scores, text), "scores": text, **found}
        found["top"], first = self._top(scores, names)
        return {"predicted": first, **found}

    def are_of(self, output: str, width: int) -> bool:
        """Return whether `judged` says of a table of this output, so wide, what `texts` does."""
        few = self._task == CLASSIFICATION and 1 < width <= MOST_SCORES
        one = self.names == {output} == {self._scores} and (few or self._task == REGRESSION)
        return one or not self.names

    def judged(self, scores: Array, text: bytes) -> bytes:
        """Return what a record holds of a table that `are_of` accepts, as `members` writes it.

        Args:
            scores: Shape [examples, classes or values].
            text: The same as `rows.numbers` writes it.
        """
        if self._task == REGRESSION:
            return b',"values":%b' % text
        if not self.names:
            return b""
        return b',"predicted":%b,"scores":%b' % (self._predicted(scores, text), text)

    def _predicted(self, scores: Array, text: bytes) -> bytes:
        return self._joined(_best(scores) if b'"NaN"' in text else scores.argmax(axis=1).tolist())

    def _joined(self, best: list[int | None]) -> bytes:
        return b"[%b]" % b",".join([b"null" if at is None else self._class(at) for at in best])

    def _class(self, at: int) -> bytes:
        return self._texts[at] if at < len(self._texts) else b'"%d"' % at

    def _named(self, label: Array) -> bytes:
        """Return the labels of an output: its words, or its numbers as class labels have them."""
        return b"[%b]" % b",".join([self._label_text(value) for value in label[:, 0].tolist()])

    def _label_text(self, value: Any) -> bytes:  # noqa: ANN401 (an element)
        word = str(int(value)) if isinstance(value, bool | int) else str(value)
        if word not in self._known and isinstance(value, int) and 0 <= value < len(self._classes):
            return self._texts[value]
        return _text(word)

    def _top(self, scores: Array, names: Array | None) -> tuple[bytes, bytes]:
        """Return the best classes of each example with their scores, and the best of all."""
        order = _order(scores)
        texts = rows.parts(rows.numbers(np.take_along_axis(scores, order, axis=1)))
        lines: list[bytes] = []
        first: list[bytes] = []
        for row, (places, text) in enumerate(zip(order.tolist(), texts, strict=True)):
            if names is None:
                labels = [self._class(at) for at in places]
            else:
                labels = [self._label_text(name) for name in names[row, places].tolist()]
            scored = zip(labels, text.split(b","), strict=True)
            lines.append(b",".join([b"[%b,%b]" % pair for pair in scored]))
            first.append(b"null" if text.startswith(b'"NaN"') else labels[0])
        if not lines:
            return b"[]", b"[]"
        return b"[[%b]]" % b"],[".join(lines), b"[%b]" % b",".join(first)


def _text(word: str) -> bytes:
    return orjson.dumps(word[:LONGEST_LABEL])


def _both_classes(scores: Array) -> Array:
    """Return both classes' scores where a model gives the positive one's alone."""
    floats = scores if scores.dtype.kind == "f" else scores.astype(np.float32)
    return np.concatenate([1 - floats, floats], axis=1)


def _ranked(scores: Array) -> Array:
    """Return scores as numbers of which NaN is the least."""
    floats = scores if scores.dtype.kind == "f" else scores.astype(np.float64)
    return np.where(np.isnan(floats), -np.inf, floats)


def _best(scores: Array) -> list[int | None]:
    best = _ranked(scores).argmax(axis=1).tolist()
    nothing: list[bool] = np.isnan(scores).min(axis=1).tolist()
    return [None if none else at for at, none in zip(best, nothing, strict=True)]


def _order(scores: Array) -> Array:
    """Return the indices of each example's best scores, the best first, equal ones in order."""
    ranked = -_ranked(scores)
    if scores.shape[1] < _MANY:
        return _sorted(ranked)
    some = np.sort(np.argpartition(ranked, BEST, axis=1)[:, :BEST], axis=1)
    values = np.take_along_axis(ranked, some, axis=1)
    chosen: Array = np.take_along_axis(some, _sorted(values), axis=1)
    # Which of those that equal the last one were chosen is chance.
    tied = np.count_nonzero(ranked <= values.max(axis=1, keepdims=True), axis=1) > BEST
    if tied.any():
        chosen[tied] = _sorted(ranked[tied])
    return chosen


def _sorted(ranked: Array) -> Array:
    order: Array = np.argsort(ranked, axis=1, kind="stable")[:, :BEST]
    return order
