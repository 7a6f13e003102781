"""`hearth invoke`: a direct call of a function."""

from __future__ import annotations

import base64
from typing import BinaryIO

import click

from hearth_local.chosen import chosen, stack_option


@click.command(short_help="Call a function directly.")
@click.argument("function")
@click.option("--event", type=click.File("rb"), help="The event's JSON; - for standard input.")
@stack_option
@click.option("--tail", is_flag=True, help="Show the end of the call's log, on standard error.")
def invoke(*, function: str, event: BinaryIO | None, stack: str | None, tail: bool) -> None:
    """Call FUNCTION and print what it answers; exit 1 where the function failed."""
    found = chosen(stack)
    answer = found.client("lambda").invoke(
        FunctionName=found.function(function),
        Payload=event.read() if event else b"{}",
        LogType="Tail" if tail else "None",
    )
    if tail:
        click.echo(base64.b64decode(answer.get("LogResult", "")).decode(), err=True)
    click.echo(answer["Payload"].read().decode())
    if "FunctionError" in answer:
        raise SystemExit(1)
