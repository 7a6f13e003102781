"""Reports as they are fetched, and pages of them in files."""

from __future__ import annotations

import gzip
from pathlib import Path

import click

from hearth_local.errors import LocalError
from hearth_local.http_call import Call, require
from hearth_local.target import Target

JSON, HTML = "application/json", "text/html"


class FileUnusable(LocalError):
    """A file that cannot be written."""


def fetched(found: Target, path: str, kind: str) -> bytes:
    """Return a report in a form. It travels compressed: an answer has 6 MB at most."""
    headers = {"Accept": kind, "Accept-Encoding": "gzip"}
    reply = require(found, Call("GET", path, headers=headers))
    coding = {key.lower(): value for key, value in reply.headers.items()}.get("content-encoding")
    return gzip.decompress(reply.body) if coding == "gzip" else reply.body


def write(path: Path, body: bytes) -> None:
    """Write a file, or standard output for `-`.

    Raises:
        FileUnusable: If it cannot be written.
    """
    if str(path) == "-":
        click.echo(body, nl=False)
        return
    try:
        path.write_bytes(body)
    except OSError as error:
        raise FileUnusable(
            str(path), error.strerror or str(error), "a file that can be written", "name another"
        ) from error
    click.echo(f"{path}: {len(body):,} bytes", err=True)
