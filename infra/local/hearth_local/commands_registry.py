"""`hearth status`, `promote`, `rollback`, `policy`, `load` and `unload`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from typing import Any

import click
from hearth.domain import registry_entry as entries
from hearth.domain.errors import HearthError
from hearth.domain.identity import STABLE
from hearth.domain.registry_document import to_document
from hearth.domain.registry_entry import GRADUAL, OPTIMIZATIONS, ROLLOUTS, Policy, RegistryEntry
from hearth.domain.rollout import Rollout
from hearth.stores.clock import SystemClock
from hearth.stores.registry import Registry
from hearth.stores.rolling import judge
from hearth.stores.rollout_evidence import RolloutEvidence
from rich.console import Console
from rich.table import Table

from hearth_local import library
from hearth_local.chosen import chosen, stack_option
from hearth_local.http_call import Call, require

_why = click.option("--why", default="", help="The reason, for the history.")
_label = click.option("--label", default=STABLE, show_default=True, help="Which label moves.")


@click.command(short_help="Show models, versions, labels and history.")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the registry entries as JSON.")
@stack_option
def status(*, name: str | None, as_json: bool, stack: str | None) -> None:
    """Show every model, or NAME with its history."""
    target = chosen(stack)
    registry = library.registry(target)
    names = [name] if name else list(registry.models())
    if as_json:
        documents = [to_document(registry.read(model).entry) for model in names]
        click.echo(json.dumps(documents[0] if name else documents, indent=1))
        return
    _print_table(registry, names)
    if name:
        entry = registry.read(name).entry
        if entry.rollout:
            _print_rollout(entry, entry.rollout, RolloutEvidence(library.documents(target)))
        _print_history(entry)


def _print_table(registry: Registry, names: list[str]) -> None:
    table = Table("model", "version", "state", "labels", "open ms", "run ms", "since", "reason")
    table.box = None
    for name in names:
        try:
            _add_rows(table, registry.read(name).entry)
        except HearthError as error:
            if len(names) == 1:
                raise
            table.add_row(name, "?", "UNREADABLE", "", "", "", "", str(error))
    # Piped output is one line a version, however narrow the terminal behind it is.
    width = None if sys.stdout.isatty() else 500
    Console(highlight=False, width=width).print(table)


def _add_rows(table: Table, entry: RegistryEntry) -> None:
    for number, version in sorted(entry.versions.items(), reverse=True):
        figures = version.figures
        table.add_row(
            entry.model,
            str(number),
            str(version.state),
            " ".join(_shares(entry, number)),
            f"{figures.cold_open_ms:.1f}" if figures else "",
            f"{figures.warm_run_ms:.3f}" if figures else "",
            version.since,
            "" if version.error_code == "OK" else f"{version.error_code}: {version.error_message}",
        )


def _shares(entry: RegistryEntry, number: int) -> list[str]:
    shares = []
    for label, split in entry.labels.items():
        if number in split:
            share = split[number] / sum(split.values())
            shares.append(label if share == 1 else f"{label}:{share:.0%}")
    return shares


def _print_rollout(entry: RegistryEntry, rollout: Rollout, evidence: RolloutEvidence) -> None:
    before = _place({str(number): weight for number, weight in rollout.before.items()})
    click.echo(
        f"rollout: version {rollout.version} has {rollout.percent}% of stable "
        f"since {rollout.since}, before: {before}"
    )
    if rollout.counts is None:
        click.echo("  wait: health-check has not looked at it yet")
        return
    try:
        decision = judge(entry, rollout, evidence.of(entry.model, rollout), SystemClock())
    except HearthError as error:
        click.echo(f"  wait: {error}")
        return
    for reason in decision.reasons:
        click.echo(f"  {decision.move}: {reason}")


def _print_history(entry: RegistryEntry) -> None:
    click.echo(f"policy: rollout {entries.told(entry.policy)}")
    for change in entry.history[-20:]:
        moved = f"{_place(change.before)} -> {_place(change.after)}"
        click.echo(f"{change.at}  {change.what}: {moved}  by {change.who}  {change.why}".rstrip())


def _place(split: object) -> str:
    if not isinstance(split, dict):
        return str(split) or "-"
    if len(split) == 1:
        return str(next(iter(split)))
    return ", ".join(f"{n}:{weight}" for n, weight in split.items()) or "-"


@click.command(short_help="Point a label at a version.")
@click.argument("name")
@click.argument("version", type=click.IntRange(min=1))
@click.option("--weight", type=click.IntRange(1, 99), help="Percent; the rest stays where it is.")
@_label
@_why
@stack_option
def promote(
    *, name: str, version: int, weight: int | None, label: str, why: str, stack: str | None
) -> None:
    """Point the label `stable` (or another) of model NAME at VERSION, whole or with a share."""
    actor = library.actor(why or "hearth promote")

    def move(entry: RegistryEntry) -> RegistryEntry:
        split = entries.with_share(entry, label, version, weight or 100)
        return entries.assign(entry, label, split, actor)

    _say(library.registry(chosen(stack)).change(name, move), label)


@click.command(short_help="Point a label back at where it was.")
@click.argument("name")
@_label
@_why
@stack_option
def rollback(*, name: str, label: str, why: str, stack: str | None) -> None:
    """Point the label `stable` (or another) of model NAME back at where it was before."""
    actor = library.actor(why or "hearth rollback")
    registry = library.registry(chosen(stack))
    _say(registry.change(name, lambda entry: entries.roll_back(entry, label, actor)), label)


def _say(entry: RegistryEntry, label: str) -> None:
    split = {str(number): weight for number, weight in entry.labels[label].items()}
    click.echo(f"{entry.model}: {label} is {_place(split)}")


@click.command(short_help="Show or set a model's policies.")
@click.argument("name")
@click.argument("rollout", required=False, type=click.Choice(ROLLOUTS))
@click.option("--optimize", type=click.Choice(OPTIMIZATIONS), help="What optimize does by itself.")
@click.option("--steps", metavar="P,P,...", help="gradual: percents of stable, e.g. 10,50.")
@click.option("--step-minutes", type=int, help="gradual: how long a step lasts at least.")
@click.option("--min-requests", type=int, help="gradual: how many a step must have answered.")
@_why
@stack_option
def policy(
    *,
    name: str,
    rollout: str | None,
    optimize: str | None,
    steps: str | None,
    step_minutes: int | None,
    min_requests: int | None,
    why: str,
    stack: str | None,
) -> None:
    """Show model NAME's policies, or set them; a model may get them before its first version.

    ROLLOUT says what a proven version gets by itself: immediate: all of `stable` at once; manual:
    nothing; gradual: one step after the other, and nothing again as soon as it shows a fault.
    """
    registry = library.registry(chosen(stack))
    members = {
        "steps": _percents(steps),
        "step_minutes": step_minutes,
        "min_requests": min_requests,
    }
    gradual = {key: value for key, value in members.items() if value is not None}
    if gradual and rollout not in (None, GRADUAL):
        raise click.UsageError(f"--{next(iter(gradual)).replace('_', '-')} is of {GRADUAL} alone")
    asked = {"rollout": GRADUAL if gradual else rollout, "optimize": optimize}
    given = {key: value for key, value in asked.items() if value}
    if given:
        actor = library.actor(why or "hearth policy")

        def decide(now: RegistryEntry) -> RegistryEntry:
            return entries.set_policy(now, _changed(now.policy, given, gradual), actor)

        entry = registry.change(name, decide)
    else:
        entry = registry.read(name).entry
    told = asdict(entry.policy)
    if entry.policy.rollout != GRADUAL:
        del told["gradual"]
    click.echo(json.dumps(told))


def _percents(steps: str | None) -> tuple[int, ...] | None:
    if steps is None:
        return None
    try:
        return tuple(int(step.strip().removesuffix("%")) for step in steps.split(","))
    except ValueError as error:
        raise click.BadParameter(
            f"{steps!r} is no list of percents", param_hint="--steps"
        ) from error


def _changed(policy: Policy, given: dict[str, str], gradual: dict[str, Any]) -> Policy:
    return replace(policy, **given, gradual=replace(policy.gradual, **gradual))


@click.command(short_help="Load a version again.")
@click.argument("name")
@click.argument("version", required=False, type=click.IntRange(min=1))
@stack_option
def load(*, name: str, version: int | None, stack: str | None) -> None:
    """Load what model NAME's labels point at, or VERSION: after an unload, or an END."""
    body = json.dumps({"parameters": {"version": version} if version else {}}).encode()
    path = f"/v2/repository/models/{name}/load"
    click.echo(require(chosen(stack), Call("POST", path, body)).body.decode())


@click.command(short_help="Take a model out of service.")
@click.argument("name")
@stack_option
def unload(*, name: str, stack: str | None) -> None:
    """Take every version of model NAME out of service; its labels stay for the next load."""
    require(chosen(stack), Call("POST", f"/v2/repository/models/{name}/unload"))
    click.echo(f"{name}: unloaded")
