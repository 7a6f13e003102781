"""How many MB a contender's libraries take where they are installed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

_LAYERS = Path(__file__).parent / "results/layers.md"
# What makes virtual environments, not what runs in them.
_TOOLS = re.compile(r"^(pip|setuptools|wheel|_distutils_hack)\b")


def built_mb(function: str) -> float:
    """Return what a function's built layers take unpacked, as the bench of layers measured it."""
    found = re.search(
        rf"^\| \*\*{function}\*\* .*\| (\d+) \| \d+ \|$", _LAYERS.read_text(), re.MULTILINE
    )
    assert found, f"no row of {function} in {_LAYERS}"
    return float(found[1])


def environment_mb(folder: Path) -> float:
    """Return what a virtual environment holds, without what every new one has."""
    [packages] = folder.glob("lib/python*/site-packages")
    kept = [path for path in packages.iterdir() if not _TOOLS.match(path.name)]
    return sum(map(_size, kept)) / 2**20


def libraries_mb(names: Iterable[str]) -> float:
    """Return what these distributions take with all that they require, as pip installs them."""
    found: dict[str, metadata.Distribution] = {}
    _collect(names, found)
    files = [one.locate_file(file) for one in found.values() for file in one.files or ()]
    return sum(path.stat().st_size for path in map(Path, map(str, files)) if path.is_file()) / 2**20


def _collect(names: Iterable[str], found: dict[str, metadata.Distribution]) -> None:
    for name in names:
        if name.casefold() not in found:
            one = found[name.casefold()] = metadata.distribution(name)
            needed = map(Requirement, one.requires or ())
            _collect(
                [r.name for r in needed if not r.marker or r.marker.evaluate({"extra": ""})], found
            )


def _size(path: Path) -> int:
    if path.is_symlink() or path.is_file():
        return path.lstat().st_size
    return sum(_size(inside) for inside in path.iterdir())
