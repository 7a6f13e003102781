"""What of a prediction's inputs and outputs goes into its record, by the manifest's policy.

Publication takes its baseline with the same code, so that nothing differs but the data.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from hashlib import blake2b

import orjson
from hearth.domain.errors import PayloadTooLarge, SignatureMismatch
from hearth.domain.manifest import Manifest
from hearth.domain.monitoring import ALL, COLUMNS, NO_INPUTS, SAMPLED, SUMMARIES, Monitoring
from hearth.domain.signature import DYNAMIC, Signature
from hearth.domain.value import Value
from hearth.serving.features import Features
from hearth.serving.figures import TENSOR_FIGURES, TEXT_FIGURES
from hearth.serving.numbers import Array
from hearth.serving.outcomes import Deciding, Outcomes
from hearth.serving.rows import numbers
from hearth.serving.session import Tensors
from hearth.serving.tensors import widened

__all__ = ["TENSOR_FIGURES", "TEXT_FIGURES", "Outcomes", "Watch", "features", "outcomes"]

# What rows may take whatever a manifest says: the rest of a record is far below 16 KB, and an
# event of CloudWatch Logs has had 256 KB at most.
MOST_BYTES = 240_000

# How many rows are written to tell how long those of a large batch are.
_PROBED = 4
_TYPICAL, _LONGEST = 12, 26  # bytes a value
_FULL = 2.0**64

_Write = Callable[[int], dict[str, bytes]]


def features(inputs: Tensors, monitoring: Monitoring, *, batched: bool = True) -> list[list[Value]]:
    """Return every example's features, exactly as records hold them.

    Args:
        inputs: One array an input; BF16 as the float32 that it means.
        monitoring: Which features there are; masked ones are None.
        batched: Whether the first dimension of each array counts examples.

    Raises:
        SignatureMismatch: If the arrays do not have the features, or disagree on the examples.
    """
    made = Features(monitoring, batched=batched)
    count, batches = made.batches(inputs)
    found: list[list[Value]] = orjson.loads(made.text(batches, count))
    return found


def outcomes(outputs: Tensors, manifest: Manifest, *, batched: bool = True) -> Outcomes:
    """Return what a model decided of every example, exactly as records hold it.

    Args:
        outputs: One array an output, as the session gives them.
        manifest: What the outputs mean: task, names of outputs, class labels.
        batched: Whether the first dimension of each array counts examples.

    Raises:
        SignatureMismatch: If the outputs are not what the manifest says.
    """
    deciding = Deciding(manifest, batched=batched)
    _, tables = deciding.batches(outputs)
    texts = deciding.texts(tables)
    return Outcomes(**{name: orjson.loads(text) for name, text in texts.items()})


class Watch:
    """Captures what the records of one version hold; made once, when it is opened."""

    def __init__(self, manifest: Manifest) -> None:
        monitoring, signature = manifest.monitoring, manifest.signature
        self._batched = signature.batched
        self._batch_input = _batch_input(signature) if self._batched else ""
        self._bfloats = [spec for spec in signature.inputs if spec.datatype == "BF16"]
        self._features = Features(monitoring, batched=self._batched)
        self._deciding = Deciding(manifest, batched=self._batched)
        self._capture = _capture(monitoring)
        self._threshold = monitoring.sample_rate * _FULL
        self._most = min(monitoring.max_bytes, MOST_BYTES)
        self._width = len(monitoring.features)

    def batch_size(self, inputs: Tensors) -> int:
        """Return how many examples a request holds; 1 of a model that takes one at a time."""
        array = inputs.get(self._batch_input)
        return len(array) if array is not None and array.ndim else 1

    def capture(self, request_id: str, inputs: Tensors, outputs: Tensors) -> bytes:
        """Return the members of a record that come from tensors, as JSON text behind commas.

        It never raises: where something goes wrong, `capture_error` says what, and what can be
        had is there without the rest.
        """
        asked = self._asked(request_id, outputs)
        if not any(asked) or not self._most:
            return b""
        try:
            return _members(self._texts(*asked, inputs, outputs))
        except Exception as error:  # noqa: BLE001 (the answer is there, and nothing may keep it)
            failed = {"capture_error": orjson.dumps(type(error).__name__)}
        if all(asked):
            for one in ((False, True), (True, False)):
                try:
                    return _members({**self._texts(*one, inputs, outputs), **failed})
                except Exception:  # noqa: BLE001, S112 (the first is the one that is told)
                    continue
        return _members(failed)

    def reads_rows(self, rows: Array, scores: Array, names: tuple[str, str]) -> bool:
        """Return whether `capture_rows` gives what `capture` does for tables of these shapes.

        Args:
            rows: The one input.
            scores: The one output.
            names: Theirs.
        """
        values = rows.shape[1] + scores.shape[1]
        return (
            self._batched
            and len(rows) == len(scores)
            and len(rows) * (values * _LONGEST + self._deciding.longest) <= self._most
            and (
                self._capture == NO_INPUTS or self._features.are_columns_of(names[0], rows.shape[1])
            )
            and self._deciding.are_of(names[1], scores.shape[1])
        )

    def capture_rows(self, request_id: str, rows: Array, scores: Array, text: bytes) -> bytes:
        """Return what `capture` does of one table, and of another whose JSON text is known."""
        decided = self._deciding.judged(scores, text)
        if not self._is_chosen(request_id):
            return decided
        return b'%b,"features":%b' % (decided, numbers(rows))

    def _asked(self, request_id: str, outputs: Tensors) -> tuple[bool, bool]:
        """Return whether features are captured of this request, and whether outcomes are."""
        return self._is_chosen(request_id), not self._deciding.names.isdisjoint(outputs)

    def _is_chosen(self, request_id: str) -> bool:
        if self._capture != SAMPLED:
            return self._capture == ALL
        # By the id alone: whoever tries again is captured again, or again is not.
        digest = blake2b(request_id.encode("utf-8", "replace"), digest_size=8).digest()
        return int.from_bytes(digest, "big") < self._threshold

    def _texts(
        self, with_features: bool, with_outcomes: bool, inputs: Tensors, outputs: Tensors
    ) -> dict[str, bytes]:
        count = decided = -1
        batches: list[Array | None] = []
        tables: dict[str, Array] = {}
        width = 0
        if with_features:
            count, batches = self._features.batches(self._as_numbers(inputs))
            width = self._width
        if with_outcomes:
            decided, tables = self._deciding.batches(outputs)
            width += sum([table.shape[1] for table in tables.values()])
        if with_features and with_outcomes and count != decided:
            if any(batch is not None for batch in batches):
                raise SignatureMismatch("inputs and outputs disagree", got=[count, decided])
            count = decided
        count = max(count, decided)

        def write(step: int) -> dict[str, bytes]:
            found = self._deciding.texts(tables, step)
            if with_features:
                found["features"] = self._features.text(batches, count, step)
            if step > 1:
                found["captured"] = orjson.dumps(list(range(0, count, step)))
            return found

        return self._fitting(count, width, write)

    def _as_numbers(self, inputs: Tensors) -> Tensors:
        if not self._bfloats:
            return inputs
        wide = {s.name: widened(inputs[s.name], s.type) for s in self._bfloats if s.name in inputs}
        return {**inputs, **wide}

    def _fitting(self, count: int, width: int, write: _Write) -> dict[str, bytes]:
        """Return every row, or of a batch that is too large for a record every k-th.

        Raises:
            PayloadTooLarge: If not even one fits.
        """
        step = 1 if width * 2 <= self._most else count + 1  # a value takes two bytes to write
        if count * width * _TYPICAL > self._most and _PROBED < count >= step:
            apart = count // _PROBED
            size = sum(map(len, write(apart).values())) / len(range(0, count, apart))
            step = max(1, math.ceil(count * size / self._most))
        while step <= max(count, 1):
            texts = write(step)
            size = sum(map(len, texts.values()))
            if size <= self._most:
                return texts
            step = max(step + 1, min(count, math.ceil(step * size / self._most)))
        raise PayloadTooLarge("no row fits into a record", expected=f"at most {self._most} bytes")


def _members(texts: dict[str, bytes]) -> bytes:
    return b"".join([b',"%b":%b' % (name.encode(), text) for name, text in texts.items()])


def _capture(monitoring: Monitoring) -> str:
    """Return the policy as far as it matters: of summaries, figures are there of each request."""
    if not monitoring.inputs:
        return NO_INPUTS
    if monitoring.capture == SUMMARIES:
        summed = any(watched.form != COLUMNS for watched in monitoring.inputs)
        return ALL if summed else NO_INPUTS
    return monitoring.capture


def _batch_input(signature: Signature) -> str:
    """Return the name of the input whose first dimension counts examples best."""
    ranked = [spec for spec in (*signature.required, *signature.inputs) if spec.shape]
    dynamic = [spec for spec in ranked if spec.shape[0] == DYNAMIC]
    chosen = dynamic or ranked or list(signature.inputs)
    return chosen[0].name if chosen else ""
