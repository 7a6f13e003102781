"""Which stack a command works on: its `--stack` option, and what that names."""

from __future__ import annotations

import click

from hearth_local import project, target
from hearth_local.target import Target

stack_option = click.option(
    "--stack", help="A deployed stack's name; default: the one running here."
)


def chosen(stack: str | None) -> Target:
    """Return the named deployed stack, or the one that runs in this project.

    Raises:
        NotRunning: If there is no such stack.
    """
    return target.find(project.find().state_dir, stack)
