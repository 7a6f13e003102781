"""Commands of the contract whose step does not exist yet: the API says so in its own words."""

from __future__ import annotations

import click

from hearth_local.chosen import chosen, stack_option
from hearth_local.http_call import Call, require


@click.command(short_help="Not built yet.")
@click.argument("name")
@click.option("--wait", is_flag=True)
@stack_option
def optimize(*, name: str, wait: bool, stack: str | None) -> None:
    """Ask for a faster variant of model NAME."""
    del wait
    found = chosen(stack)
    click.echo(require(found, Call("POST", f"/v2/repository/models/{name}/optimize")).body)
