"""`hearth report`: what is known of a model, on the terminal, as JSON, or as a page in a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from urllib.parse import quote

import click
from hearth.monitoring.report import UNWELL
from hearth.monitoring.report_document import from_document

from hearth_local import report_summary
from hearth_local.chosen import chosen, stack_option
from hearth_local.page_file import HTML, JSON, fetched, write


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
    found, path = chosen(stack), f"/reports/{quote(name, safe='')}"
    if page is not None:
        write(page, fetched(found, path, HTML))
        if not (check or as_json):
            return
    document = json.loads(fetched(found, path, JSON))
    if as_json:
        click.echo(json.dumps(document, indent=1))
    elif page is None:
        report_summary.show(from_document(document))
    if check and document["verdict"] == UNWELL:
        sys.exit(1)
