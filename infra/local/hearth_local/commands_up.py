"""`hearth up`: the local stack in the foreground."""

from __future__ import annotations

import importlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

import click
from rich.console import Console
from rich.table import Table

from hearth_local import project
from hearth_local.environment import CLIENTS
from hearth_local.events import Route, Rule, Schedule, Subscription
from hearth_local.stack import LocalStack

# 8080 and 8000 are what everything else takes.
DEFAULT_PORT = 8500
_CHECK_S = 1.0


@click.command(short_help="Run the local stack in the foreground.")
@click.option("--port", default=DEFAULT_PORT, show_default=True, help="Of the HTTP API; 0: any.")
@click.option("--workers", default=2, show_default=True, help="Calls of one function at once.")
@click.option("--client", default="auto", type=click.Choice(["auto", *CLIENTS]), show_default=True)
@click.option("--no-schedules", is_flag=True, help="Fire no timers.")
@click.option("--demo-models", is_flag=True, help="Publish the demo models once it runs.")
def up(*, port: int, workers: int, client: str, no_schedules: bool, demo_models: bool) -> None:
    """Run the local stack until Ctrl-C; print `ready: URL` once it takes requests."""
    console = Console(stderr=True, highlight=False, markup=False)
    found = project.find()
    stack = LocalStack(
        found.template, found.state_dir, port, workers, client, schedules=not no_schedules
    )
    _stop_on_signals()
    try:
        stack.start()
        if demo_models:
            _publish_demo_models(stack)
        _describe(stack, console)
        click.echo(f"ready: {stack.url}")
        sys.stdout.flush()
        _wait(stack)
    except KeyboardInterrupt:
        console.print("stopping", style="dim")
    finally:
        _ignore_signals()
        stack.stop()


def _publish_demo_models(stack: LocalStack) -> None:
    importlib.import_module("hearth_local.demo_models").publish(stack)


def _wait(stack: LocalStack) -> None:
    never = threading.Event()
    while not never.wait(_CHECK_S):
        if trouble := stack.trouble():
            raise click.ClickException(trouble)


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


def _signals() -> list[signal.Signals]:
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    return [signal.Signals[name] for name in names if hasattr(signal, name)]


def _stop_on_signals() -> None:
    for number in _signals():
        signal.signal(number, _interrupt)


def _ignore_signals() -> None:
    """Let the stop, which is short and bounded, run to its end."""
    for number in _signals():
        signal.signal(number, signal.SIG_IGN)


def _describe(stack: LocalStack, console: Console) -> None:
    table = Table("function", "memory", "timeout", "starts it", box=None, pad_edge=False)
    for function in stack.declared.functions:
        table.add_row(
            function.title,
            f"{function.memory_mb} MB",
            f"{function.timeout_s:g} s",
            ", ".join(_causes(stack, function.logical_id)) or "direct calls",
        )
    console.print(table)
    console.print(f"S3: {stack.s3_endpoint} bucket {stack.bucket}", soft_wrap=True)
    console.print(f"logs: {stack.state_dir / 'logs'}", soft_wrap=True)
    console.print("IAM authorisation is not enforced locally.", style="dim")
    for event in stack.not_run_locally:
        console.print(f"not run locally: {event.function} {event.name}: {event.reason}")
    for name, reason in stack.failures.items():
        console.print(f"{name} did not start: {reason}", style="red")


def _causes(stack: LocalStack, function: str) -> Iterator[str]:
    own = [event for event in stack.declared.events if event.function == function]
    routes = sum(isinstance(event, Route) for event in own)
    if routes:
        yield f"{routes} route{'s' * (routes > 1)}"
    for event in own:
        if isinstance(event, Rule):
            yield " ".join(event.pattern.get("detail-type", [event.name]))
        elif isinstance(event, Schedule) and stack.schedules:
            yield f"every {_in_words(event.every_s)}"
        elif isinstance(event, Subscription):
            yield f"log lines of {event.log_group}"


def _in_words(seconds: int) -> str:
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds % length == 0:
            count = seconds // length
            return unit if count == 1 else f"{count} {unit}s"
    return f"{seconds} s"
