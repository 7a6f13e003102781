"""A few rows of numbers, answered with what an earlier request of the same form left ready.

What a few rows cost is mostly what is decided for them, and that is decided alike each time: by the
path, by the version, and by the form of the request, which is all of it but its numbers. A form
that was answered once is kept, with arrays that the model is bound to.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hearth.domain.errors import HearthError
from hearth.domain.frozen import dataclass
from hearth.domain.signature import Signature, TensorSpec
from hearth.edge.answers import Answer
from hearth.edge.events import HttpRequest
from hearth.serving.capture import Watch
from hearth.serving.form import (
    DIGITS,
    JSON_LENGTH,
    Form,
    Key,
    around,
    is_of_numbers,
    spelled,
    writer,
)
from hearth.serving.numbers import Array
from hearth.serving.session import Session, Tensors

_FLOATS = ("FP32", "FP64")
_MOST_BYTES = 4096
_MOST_VALUES = 4096
_MOST_FORMS = 16
_ALIGNMENT = 64  # what ONNX Runtime's own memory has


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that was answered the long way.

    Args:
        inputs: One array an input.
        outputs: One array an output.
        answer: What goes back.
        decode: Returns the inputs of another body with the same headers, or raises a HearthError.
    """

    inputs: Tensors
    outputs: Tensors
    answer: Answer
    decode: Callable[[bytes], Tensors]


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
        self._forms: dict[Key, Form] = {}
        self._most_forms = _MOST_FORMS
        # Most requests are like the one before, and to see that takes least.
        self._last: tuple[Key, Form] | None = None

    def form(self, request: HttpRequest, verb: str) -> tuple[Form, bytes] | None:
        """Return the form of a request, if one like it was answered, and the numbers in it.

        Args:
            request: Its body is neither encoded nor elsewhere.
            verb: What is asked of the model.
        """
        content = request.body
        if len(content) > _MOST_BYTES:
            return None
        if self._last and JSON_LENGTH not in request.headers:
            (known, before, lists, after), form = self._last
            if verb == known and content.startswith(before) and content.endswith(after):
                numbers = content[len(before) : len(content) - len(after)]
                if numbers.translate(None, DIGITS) == lists:
                    return form, numbers
        key, numbers = spelled(request, verb)
        found = self._forms.get(key)
        if not found:
            return None
        self._last = key, found
        return found, numbers

    def learn(self, request: HttpRequest, verb: str, answered: Answered) -> None:
        """Keep the form of a request that was answered, if it is rows of numbers.

        Most of what is never known is told by a look at the body: it comes again and again.
        """
        if len(request.body) > _MOST_BYTES or len(self._forms) >= self._most_forms:
            return
        key, _ = spelled(request, verb)
        if key not in self._forms and is_of_numbers(key) and self._can_be_bound(answered):
            form = self._made(key, answered)
            if form:
                self._forms[key] = form

    def forget(self, form: Form) -> None:
        """Give up a form for which running failed, and its place: in the end there is none."""
        self._forms = {key: kept for key, kept in self._forms.items() if kept is not form}
        self._most_forms -= 1
        self._last = None

    def _can_be_bound(self, answered: Answered) -> bool:
        """Return whether input and output are one small table of floats each."""
        if len(answered.inputs) != 1 or len(answered.outputs) != 1:
            return False
        [(name, rows)], [(output, scores)] = answered.inputs.items(), answered.outputs.items()
        specs = self._signature.input(name), self._signature.output(output)
        return _are_tables(*specs) and max(rows.size, scores.size) <= _MOST_VALUES

    def _made(self, key: Key, answered: Answered) -> Form | None:
        [(input_, given)], [(output, told)] = answered.inputs.items(), answered.outputs.items()
        framed = around(answered.answer, told)
        if not framed:
            return None
        rows, scores = _aligned(given), _aligned(told)
        writing = writer(key, rows)
        if not writing:
            return None
        write, example = writing
        if not write(example) or not _is_read_as(rows, key, example, answered.decode):
            return None
        watch = self._watch
        whole = watch.reads_rows(rows, scores, (input_, output))
        return Form(
            write,
            self._session.bound({input_: rows}, {output: scores}),
            rows,
            scores,
            framed,
            watch.batch_size({input_: rows}),
            watch.capture_rows
            if whole
            else lambda id_, x, y, _: watch.capture(id_, {input_: x}, {output: y}),
        )


def _is_read_as(rows: Array, key: Key, example: bytes, decode: Callable[[bytes], Tensors]) -> bool:
    """Return whether numbers in the places of a form are read the long way as these rows.

    So nothing is guessed of how JSON may be written: with duplicate names, or names in strings.
    """
    _, before, _, after = key
    try:
        [decoded] = decode(before + example + after).values()
    except HearthError:
        return False
    return np.array_equal(decoded, rows)


def _are_tables(input_: TensorSpec, output: TensorSpec) -> bool:
    """Return whether they hold floats, and the input's shape alone decides that of the output."""
    for spec in (input_, output):
        if spec.datatype not in _FLOATS or not spec.ranked or len(spec.shape) != 2:
            return False
    same = (input_.shape[0], input_.dims[0]) == (output.shape[0], output.dims[0])
    return output.shape[1] >= 0 and (same or output.shape[0] >= 0)


def _aligned(array: Array) -> Array:
    """Return an array of the same dtype and shape in memory as ONNX Runtime itself takes it."""
    memory = np.empty(array.nbytes + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
