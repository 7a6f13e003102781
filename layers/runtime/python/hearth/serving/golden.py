"""Golden cases: inputs with the outputs that a version gave, or must give."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from hearth.domain.errors import GoldenMismatch, InvalidDocument, ResourceExhausted
from hearth.domain.frozen import dataclass
from hearth.domain.manifest import GoldenCases
from hearth.domain.signature import Signature
from hearth.serving.numbers import Array
from hearth.serving.session import Tensors
from hearth.serving.tensors import widened

_KEY = re.compile(r"(\d+)/(inputs|outputs)/(.+)", re.DOTALL)
_LIMIT = 512 << 20
_NO_MEMORY = "Error -4"  # zlib's Z_MEM_ERROR has no class of its own


@dataclass(frozen=True, slots=True)
class GoldenCase:
    """One case; BF16 tensors are held as their 16 bits, strings as object arrays."""

    inputs: Tensors
    outputs: Tensors


def save(cases: Iterable[GoldenCase], path: Path) -> None:
    """Write cases as .npz: arrays named `<case>/inputs/<name>` and `<case>/outputs/<name>`."""
    arrays: dict[str, Array] = {}
    for number, case in enumerate(cases):
        for kind, tensors in (("inputs", case.inputs), ("outputs", case.outputs)):
            for name, array in tensors.items():
                # Object arrays would be pickled; fixed-width text is not.
                arrays[f"{number}/{kind}/{name}"] = (
                    array.astype(str) if array.dtype.kind == "O" else array
                )
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def load(path: Path) -> list[GoldenCase]:
    """Return the cases of a .npz file.

    Raises:
        InvalidDocument: If it is no .npz file, holds pickled objects, or names arrays otherwise.
    """
    cases: dict[int, GoldenCase] = {}
    try:
        _require_bounded(path)
        with np.load(path, allow_pickle=False) as arrays:
            for key in arrays.files:
                match = _KEY.fullmatch(key)
                if not match:
                    raise InvalidDocument(
                        "golden file has an array of an unknown name",
                        got=key,
                        expected="<case>/inputs/<name> or <case>/outputs/<name>",
                    )
                case = cases.setdefault(int(match[1]), GoldenCase({}, {}))
                side = case.inputs if match[2] == "inputs" else case.outputs
                side[match[3]] = _restored(arrays[key])
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, zlib.error) and _NO_MEMORY in str(error):
            raise ResourceExhausted(
                f"no memory left to read golden file {path.name}", remedy="raise the memory size"
            ) from error
        raise InvalidDocument(
            f"golden file {path.name} cannot be read", got=error, expected=".npz without objects"
        ) from error
    return [cases[number] for number in sorted(cases)]


def _require_bounded(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > _LIMIT:
        raise InvalidDocument(
            f"golden file {path.name} is too large", got=f"{size} bytes", expected=f"<= {_LIMIT}"
        )


def _restored(array: Array) -> Array:
    return array.astype(object) if array.dtype.kind in "US" else array


def compare(
    number: int, expected: Tensors, got: Tensors, how: GoldenCases, signature: Signature
) -> float:
    """Return the largest relative error of a case's float outputs, 0.0 if there are none.

    Args:
        number: The case's number, for the message.
        expected: Outputs by name.
        got: What the model gave, at least those names.
        how: Tolerances, as numpy.isclose has them.
        signature: Says which outputs are BF16, whose bits are compared as the floats they mean.

    Raises:
        GoldenMismatch: If a shape, a dtype or a value differs, or NaN stands where none belongs.
    """
    worst = 0.0
    for name, want in expected.items():
        have = got.get(name)
        if have is None or have.shape != want.shape or have.dtype != want.dtype:
            raise GoldenMismatch(
                f"golden case {number}: output {name!r} has another form",
                got="none" if have is None else f"{have.dtype.name} {list(have.shape)}",
                expected=f"{want.dtype.name} {list(want.shape)}",
            )
        datatype = signature.output(name).type
        pair = (widened(want, datatype), widened(have, datatype))
        _require_close(f"golden case {number}: output {name!r}", *pair, how)
        worst = max(worst, _relative_error(*pair))
    return worst


def _require_close(what: str, want: Array, have: Array, how: GoldenCases) -> None:
    if want.dtype.kind != "f":
        wrong = want != have
    else:
        wrong = ~np.isclose(have, want, rtol=how.rtol, atol=how.atol, equal_nan=True)
    if np.any(wrong):
        at = tuple(int(i) for i in np.argwhere(wrong)[0]) if want.ndim else ()
        raise GoldenMismatch(
            f"{what} differs at {list(at)} ({int(np.sum(wrong))} of {want.size} values)",
            got=_value(have, at),
            expected=f"{_value(want, at)} within rtol {how.rtol}, atol {how.atol}",
        )


def _value(array: Array, at: tuple[int, ...]) -> Any:  # noqa: ANN401 (an element)
    return array[at]


def _relative_error(want: Array, have: Array) -> float:
    if want.dtype.kind != "f" or not want.size:
        return 0.0
    wide, scale = want.astype(np.float64), np.abs(want.astype(np.float64)) + 1e-12
    with np.errstate(invalid="ignore"):  # infinity from infinity, which is no error
        error = np.abs(have.astype(np.float64) - wide) / scale
    return float(np.nanmax(error)) if np.isfinite(error).any() else 0.0
