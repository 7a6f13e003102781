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
    columns = [*inputs.values(), *([target] if target is not None else [])]
    rows = {len(array) if array.ndim else 0 for array in columns}
    batch = batch_size(signature, inputs)
    # A model that takes so many rows at once is asked again and again.
    many = batch and len(rows) == 1 and not max(rows) % batch
    conform({name: a[:batch] for name, a in inputs.items()} if many else inputs, signature)
    if len(rows) != 1 or 0 in rows:
        raise InvalidDocument(f"arrays of {path.name} differ in rows", got=sorted(rows))
    return Rows(inputs, target)


def batch_size(signature: Signature, inputs: Tensors) -> int:
    """Return how many rows the model takes at once: 0 for any number."""
    sizes = {
        spec.shape[0]
        for spec in signature.inputs
        if spec.name in inputs and spec.shape and spec.shape[0] != DYNAMIC
    }
    return max(sizes) if sizes and signature.batched else 0


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


def thinned(rows: Rows, most: int, batch: int = 0) -> Rows:
    """Return at most so many rows, drawn at random: the same ones every time, in their order.

    Args:
        rows: All of them.
        most: How many, at least 1.
        batch: What their number must be a multiple of, where it must.
    """
    most = max(most - most % batch, batch) if batch else most
    if len(rows) <= most:
        return rows
    drawn = np.random.default_rng(_SEED).choice(len(rows), most, replace=False, shuffle=False)
    return rows[np.sort(drawn)]


def chunks(rows: Rows, signature: Signature, outputs: int = 0) -> Iterator[Rows]:
    """Yield the rows in chunks that the model takes, each of bounded size.

    Args:
        rows: All of them.
        signature: The model's, which may say how many rows it takes at once.
        outputs: Elements of one row's outputs.
    """
    if not signature.batched:
        yield rows  # one example
        return
    yield from cut(rows, outputs, batch_size(signature, rows.inputs))


def cut(rows: Rows, outputs: int = 0, size: int = 0) -> Iterator[Rows]:
    """Yield the rows in chunks of a size, or of as many as bounded memory holds."""
    fitting = _CHUNK // max(rows.elements + outputs, 1)
    size = size or max(1, min(fitting, _MOST_IN_CHUNK))
    for at in range(0, len(rows), size):
        yield rows[at : at + size]
