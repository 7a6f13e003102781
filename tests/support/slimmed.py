"""/opt/python as the layers' build leaves it, made of links into this environment."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

from hearth_local import layer_view
from hearth_local.template import Layer

ROOT = Path(__file__).resolve().parents[2]
BUNDLE = ROOT / "infra" / "bundle"


def rules() -> ModuleType:
    """Return infra/bundle/left_out.py, which is a program of the build and on no path."""
    spec = importlib.util.spec_from_file_location("left_out", BUNDLE / "left_out.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LEFT_OUT = rules()


def wheels(layer: str) -> dict[str, Path]:
    """Return what a layer's wheels hold: where each file lies, by its path in the layer."""
    found = dict(_files(Layer(layer, ROOT / "layers" / layer)))
    if layer == "optimizer":  # it completes what the runtime layer leaves out
        whole = wheels("runtime")
        kept = LEFT_OUT.left_out("runtime", whole)["ONNX Runtime's toolchain"]
        found |= {path: whole[path] for path in kept}
    return found


def _files(layer: Layer) -> Iterator[tuple[str, Path]]:
    for distribution in layer_view._pinned(layer):
        for file in distribution.files or ():
            # pip puts programs beside the packages when it installs into a folder.
            path = "bin/" + file.name if file.parent.name == "bin" else file.as_posix()
            source = Path(str(distribution.locate_file(file)))
            if not path.startswith("..") and "__pycache__" not in path and source.is_file():
                yield path, source


def opt(folder: Path, layers: Iterable[str], *, whole: bool = False) -> Path:
    """Make a folder that holds what layers ship, or all that their wheels hold.

    Files are linked hard: nothing can follow a link to what was left out.
    """
    for layer in layers:
        files = wheels(layer)
        out = {file for found in LEFT_OUT.left_out(layer, files).values() for file in found}
        for path, source in files.items():
            if whole or path not in out:
                _link(source, folder / path)
        own = ROOT / "layers" / layer / "python"
        for source in own.rglob("*.py"):
            _link(source, folder / source.relative_to(own))
    return folder


def _link(source: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        return
    try:
        os.link(source, path)
    except OSError:  # another disk
        shutil.copy2(source, path)


def environment(path: Iterable[Path]) -> dict[str, str]:
    """Return the environment of a process that sees these folders and no site-packages."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    search = os.pathsep.join(map(str, path))
    return {**kept, "PATH": os.environ["PATH"], "PYTHONPATH": search}


def command(program: str, *arguments: str) -> list[str]:
    # -P: nothing beside the program is to be found, where a module may be called html.
    return [sys.executable, "-P", "-S", str(ROOT / "tests/support" / program), *arguments]
