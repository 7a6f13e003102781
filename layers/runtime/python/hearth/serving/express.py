"""A few rows of numbers, answered with what an earlier request of the same form left ready.

What a few rows cost is mostly what is decided for them, and that is decided alike each time: by the
path, by the version, and by the form of the body, which is what is left of it without its digits.
A form that was answered once is kept, with arrays that the model is bound to.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from itertools import chain

import numpy as np
import orjson
from hearth.domain.frozen import dataclass
from hearth.domain.signature import Signature, TensorSpec
from hearth.serving.capture import Watch
from hearth.serving.numbers import Array
from hearth.serving.session import Session, Tensors

_DIGITS = b"0123456789+-.eE \t\r\n"
# How such a body begins, without its digits: what its rows are named, and those of the answer.
_NAMES = {
    b'{"instancs":': ("instances", b'{"predictions":%b}'),
    b'{"inputs":': ("inputs", b'{"outputs":%b}'),
}
_CODES = {"FP32": "f", "FP64": "d"}
_MOST_TEXT = 4096
_MOST_VALUES = 4096
_MOST_FORMS = 16
_ALIGNMENT = 64  # what ONNX Runtime's own memory has


@dataclass(frozen=True, slots=True)
class Form:
    """A form of request, and the arrays that the model is bound to for it.

    Args:
        name: Of the rows in the body.
        answer: The answer's text, around that of the output.
        write: Writes numbers into the input.
        run: Runs the model on the input, over the output.
        rows: The input: shape [rows, columns].
        scores: The output: shape [rows, columns].
        batch: Examples.
        capture: As `Watch.capture_rows`.
    """

    name: str
    answer: bytes
    write: Callable[..., None]
    run: Callable[[], None]
    rows: Array
    scores: Array
    batch: int
    capture: Callable[[str, Array, Array, bytes], bytes]

    def read(self, content: bytes) -> bool:
        """Write a body's rows into the input; return whether they could be."""
        try:
            rows = orjson.loads(content)[self.name]
            self.write(*(rows[0] if len(rows) == 1 else chain.from_iterable(rows)))
        except (ValueError, KeyError, OverflowError, struct.error):
            return False
        return True


class Express:
    """The forms of requests that a version answered.

    Args:
        signature: The version's.
        session: It, open.
        watch: What its records hold.
    """

    def __init__(self, signature: Signature, session: Session, watch: Watch) -> None:
        self._signature = signature
        self._session = session
        self._watch = watch
        self._forms: dict[bytes, Form] = {}
        self._most_forms = _MOST_FORMS

    def form(self, content: bytes) -> Form | None:
        """Return the form of a body, if one like it was answered."""
        # Integers alone are rounded to floats in another way than among floats.
        if len(content) > _MOST_TEXT or b"." not in content:
            return None
        return self._forms.get(content.translate(None, _DIGITS))

    def learn(self, content: bytes, inputs: Tensors, outputs: Tensors) -> None:
        """Keep the form of a body that was answered, if it is rows of numbers."""
        if len(content) > _MOST_TEXT or len(self._forms) >= self._most_forms:
            return
        skeleton = content.translate(None, _DIGITS)
        head, _, lists = skeleton.partition(b"[")
        if head not in _NAMES or lists.strip(b"[],") != b"}" or skeleton in self._forms:
            return
        tables = self._tables(inputs, outputs)
        if tables:
            self._forms[skeleton] = self._made(*_NAMES[head], *tables)

    def forget(self, form: Form) -> None:
        """Give up a form for which running failed, and its place: in the end there is none."""
        self._forms = {key: kept for key, kept in self._forms.items() if kept is not form}
        self._most_forms -= 1

    def _tables(self, inputs: Tensors, outputs: Tensors) -> tuple[Tensors, Tensors] | None:
        """Return arrays like a request's, if they are one table of floats each."""
        if len(inputs) != 1 or len(outputs) != 1:
            return None
        [(name, rows)], [(output, scores)] = inputs.items(), outputs.items()
        specs = self._signature.input(name), self._signature.output(output)
        if not _are_tables(*specs) or max(rows.size, scores.size) > _MOST_VALUES:
            return None
        return {name: _aligned(rows)}, {output: _aligned(scores)}

    def _made(self, name: str, answer: bytes, inputs: Tensors, outputs: Tensors) -> Form:
        [(input_, rows)], [(output, scores)] = inputs.items(), outputs.items()
        code = _CODES[self._signature.input(input_).datatype]
        watch = self._watch
        whole = watch.reads_rows(rows, scores, (input_, output))
        return Form(
            name,
            answer,
            partial(struct.Struct(f"={rows.size}{code}").pack_into, rows.reshape(-1).data, 0),
            self._session.bound(inputs, outputs),
            rows,
            scores,
            watch.batch_size(inputs),
            watch.capture_rows
            if whole
            else lambda id_, x, y, _: watch.capture(id_, {input_: x}, {output: y}),
        )


def _are_tables(input_: TensorSpec, output: TensorSpec) -> bool:
    """Return whether they hold floats, and the input's shape alone decides that of the output."""
    for spec in (input_, output):
        if spec.datatype not in _CODES or not spec.ranked or len(spec.shape) != 2:
            return False
    same = (input_.shape[0], input_.dims[0]) == (output.shape[0], output.dims[0])
    return output.shape[1] >= 0 and (same or output.shape[0] >= 0)


def _aligned(array: Array) -> Array:
    """Return an array of the same dtype and shape in memory as ONNX Runtime itself takes it."""
    memory = np.empty(array.nbytes + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
