"""Rows of examples that a publisher gives: read, thinned out, cut into chunks."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hearth.domain.errors import InvalidDocument
from hearth.domain.signature import DYNAMIC, Signature
from hearth.serving.check import conform
from hearth.serving.numbers import Array
from hearth.serving.session import Tensors

TARGET = "target"
_SEED = 20
# Elements of a chunk's inputs and outputs together: 16 MB of floats.
_CHUNK = 1 << 22
_MOST_IN_CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Rows:
    """One row an example.

    Args:
        inputs: One array an input, all of one length.
        target: The labels, where there are some: as long.
    """

    inputs: Tensors
    target: Array | None = None

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    @property
    def elements(self) -> int:
        """Elements of all inputs of one row."""
        return sum(math.prod(array.shape[1:]) for array in self.inputs.values())

    def __getitem__(self, some: slice | Array) -> Rows:
        target = None if self.target is None else self.target[some]
        return Rows({name: array[some] for name, array in self.inputs.items()}, target)


def read_rows(path: Path, signature: Signature, *, labelled: bool) -> Rows:
    """Return the rows of an evaluation set or of reference data.

    Args:
        path: .npz with one array for each input, by its name, and `target` where labelled.
        signature: The model's.
        labelled: Whether `target` must be there.

    Raises:
        InvalidDocument: If the file is no .npz without objects, or rows do not match.
        SignatureMismatch: If it belongs to another signature.
    """
    arrays = _npz(path)
    target = arrays.pop(TARGET, None)
    if labelled and target is None:
        raise InvalidDocument(
            f"{path.name} has no array {TARGET!r}", got=sorted(arrays), remedy="add the labels"
        )
    strings = {spec.name for spec in signature.inputs if spec.datatype == "BYTES"}
    inputs = {name: _text(a, path) if name in strings else a for name, a in arrays.items()}
    conform(inputs, signature)
    columns = [*inputs.values(), *([target] if target is not None else [])]
    rows = {len(array) if array.ndim else 0 for array in columns}
    if len(rows) != 1 or 0 in rows:
        raise InvalidDocument(f"arrays of {path.name} differ in rows", got=sorted(rows))
    return Rows(inputs, target)


def _npz(path: Path) -> Tensors:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise InvalidDocument(
            f"{path.name} cannot be read", got=error, expected=".npz without pickled objects"
        ) from error


def _text(array: Array, path: Path) -> Array:
    """Return strings as the model takes them: in a file they have a fixed width."""
    if array.dtype.kind not in "US":
        return array
    try:
        wide = np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array
    except UnicodeDecodeError as error:
        raise InvalidDocument(f"{path.name} has strings that are not UTF-8", got=error) from error
    return wide.astype(object)


def thinned(rows: Rows, most: int) -> Rows:
    """Return at most so many rows, drawn at random: the same ones every time, in their order."""
    if len(rows) <= most:
        return rows
    drawn = np.random.default_rng(_SEED).choice(len(rows), most, replace=False, shuffle=False)
    return rows[np.sort(drawn)]


def chunks(rows: Rows, signature: Signature, outputs: int = 0) -> Iterator[Rows]:
    """Yield the rows in chunks that the model takes, each of bounded size.

    Args:
        rows: All of them.
        signature: The model's: where it fixes the number of rows, they are not cut.
        outputs: Elements of one row's outputs.
    """
    fixed = any(
        spec.ranked and spec.shape and spec.shape[0] != DYNAMIC
        for spec in signature.inputs
        if spec.name in rows.inputs
    )
    fitting = _CHUNK // max(rows.elements + outputs, 1)
    size = len(rows) if fixed else max(1, min(fitting, _MOST_IN_CHUNK))
    for at in range(0, len(rows), size):
        yield rows[at : at + size]
