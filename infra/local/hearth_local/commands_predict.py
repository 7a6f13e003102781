"""`hearth predict`: one prediction from a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import numpy as np

from hearth_local import library
from hearth_local.chosen import chosen, stack_option
from hearth_local.errors import LocalError
from hearth_local.http_call import Call, require
from hearth_local.target import Target


class InputUnusable(LocalError):
    """A file that cannot be made into a request."""


@click.command(short_help="Predict from a file.")
@click.argument("name")
@click.option("--input", "path", required=True, type=click.Path(path_type=Path), help="- for stdin")
@click.option("--version", type=click.IntRange(min=1), help="A version instead of `stable`.")
@click.option("--label", help="A label instead of `stable`.")
@stack_option
def predict(
    *, name: str, path: Path, version: int | None, label: str | None, stack: str | None
) -> None:
    """Ask model NAME for predictions and print its answer as JSON.

    The input is a JSON file (a list of rows, or a whole request body of either protocol), or .npy
    or .npz with one array for each input.
    """
    found = chosen(stack)
    place = f"/versions/{version}" if version else f"/labels/{quote(label)}" if label else ""
    call = _call(name, place, _read(path, name, found))
    click.echo(json.dumps(require(found, call).json()))


def _call(name: str, place: str, document: Any) -> Call:
    if isinstance(document, list):
        document = {"instances": document}
    body = json.dumps(document).encode()
    if not _is_open_inference(document):
        return Call("POST", f"/v1/models/{quote(name)}{place}:predict", body)
    if "labels" in place:
        raise InputUnusable(
            "--label", "an Open Inference request", "rows or columns", "v2 knows versions only"
        )
    return Call("POST", f"/v2/models/{quote(name)}{place}/infer", body)


def _is_open_inference(document: dict[str, Any]) -> bool:
    inputs = document.get("inputs")
    return isinstance(inputs, list) and all(
        isinstance(item, dict) and "datatype" in item for item in inputs
    )


def _read(path: Path, name: str, found: Target) -> Any:
    try:
        if path.suffix in (".npy", ".npz"):
            return _arrays(path, name, found)
        text = sys.stdin.read() if str(path) == "-" else path.read_text()
        document = json.loads(text)
    except (OSError, ValueError) as error:
        raise InputUnusable(
            str(path), str(error), "a JSON, .npy or .npz file that can be read", "correct it"
        ) from error
    if not isinstance(document, dict | list):
        raise InputUnusable(str(path), type(document).__name__, "rows or a request", "correct it")
    return document


def _arrays(path: Path, name: str, found: Target) -> dict[str, Any]:
    loaded = np.load(path, allow_pickle=False)
    if not isinstance(loaded, np.ndarray):
        return {"inputs": {key: loaded[key].tolist() for key in loaded.files}}
    # A bare array stands for the one input of the model, whatever its name.
    registry = library.registry(found).read(name).entry
    newest = library.artefacts(found).manifest(name, max(registry.versions)).manifest
    if len(newest.signature.inputs) != 1:
        names = ", ".join(spec.name for spec in newest.signature.inputs)
        raise InputUnusable(str(path), "one array", f"arrays {names}", "save an .npz")
    return {"inputs": loaded.tolist()}
