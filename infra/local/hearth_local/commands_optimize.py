"""`hearth optimize`: ask for a better variant, wait for it, and show what the search found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
from hearth.domain.optimization import OBJECTIVES
from hearth.optimizing.report import Report
from hearth.optimizing.report_document import from_document

from hearth_local import optimization_summary, search_progress
from hearth_local.chosen import chosen, stack_option
from hearth_local.http_call import Call, CallFailed, require
from hearth_local.page_file import HTML, JSON, fetched, write
from hearth_local.target import Target

_ASKING = ("objective", "max_loss", "recipes", "batches", "force")


@click.command(short_help="Look for a faster, smaller or cheaper variant.")
@click.argument("name")
@click.option(
    "--version", type=click.IntRange(min=1), help="Which; default: the newest that is no variant."
)
@click.option("--objective", type=click.Choice(OBJECTIVES), help="What is to become less.")
@click.option("--max-loss", type=float, help="How much quality it may lose: 0.01 is 1% of it.")
@click.option("--recipe", "recipes", multiple=True, help="Use this recipe alone; may be repeated.")
@click.option(
    "--batch",
    "batches",
    multiple=True,
    type=click.IntRange(1),
    help="Measure requests of so many rows, too; may be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Search and report, but publish no version.")
@click.option("--force", is_flag=True, help="Search anew, although the same search has a report.")
@click.option("--wait", is_flag=True, help="Wait for the end and show what was found.")
@click.option("--report", "show", is_flag=True, help="Show the last report; search for nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Write the report's page to a file; - for stdout.",
)
@stack_option
def optimize(
    *, name: str, wait: bool, show: bool, as_json: bool, page: Path | None, **options: Any
) -> None:
    """Look for a variant of model NAME that is really better, and still right.

    A variant that is both becomes the next version; whether it serves is for the rollout policy.
    That there is none is a result, too: the exit status is 0 with any verdict.
    """
    found = chosen(options["stack"])
    version = options["version"]
    asked = {key: options[key] for key in _ASKING if _is_said(options[key])}
    if show and (wait or asked):
        raise click.UsageError("--report shows the last search: it takes no wish for a new one")
    if page is not None and not (show or wait):
        raise click.UsageError("a page is written of a report: add --wait, or --report")
    if not show:
        wish = {**asked, **({"version": version} if version else {})}
        wish |= {"publish": False} if options["dry_run"] else {}
        taken = require(found, Call("POST", path(name), json.dumps(wish).encode())).json()
        if not wait:
            click.echo(json.dumps(taken) if as_json else _taken(taken))
            return
        version = taken["version"]
        search_progress.wait(lambda: _begun(found, taken))
    _show(found, (name, version), page, as_json=as_json)


def _begun(found: Target, taken: dict[str, Any]) -> Report:
    """Return the report of the search that was asked for, even before anybody is at it."""
    model, version = taken["model"], taken["version"]
    waiting = Report(model, version)
    try:
        report: Report = from_document(_document(found, model, version))
    except CallFailed as error:
        if error.got != "404":
            raise
        return waiting
    return report if report.id == taken["id"] else waiting


def _is_said(value: object) -> bool:
    """Return whether an option was given; a loss of 0 is one, too."""
    return value is not None and value is not False and value != ()


def path(name: str, version: int | None = None) -> str:
    """Return where a model's searches are asked for and reported."""
    query = f"?version={version}" if version else ""
    return f"/v2/repository/models/{quote(name, safe='')}/optimize{query}"


def _document(found: Target, name: str, version: int | None) -> Any:
    return json.loads(fetched(found, path(name, version), JSON))


def _taken(taken: dict[str, Any]) -> str:
    return (
        f"{taken['model']} version {taken['version']}: searching (id {taken['id']}); how far it "
        f"is: hearth optimize {taken['model']} --version {taken['version']} --report"
    )


def _show(
    found: Target, which: tuple[str, int | None], page: Path | None, *, as_json: bool
) -> None:
    if page is not None:
        write(page, fetched(found, path(*which), HTML))
        if not as_json:
            return
    document = _document(found, *which)
    report: Report = from_document(document)
    if as_json:
        click.echo(json.dumps(document, indent=1))
    else:
        optimization_summary.show(report)
