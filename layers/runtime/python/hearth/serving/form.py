"""What requests for a few rows have in common: all but numbers, of the body and of the answer."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
import orjson
from hearth.domain.frozen import dataclass
from hearth.domain.signature import PREDICT
from hearth.edge.answers import Answer
from hearth.edge.events import HttpRequest
from hearth.edge.headers import HEADER_LENGTH, json_length
from hearth.serving.numbers import Array

# In the headers of requests that have bytes of tensors behind JSON.
JSON_LENGTH = HEADER_LENGTH.lower()
DIGITS = b"0123456789+-.eE \t\r\n"
_CODES = {"f4": "f", "f8": "d"}

# What is asked, what stands before the numbers, how they are nested, and what stands behind.
Key = tuple[str, bytes, bytes, bytes]


@dataclass(frozen=True, slots=True)
class Form:
    """A form of request, and the arrays that the model is bound to for it.

    Args:
        write: Writes a body's numbers into the input; returns whether they could be.
        run: Runs the model on the input, over the output.
        rows: The input: shape [rows, columns].
        scores: The output: shape [rows, columns].
        around: Of the answer.
        batch: Examples.
        capture: As `Watch.capture_rows`.
    """

    write: Callable[[bytes], bool]
    run: Callable[[], None]
    rows: Array
    scores: Array
    around: Around
    batch: int
    capture: Callable[[str, Array, Array, bytes], bytes]

    def answer(self, text: bytes) -> Answer:
        """Return the answer.

        Args:
            text: The output as JSON, a list for each row.
        """
        around = self.around
        if around.binary:
            body = around.before + self.scores.tobytes()
            return Answer(200, body, around.headers, binary=True)
        numbers = text if around.rowed else _flat(text)
        return Answer(200, around.before + numbers + around.after, around.headers)


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around an output's numbers in an answer.

    Args:
        before: What the body begins with.
        after: What it ends with.
        headers: The answer's.
        binary: Whether the numbers are their bytes, behind all text.
        rowed: Whether they are a JSON list for each row.
    """

    before: bytes
    after: bytes
    headers: Mapping[str, str]
    binary: bool = False
    rowed: bool = True


def around(answer: Answer, scores: Array) -> Around | None:
    """Return what stands around an output in an answer; None where that cannot be told."""
    body, headers, blob = answer.body, answer.headers, scores.tobytes()
    if answer.binary:
        ended = body.endswith(blob) and len(blob) > 0
        return Around(body[: -len(blob)], b"", headers, binary=True) if ended else None
    text = orjson.dumps(np.ascontiguousarray(scores), option=orjson.OPT_SERIALIZE_NUMPY)
    for told, rowed in ((text, True), (_flat(text), False)):
        if body.count(told) == 1:
            before, _, after = body.partition(told)
            return Around(before, after, headers, rowed=rowed)
    return None


def _flat(text: bytes) -> bytes:
    """Return the text of one list of numbers, from that of a list for each row.

    Example:
        >>> _flat(b"[[1.0,2.0],[3.0,4.0]]")
        b'[1.0,2.0,3.0,4.0]'
    """
    return text[1:-1].replace(b"],[", b",")


def spelled(request: HttpRequest, verb: str) -> tuple[Key, bytes]:
    """Take a body apart where its numbers may be: what all of its form have in common, and they.

    Args:
        request: Its body is neither encoded nor elsewhere.
        verb: What is asked of the model.
    """
    content = request.body
    if JSON_LENGTH in request.headers:
        length = json_length(request.headers[JSON_LENGTH])
        return (verb, content[:length], b"%d" % length, b""), content[length:]
    if verb == PREDICT:
        start, end = content.find(b"["), content.rfind(b"]") + 1
    else:
        start = content.find(b"[", content.find(b'"data"'))
        # Numbers end where the object does, or another member begins.
        end = content.find(b"}", start)
        another = content.find(b'"', start, end)
        end = content.rfind(b"]", start, end if another < 0 else another) + 1
    numbers = content[start:end]
    return (verb, content[:start], numbers.translate(None, DIGITS), content[end:]), numbers


def is_of_numbers(key: Key) -> bool:
    """Return whether nothing but numbers stands in their place: in lists, or as their bytes."""
    lists = key[2]
    return lists.isdigit() or bool(lists and not lists.strip(b"[],"))


def writer(key: Key, rows: Array) -> tuple[Callable[[bytes], bool], bytes] | None:
    """Return what writes numbers of a form into an array, and numbers of that form.

    None if its lists are nested otherwise than rows are.
    """
    lists = key[2]
    values = (np.arange(rows.size) + 0.5).astype(rows.dtype).reshape(rows.shape)
    flat = rows.reshape(-1).data
    if lists.isdigit():
        return partial(_copy, flat.cast("B")), values.tobytes()
    nested = lists.startswith(b"[[")
    example = orjson.dumps((values if nested else values.reshape(-1)).tolist())
    if example.translate(None, DIGITS) != lists:
        return None
    pack = struct.Struct(f"={rows.size}{_CODES[rows.dtype.str[1:]]}").pack_into
    one = itemgetter(0) if len(rows) == 1 else chain.from_iterable
    return partial(_write, partial(pack, flat, 0), one if nested else iter), example


def _copy(memory: memoryview, numbers: bytes) -> bool:
    if len(numbers) != len(memory):
        return False
    memory[:] = numbers
    return True


def _write(pack: Callable[..., None], flat: Callable[[Any], Iterable[Any]], text: bytes) -> bool:
    if b"." not in text:
        return False  # integers alone are rounded to floats in another way than among floats
    try:
        pack(*flat(orjson.loads(text)))
    except (ValueError, OverflowError, TypeError, struct.error):
        return False
    return True
