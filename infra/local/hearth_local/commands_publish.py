"""`hearth publish`: a model file becomes a version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from hearth.domain.manifest import METRICS, Manifest, RuntimeOptions, Tolerance
from hearth.domain.monitoring import MonitoringOptions
from hearth.domain.registry_entry import VersionStatus
from hearth.domain.state import State
from hearth.edge.documents import (
    read_monitoring_options,
    read_runtime_options,
    read_signature_defs,
)
from hearth.publishing.publication import Published, Publisher, Source, read_class_labels
from hearth.stores.artefacts import Artefacts
from hearth.stores.clock import SystemClock
from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from hearth_local import library
from hearth_local.chosen import chosen, stack_option
from hearth_local.errors import LocalError
from hearth_local.waiting import wait_until_loaded

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class VersionEnded(LocalError):
    """A version was published and load-and-warm refused it."""


@click.command(short_help="Publish a model file as the next version.")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="The model's name.")
@click.option("--evaluation", type=_FILE, help=".npz: an array for each input, and `target`.")
@click.option("--golden", type=_FILE, help=".npz or .json with golden cases.")
@click.option("--baseline", type=_FILE, help=".npz: reference data, an array for each input.")
@click.option("--classes", type=_FILE, help="Class labels: a JSON list, or one a line.")
@click.option("--signatures", type=_FILE, help=".json: named signatures, as TF Serving has them.")
@click.option("--runtime", type=_FILE, help=".json: how ONNX Runtime opens it (threads, ...).")
@click.option("--monitoring", type=_FILE, help=".json: what is watched (capture, features, ...).")
@click.option(
    "--max-loss",
    default=0.01,
    show_default=True,
    help="How much worse a faster variant may be, as a share of the metric.",
)
@click.option("--metric", type=click.Choice(METRICS), help="By which a variant is compared.")
@click.option("--rtol", default=1e-3, show_default=True, help="Golden cases: relative tolerance.")
@click.option("--atol", default=1e-5, show_default=True, help="Golden cases: absolute tolerance.")
@click.option("--note", default="", help="Anything worth remembering.")
@click.option("--wait", "timeout_s", default=300.0, show_default=True, help="Seconds; 0: do not.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@stack_option
def publish(*, timeout_s: float, as_json: bool, stack: str | None, **options: Any) -> None:
    """Check MODEL (an .onnx file), upload it, and wait until it is servable or refused."""
    console = Console(stderr=True, highlight=False)
    found = chosen(stack)
    published = publish_source(source(options), library.artefacts(found), console)
    manifest = published.manifest
    status = None
    if timeout_s:
        status = wait_until_loaded(
            library.registry(found), manifest.model, manifest.version, timeout_s
        )
    click.echo(_json(published, status) if as_json else _text(published, status))
    if status and status.state is State.END:
        raise VersionEnded(
            f"{manifest.model} version {manifest.version}",
            f"{status.error_code}: {status.error_message}",
            "AVAILABLE",
            "what served before goes on serving",
        )


def source(options: dict[str, Any]) -> Source:
    classes, runtime, named = options["classes"], options["runtime"], options["signatures"]
    watched = options["monitoring"]
    return Source(
        model=options["name"],
        path=options["model"],
        golden=options["golden"],
        evaluation=options["evaluation"],
        baseline=options["baseline"],
        class_labels=read_class_labels(classes) if classes else (),
        signature_defs=read_signature_defs(named.read_bytes()) if named else {},
        runtime=read_runtime_options(runtime.read_bytes()) if runtime else RuntimeOptions(),
        monitoring=(
            read_monitoring_options(watched.read_bytes()) if watched else MonitoringOptions()
        ),
        tolerance=Tolerance(options["metric"] or "", options["max_loss"]),
        rtol=options["rtol"],
        atol=options["atol"],
        created_by=library.who(),
        note=options["note"],
    )


def publish_source(source: Source, artefacts: Artefacts, console: Console) -> Published:
    """Publish with a progress bar on a terminal, silently elsewhere."""
    bytes_ = Progress(
        TextColumn("upload"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
    )
    rows = Progress(
        TextColumn("rows"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    )
    upload, run = bytes_.add_task("upload", total=None), rows.add_task("rows", total=None)
    publisher = Publisher(
        artefacts,
        SystemClock(),
        progress=lambda count: bytes_.advance(upload, count),
        started=lambda total: bytes_.update(upload, total=total),
        measured=lambda done, whole: rows.update(run, completed=done, total=whole),
    )
    if not console.is_terminal:
        return publisher.publish(source)
    with Live(Group(rows, bytes_), console=console, transient=True):
        return publisher.publish(source)


def _json(published: Published, status: VersionStatus | None) -> str:
    manifest = published.manifest
    return json.dumps(
        {
            "model": manifest.model,
            "version": manifest.version,
            "new": published.new,
            "uploaded_bytes": published.uploaded_bytes,
            "skipped_bytes": published.skipped_bytes,
            "golden": {"count": manifest.golden.count, "origin": manifest.golden.origin},
            "monitoring": {
                "capture": manifest.monitoring.capture,
                "features": len(manifest.monitoring.features),
                "task": manifest.monitoring.task,
            },
            "notes": published.notes,
            "state": str(status.state) if status else None,
            "error": status.error_message if status else None,
        }
    )


def _text(published: Published, status: VersionStatus | None) -> str:
    manifest = published.manifest
    what = "published" if published.new else "nothing new: these files are already"
    line = (
        f"{what} {manifest.model} version {manifest.version}: "
        f"{published.uploaded_bytes:,} bytes uploaded, {published.skipped_bytes:,} already there, "
        f"{manifest.golden.count} golden cases {manifest.golden.origin}"
    )
    line += f"\n{_watched(manifest)}" + "".join(f"\nnote: {note}" for note in published.notes)
    if status is None:
        return line
    line += f"\n{status.state}"
    if status.figures:
        line += (
            f": opens in {status.figures.cold_open_ms:.1f} ms, first run "
            f"{status.figures.first_run_ms:.2f} ms, warm run {status.figures.warm_run_ms:.3f} ms"
        )
    return line


def _watched(manifest: Manifest) -> str:
    monitoring = manifest.monitoring
    features = f"{len(monitoring.features)} features (capture {monitoring.capture})"
    masked = f", {len(monitoring.masked)} of them masked" if monitoring.masked else ""
    return f"watched: {features}{masked}, judged as: {monitoring.task or 'nothing'}"
