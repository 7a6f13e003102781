"""A program that imports every module under a folder, and writes down which cannot be imported.

Many cannot, with nothing left out: they want what is not installed.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path


def refused(folder: str) -> dict[str, str | None]:
    """Return every module's name, with what kept it from being imported."""
    found: dict[str, str | None] = {}
    for name in names(Path(folder)):
        try:
            importlib.import_module(name)
            found[name] = None
        except BaseException as error:  # noqa: BLE001 (a script may exit)
            found[name] = repr(error)
    return found


def names(folder: Path, prefix: str = "") -> Iterator[str]:
    """Yield the name of every module, those in namespace packages too."""
    for module in pkgutil.walk_packages([str(folder)], prefix, onerror=lambda _: None):
        yield module.name
    for place in folder.iterdir():
        if place.is_dir() and place.name.isidentifier() and not (place / "__init__.py").exists():
            yield from names(place, f"{prefix}{place.name}.")


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        result = refused(sys.argv[1])
    Path(sys.argv[2]).write_text(json.dumps(result), encoding="utf-8")
