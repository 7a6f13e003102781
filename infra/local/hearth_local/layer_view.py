"""What /opt/python and the runtime hold on Lambda, as folders of links into this environment.

A layer's view shows the distributions that the layer's requirements.txt pins and nothing else, so
a function that imports what its layers do not bring fails here as it would on Lambda.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement

from hearth_local.errors import LayerError
from hearth_local.template import Layer

# What AWS's own runtime brings besides the layers. awslambdaric has no wheel for macOS and
# Windows; hearth_local.small_client stands in for it there.
RUNTIME = (
    "boto3",
    "botocore",
    "jmespath",
    "python-dateutil",
    "s3transfer",
    "simplejson",
    "six",
    "snapshot-restore-py",
    "urllib3",
)
RUNTIME_CLIENT = "awslambdaric"
_HASH = re.compile(r"\s--hash=\S+")
_STAMP = ".view.json"


@dataclass(frozen=True, slots=True)
class Views:
    """Where the views are."""

    folder: Path

    def search_path(self, function_folder: Path, layers: Iterable[Layer]) -> tuple[Path, ...]:
        """Return a function's import path, in the order of Lambda: own code, layers, runtime."""
        path = [function_folder]
        for layer in layers:
            path += [layer.folder / "python", self.folder / layer.name]
        return (*path, self.folder / "aws-runtime")


def has_runtime_client() -> bool:
    try:
        metadata.distribution(RUNTIME_CLIENT)
    except metadata.PackageNotFoundError:
        return False
    return True


def build(layers: Iterable[Layer], folder: Path) -> Views:
    """Make or renew the view of every layer and of the runtime under `folder`.

    Raises:
        LayerError: If the environment does not hold exactly what a layer pins.
    """
    for layer in layers:
        _build_one(folder / layer.name, tuple(_pinned(layer)))
    names = (*RUNTIME, RUNTIME_CLIENT) if has_runtime_client() else RUNTIME
    _build_one(folder / "aws-runtime", tuple(_installed("aws runtime", name) for name in names))
    return Views(folder)


def _pinned(layer: Layer) -> Iterator[metadata.Distribution]:
    requirements = layer.folder / "requirements.txt"
    if not requirements.is_file():
        return
    for requirement in parse_requirements(requirements.read_text(encoding="utf-8")):
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        found = _installed(f"layer {layer.name}", requirement.name)
        if not requirement.specifier.contains(found.version, prereleases=True):
            raise _differs(f"layer {layer.name}", found.version, str(requirement))
        yield found


def parse_requirements(text: str) -> Iterator[Requirement]:
    for line in text.replace("\\\n", " ").splitlines():
        bare = _HASH.sub("", line).split(" #")[0].strip()
        if bare and not bare.startswith(("#", "-")):
            yield Requirement(bare)


def _installed(where: str, name: str) -> metadata.Distribution:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise _differs(where, "nothing installed", name) from None


def _differs(where: str, got: str, expected: str) -> LayerError:
    remedy = "set the environment up again from the pinned requirements (remove .venv, run make)"
    return LayerError(where, got, expected, remedy)


def _build_one(view: Path, distributions: tuple[metadata.Distribution, ...]) -> None:
    stamp = json.dumps(
        {
            "python": sys.version,
            "pins": sorted(f"{found.name}=={found.version}" for found in distributions),
            "places": sorted({str(found.locate_file("")) for found in distributions}),
        }
    )
    if (view / _STAMP).is_file() and (view / _STAMP).read_text(encoding="utf-8") == stamp:
        return
    shutil.rmtree(view, ignore_errors=True)
    view.mkdir(parents=True)
    for found in distributions:
        for place in _places(found):
            _link(Path(str(found.locate_file(place))), view / place)
    # Written last: a view whose making was cut short is made again.
    (view / _STAMP).write_text(stamp, encoding="utf-8")


def _places(found: metadata.Distribution) -> Iterator[PurePosixPath]:
    """Yield the topmost files and folders that belong to this distribution alone.

    A folder without an `__init__.py` of the distribution may be shared (`google/`), so its
    children are taken one by one.
    """
    files = [PurePosixPath(file) for file in found.files or ()]
    inside = [file for file in files if ".." not in file.parts and "__pycache__" not in file.parts]
    packages = {file.parent for file in inside if file.name in {"__init__.py", "RECORD"}}
    places: dict[PurePosixPath, None] = {}
    for file in inside:
        above = [folder for folder in reversed(file.parents) if folder in packages]
        places[above[0] if above else file] = None
    yield from places


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.symlink_to(source, target_is_directory=source.is_dir())
    except OSError:
        _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    """Copy where links are not allowed (Windows without developer mode)."""
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy2(source, target)


def join(path: Iterable[Path]) -> str:
    return os.pathsep.join(str(entry) for entry in path)
