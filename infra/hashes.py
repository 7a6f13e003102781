"""Writes each function's HEARTH_LAYERS into template.yaml, or with --check says which are stale.

A layer that changes publishes no new version of the functions that use it; an environment variable
that changes does. So the content of a function's layers stands in its environment, as a hash.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from hearth_local.template import Layer, load

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "template.yaml"
BUILD = [ROOT / "infra" / "bundle" / name for name in ("Makefile", "left_out.py")]
_DIGITS = 16


def layers_hash(layers: Iterable[Layer]) -> str:
    """Return the hash of all that decides what these layers hold once they are built."""
    hashed = hashlib.sha256(b"".join(path.read_bytes() for path in BUILD))
    for layer in layers:
        for path in _sources(layer.folder):
            name = f"{layer.name}/{path.relative_to(layer.folder).as_posix()}"
            hashed.update(f"\0{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}".encode())
    return hashed.hexdigest()[:_DIGITS]


def _sources(folder: Path) -> Iterator[Path]:
    files = [folder / "requirements.txt", *sorted((folder / "python").rglob("*"))]
    for path in files:
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def stale() -> dict[str, str]:
    """Return the hash that each function should have and has not, by logical id."""
    found: dict[str, str] = {}
    for function in load(TEMPLATE).functions:
        fresh = layers_hash(function.layers)
        if function.environment.get("HEARTH_LAYERS") != fresh:
            found[function.logical_id] = fresh
    return found


def write(hashes: dict[str, str]) -> None:
    """Put the hashes into the template's text, which stays as it was otherwise."""
    text = TEMPLATE.read_text(encoding="utf-8")
    for logical_id, fresh in hashes.items():
        text, count = _line_of(logical_id).subn(rf'\g<1>"{fresh}"', text)
        if count != 1:
            raise SystemExit(
                f"{TEMPLATE.name}: {logical_id} has no line HEARTH_LAYERS; give it one"
            )
    TEMPLATE.write_text(text, encoding="utf-8")


def _line_of(logical_id: str) -> re.Pattern[str]:
    # From the resource's own line to its HEARTH_LAYERS, and not past the next resource.
    within = r"(?:(?!  \w).*\n)*?"
    return re.compile(rf"(^  {logical_id}:\n{within}\s+HEARTH_LAYERS: ).*$", re.MULTILINE)


def main(arguments: list[str]) -> int:
    hashes = stale()
    if "--check" not in arguments:
        write(hashes)
    for logical_id, fresh in hashes.items():
        sys.stdout.write(f"{logical_id}: its layers hash to {fresh}\n")
    if hashes and "--check" in arguments:
        sys.stdout.write(f"{TEMPLATE.name} says otherwise: run `make hashes`\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
