"""Large JSON arrays of numbers, read into a buffer without a Python object for each number."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from hearth.domain.datatype import DATATYPES, Datatype

if TYPE_CHECKING:
    import simdjson

Array = np.ndarray[Any, Any]

DTYPES = {datatype.name: np.dtype(datatype.numpy) for datatype in DATATYPES}
MOST_DIMENSIONS = 64  # numpy's own bound
# Below this many characters a list of Python numbers is as fast.
WORTHWHILE = 4096
# A text with more strings than this is no text of large arrays: it is read as it is.
_MOST_QUOTES = 4096
# The memory that a parser took for larger text is given back.
_KEPT = 32 << 20
_PLACE = "~numbers~"
# Characters, or numbers, that are looked at together.
_PART = 1 << 17
_DIGITS = b"0123456789+-.eE \t\r\n"
# How simdjson's buffers call the types that JSON numbers have.
_BUFFERS: dict[str, tuple[Literal["d", "i", "u"], np.dtype[Any]]] = {
    "f": ("d", np.dtype(np.float64)),
    "i": ("i", np.dtype(np.int64)),
    "u": ("u", np.dtype(np.uint64)),
}


class Numbers:
    """A JSON array that is cut out of its document and not read yet.

    Args:
        text: The array, brackets included.
    """

    __slots__ = ("text",)

    def __init__(self, text: bytes) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"[a list of {len(self.text)} characters]"

    def array(self, datatype: Datatype) -> Array | None:
        """Return the numbers, cast to a datatype, in the shape of the nesting.

        None says that this is not the place to read them: they are no numbers of that kind, or
        their lists are ragged. Reading them as plain JSON says what is wrong.

        Example:
            >>> from hearth.domain.datatype import BY_NAME
            >>> Numbers(b"[[1, 2.5], [-3, 4]]").array(BY_NAME["FP32"])
            array([[ 1. ,  2.5],
                   [-3. ,  4. ]], dtype=float32)
        """
        dtype = DTYPES[datatype.name]
        shape = _shape(_skeleton(self.text))
        if shape is None or dtype.kind not in _BUFFERS:
            return None
        made = np.empty(shape, dtype)
        return made if self._read_into(made) else None

    def _read_into(self, made: Array) -> bool:
        import simdjson  # only large bodies need it

        parser = _parser() if len(self.text) <= _KEPT else simdjson.Parser()
        try:
            # Beyond float32 is infinity, as elsewhere.
            with np.errstate(over="ignore", under="ignore"):
                _fill(made, parser.parse(self.text))
        except (ValueError, TypeError, AttributeError, RuntimeError):
            return False
        return True


@cache
def _parser() -> simdjson.Parser:
    """Return one parser for all: new memory for each array takes a third of its time."""
    import simdjson

    return simdjson.Parser()


def _fill(made: Array, parsed: Any) -> None:  # noqa: ANN401 (any JSON)
    """Write numbers into an array, part by part: simdjson's own of them take twice the memory.

    Raises:
        ValueError, TypeError, AttributeError: If they are no numbers of that kind, or too many.
    """
    if made.ndim > 1 and made.size > _PART:
        for part, item in zip(made, parsed, strict=True):
            _fill(part, item)
        return
    kind, wide = _BUFFERS[made.dtype.kind]
    flat = np.frombuffer(parsed.as_buffer(of_type=kind), wide)
    if made.dtype.kind in "iu" and flat.size:
        limits = np.iinfo(made.dtype)
        if flat.min() < limits.min or flat.max() > limits.max:
            raise ValueError("beyond the type")
    made[...] = flat.reshape(made.shape)


def _skeleton(text: bytes) -> bytes:
    """Return an array's text without its numbers."""
    # What is left is taken from memory for all of it: better for one part after the other.
    parts = range(0, len(text), _PART)
    return b"".join([text[at : at + _PART].translate(None, _DIGITS) for at in parts])


def _shape(skeleton: bytes) -> tuple[int, ...] | None:
    """Return the shape of nested lists of which only brackets and commas are left.

    None if they are ragged. A list of one and a list of none look the same here.

    Example:
        >>> _shape(b"[[,,],[,,]]"), _shape(b"[[,],[,,]]")
        ((2, 3), None)
    """
    rank = len(skeleton) - len(skeleton.lstrip(b"["))
    if rank > MOST_DIMENSIONS:
        return None
    shape: list[int] = []
    unit = b""
    for level in range(1, rank + 1):
        start, end = rank - level, skeleton.find(b"]" * level) + level
        count = (end - start - 1) // (len(unit) + 1)
        if count < 1:
            return None
        unit = b"[" + (unit + b",") * (count - 1) + unit + b"]"
        if skeleton[start:end] != unit:
            return None
        shape.insert(0, count)
    return tuple(shape) if unit == skeleton else None


def cut(text: bytes) -> tuple[bytes, list[Numbers]]:
    """Return a document with a string in the place of each large array, and those arrays.

    What is cut stands between two quotes and holds neither quote nor brace, so it can be an
    array of numbers. Where a cut would be wrong (within a string, in the middle of nested lists)
    the rest is no JSON, or `put_back` does not find every place: then the whole is read as it is.
    An array that nobody reads is not looked at.
    """
    # One mark alone is looked for at ten times the speed of the whole string.
    if len(text) < WORTHWHILE or (b"~" in text and _PLACE.encode() in text):
        return text, []
    parts: list[bytes] = []
    arrays: list[Numbers] = []
    done = at = quotes = 0
    while at < len(text):
        quote = text.find(b'"', at)
        end = len(text) if quote < 0 else quote
        if end - at >= WORTHWHILE:
            first, last = _extent(text, at, end)
            if last - first >= WORTHWHILE:
                parts += [text[done:first], f'"{_PLACE}{len(arrays)}"'.encode()]
                arrays.append(Numbers(text[first:last]))
                done = last
        at, quotes = end + 1, quotes + 1
        if quotes > _MOST_QUOTES:
            return text, []
    return b"".join([*parts, text[done:]]), arrays


def _extent(text: bytes, start: int, end: int) -> tuple[int, int]:
    """Return where an array between two quotes begins and ends."""
    first = text.find(b"[", start, end)
    if first < 0:
        return end, end
    brace = text.find(b"}", first, end)
    return first, text.rfind(b"]", first, end if brace < 0 else brace) + 1


def put_back(document: Any, arrays: list[Numbers]) -> bool:  # noqa: ANN401 (any JSON)
    """Put each array where its string stands; return whether each found exactly one place.

    A caller may write the same string in another spelling: then it stands twice.
    """
    if not isinstance(document, dict | list):
        return False
    places = {f"{_PLACE}{number}": array for number, array in enumerate(arrays)}
    found: list[str] = []
    pending = [document]
    while pending:
        container = pending.pop()
        items = container.items() if isinstance(container, dict) else enumerate(container)
        for key, value in list(items):
            if type(value) is str and value in places:
                container[key] = places[value]
                found.append(value)
            elif type(value) is dict or type(value) is list:
                pending.append(value)
    return sorted(found) == sorted(places)
