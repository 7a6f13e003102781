"""`hearth report`: what is known of a model, on the terminal, as JSON, or as a page in a file."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from urllib.parse import quote

import click
from hearth.monitoring.report import UNWELL
from hearth.monitoring.report_document import from_document

from hearth_local import report_summary
from hearth_local.chosen import chosen, stack_option
from hearth_local.errors import LocalError
from hearth_local.http_call import Call, require
from hearth_local.target import Target

_JSON, _HTML = "application/json", "text/html"


class FileUnusable(LocalError):
    """A file that cannot be written."""


@click.command(short_help="Show how a model is doing.")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print the whole report as JSON.")
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Write the report's page to a file; - for stdout.",
)
@click.option("--check", is_flag=True, help="Exit with 1 when the model is unwell.")
@stack_option
def report(*, name: str, as_json: bool, page: Path | None, check: bool, stack: str | None) -> None:
    """Show whether model NAME is well, and why: traffic, drift, data quality, quality."""
    found = chosen(stack)
    if page is not None:
        _write(page, _fetch(found, name, _HTML))
        if not (check or as_json):
            return
    document = json.loads(_fetch(found, name, _JSON))
    if as_json:
        click.echo(json.dumps(document, indent=1))
    elif page is None:
        report_summary.show(from_document(document))
    if check and document["verdict"] == UNWELL:
        sys.exit(1)


def _fetch(found: Target, name: str, kind: str) -> bytes:
    """Return the report in a form. It travels compressed: an answer has 6 MB at most."""
    headers = {"Accept": kind, "Accept-Encoding": "gzip"}
    reply = require(found, Call("GET", f"/reports/{quote(name, safe='')}", headers=headers))
    coding = {key.lower(): value for key, value in reply.headers.items()}.get("content-encoding")
    return gzip.decompress(reply.body) if coding == "gzip" else reply.body


def _write(path: Path, body: bytes) -> None:
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
