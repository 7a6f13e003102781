"""`hearth logs`: what a function of the local stack wrote."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import click

from hearth_local import project, template
from hearth_local.functions import log_path

_POLL_S = 0.2


@click.command(short_help="Show what a function of the stack wrote.")
@click.argument("function")
@click.option("--follow", "-f", is_flag=True, help="Go on as lines are written, until Ctrl-C.")
@click.option("--lines", "-n", default=200, show_default=True, help="How many of the last lines.")
def logs(*, function: str, follow: bool, lines: int) -> None:
    """Show the last lines of FUNCTION's log: time, request id, text."""
    found = project.find()
    path = log_path(found.state_dir, template.load(found.template).function(function))
    text, position = _read(path, 0)
    for line in text.splitlines()[-lines:] if lines else ():
        click.echo(line)
    if follow:
        _print_until_interrupted(path, position)


def _print_until_interrupted(path: Path, position: int) -> None:
    try:
        for text in _follow(path, position):
            click.echo(text, nl=False)
    except KeyboardInterrupt:
        return


def _follow(path: Path, position: int) -> Iterator[str]:
    while True:
        # A log that is full starts again from nothing.
        if path.is_file() and path.stat().st_size < position:
            position = 0
        text, position = _read(path, position)
        if text:
            yield text
        else:
            time.sleep(_POLL_S)


def _read(path: Path, position: int) -> tuple[str, int]:
    try:
        with path.open("rb") as file:
            file.seek(position, os.SEEK_SET)
            data = file.read()
    except FileNotFoundError:
        return "", position
    whole = data[: data.rfind(b"\n") + 1]
    return whole.decode("utf-8", errors="replace"), position + len(whole)
