"""What wheels bring and no function runs: one table of rules, applied to each layer that is built.

    python left_out.py LAYER FOLDER     removes it from a layer's python folder

tests/template/test_left_out.py runs what is left, and fails for a rule that matches nothing.
Standard library alone: the build has nothing else.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import NamedTuple

WHEELS = ("common", "runtime", "optimizer")
# Hearth's own packages are shipped as they were written.
OWN = "hearth"


class Rule(NamedTuple):
    """What is left out of which layers, and why nothing misses it.

    A pattern without a slash is the name of a file or folder anywhere, one with a slash a path
    from the layer's root. A folder goes with all that is in it.
    """

    layers: tuple[str, ...]
    patterns: tuple[str, ...]
    why: str


RULES = {
    "programs": Rule(WHEELS, ("bin/*",), "command lines; nobody has a shell on Lambda"),
    "tests": Rule(WHEELS, ("test", "tests"), "the libraries' own tests; no module imports them"),
    "stubs": Rule(WHEELS, ("*.pyi", "*.pxd"), "for type checkers and Cython"),
    "sources of extensions": Rule(
        WHEELS,
        ("*.h", "*.cc", "*.cpp", "*.pyx", "*.a"),
        "what extension modules were compiled from",
    ),
    "ONNX Runtime for C": Rule(
        ("runtime",),
        ("onnxruntime/capi/libonnxruntime.so*",),
        "the extension module holds all of it; this says it again for programs in C",
    ),
    "ONNX Runtime's notices": Rule(
        ("runtime",),
        ("onnxruntime/ThirdPartyNotices.txt", "onnxruntime/Privacy.md"),
        "text; its licence stays",
    ),
    "ONNX Runtime's examples": Rule(
        ("runtime",),
        ("onnxruntime/datasets", "onnxruntime/backend"),
        "sample models, and an interface of ONNX's that imports onnx",
    ),
    "ONNX Runtime's toolchain": Rule(
        ("runtime",),
        ("onnxruntime/quantization", "onnxruntime/tools", "onnxruntime/transformers"),
        "makes models rather than running them: in the optimizer layer",
    ),
    "numpy's compilers": Rule(
        ("runtime",),
        (
            "numpy/f2py",
            "numpy/matlib.py",  # deprecated, and imports f2py
            "numpy/_pyinstaller",
            "numpy/_core/include",
            "numpy/_core/lib",
            "numpy/random/lib",
            "numpy/random/_examples",
        ),
        "for building extensions and programs against numpy",
    ),
    "numpy's extensions for tests": Rule(
        ("runtime",),
        ("numpy/_core/_*_tests.*.so", "numpy/_core/_simd.*.so"),
        "only numpy's own tests import them",
    ),
    "ONNX's own documentation": Rule(
        ("optimizer",),
        ("onnx/defs/gen_doc.py",),
        "a program that writes it, out of ONNX's tests",
    ),
    "Swagger's page": Rule(
        ("common",),
        ("aws_lambda_powertools/event_handler/openapi/swagger_ui/*.min.*",),
        "a page for people in front of an OpenAPI document, which no route serves",
    ),
}


def left_out(layer: str, files: Iterable[str]) -> dict[str, list[str]]:
    """Return which of a layer's files each rule leaves out, by the rule's name.

    Args:
        layer: Name of the layer's folder.
        files: Paths from the layer's root, with slashes.

    Example:
        >>> left_out("common", ["a/tests/b.py", "a/b.py", "hearth/tests/c.py"])["tests"]
        ['a/tests/b.py']
    """
    rules = {name: rule for name, rule in RULES.items() if layer in rule.layers}
    found: dict[str, list[str]] = {name: [] for name in rules}
    for file in files:
        path = PurePosixPath(file)
        places = [place for place in (path, *path.parents) if place.name]
        if path.parts[0] == OWN:
            continue
        for name, rule in rules.items():
            if any(_matches(place, pattern) for place in places for pattern in rule.patterns):
                found[name].append(file)
    return found


def _matches(place: PurePosixPath, pattern: str) -> bool:
    return fnmatchcase(str(place) if "/" in pattern else place.name, pattern)


def main(layer: str, folder: Path) -> None:
    files = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    for found in left_out(layer, files).values():
        for file in found:
            (folder / file).unlink(missing_ok=True)
    for place in sorted(folder.rglob("*"), reverse=True):
        if place.is_dir() and not any(place.iterdir()):
            shutil.rmtree(place)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
