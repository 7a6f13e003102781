"""`hearth profile`: where a model's time goes, by operator and by node."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from hearth.domain.identity import STABLE
from hearth.monitoring import figures
from hearth.monitoring.markup import short
from hearth.optimizing import wording
from rich.table import Table
from rich.text import Text

from hearth_local import library, page_file, terminal
from hearth_local.chosen import chosen, stack_option
from hearth_local.errors import LocalError
from hearth_local.target import Target

_MOST = 12
_BAR = 20


class ProfileFailed(LocalError):
    """optimize could not profile a version."""


@click.command(short_help="Show where a model's time goes.")
@click.argument("name")
@click.option(
    "--version", type=click.IntRange(min=1), help="Which version; default: the stable one."
)
@click.option("--runs", type=click.IntRange(1, 1000), help="How many warm runs.")
@click.option(
    "--trace",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Write the trace, for Perfetto or Chrome; gzipped where the name ends with .gz.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the profile as JSON.")
@stack_option
def profile(
    *,
    name: str,
    version: int | None,
    runs: int | None,
    trace: Path | None,
    as_json: bool,
    stack: str | None,
) -> None:
    """Run model NAME's golden cases under ONNX Runtime's profiler, on the optimize function."""
    found = chosen(stack)
    asked = {"do": "profile", "model": name, "version": version or _stable(found, name)}
    answer = _invoke(found, {**asked, **({"runs": runs} if runs else {})})
    if trace is not None:
        page_file.write(trace, _trace(found, answer["trace"], trace))
    if as_json:
        click.echo(json.dumps(answer, indent=1))
    elif trace is None or str(trace) != "-":
        terminal.show(_parts(answer))


def _stable(found: Target, name: str) -> int:
    """Return the version that most callers of `stable` get."""
    entry = library.registry(found).read(name).entry
    split = entry.labels.get(STABLE)
    if not split:
        raise ProfileFailed(name, "no label stable", "a version", "name one: --version")
    return max(split, key=lambda number: split[number])


def _invoke(found: Target, event: Mapping[str, Any]) -> dict[str, Any]:
    answer = found.client("lambda").invoke(
        FunctionName=found.function("optimize"), Payload=json.dumps(event).encode()
    )
    document = json.loads(answer["Payload"].read())
    if "FunctionError" in answer or not isinstance(document, dict) or "operators" not in document:
        said = document.get("errorMessage", document) if isinstance(document, dict) else document
        raise ProfileFailed(
            f"{event['model']} version {event['version']}",
            short(str(said), 400),
            "a profile",
            "look on: hearth logs optimize",
        )
    return document


def _trace(found: Target, key: str, path: Path) -> bytes:
    body: bytes = found.client("s3").get_object(Bucket=found.bucket, Key=key)["Body"].read()
    return body if path.suffix == ".gz" else gzip.decompress(body)


def _parts(answer: Mapping[str, Any]) -> Iterable[Text | Table]:
    said = f"{answer['model']} version {answer['version']}: "
    said += f"{wording.milliseconds(answer['run_ms'])} a run under the profiler, "
    yield terminal.text(said + f"median of {figures.plural(answer['runs'], 'warm run')}")
    yield _usages("operator", answer["operators"])
    yield from _more(len(answer["operators"]) - _MOST, "operator")
    yield Text()
    yield _usages("node", answer["nodes"])
    yield from _more(len(answer["nodes"]) + answer["left_out"] - _MOST, "node")
    yield terminal.text(f"trace: {answer['trace']} (hearth profile --trace FILE)", "dim")


def _usages(of: str, found: Sequence[Mapping[str, Any]]) -> Table:
    heads = ["calls", "a run", "share", "", "inputs", "weights", "outputs"]
    made = terminal.table(of, *(["operator"] if of == "node" else []), *heads)
    for item in found[:_MOST]:
        kind = [terminal.text(short(item["operator"], 40))] if of == "node" else []
        made.add_row(
            terminal.text(short(item["name"], 60)),
            *kind,
            figures.number(item["calls"]),
            wording.milliseconds(item["time_ms"]),
            figures.share(item["share"]),
            "█" * round(item["share"] * _BAR),
            *(figures.size(item[f"{k}_bytes"]) for k in ("activation", "parameter", "output")),
        )
    return made


def _more(count: int, word: str) -> Iterable[Text]:
    if count > 0:
        yield terminal.text(f"  {figures.plural(count, f'more {word}')}: --json", "dim")
