"""The `hearth` command. A command's module is imported only when that command runs."""

from __future__ import annotations

import importlib
import sys

import click

from hearth_local.errors import LocalError

# name: (module, attribute, one line of help). The help stands here so that `hearth --help` imports
# none of the modules.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "up": ("hearth_local.commands_up", "up", "Run the local stack in the foreground."),
    "publish": (
        "hearth_local.commands_publish",
        "publish",
        "Publish a model file as the next version.",
    ),
    "status": (
        "hearth_local.commands_registry",
        "status",
        "Show models, versions, labels and history.",
    ),
    "predict": ("hearth_local.commands_predict", "predict", "Predict from a file."),
    "promote": ("hearth_local.commands_registry", "promote", "Point a label at a version."),
    "rollback": (
        "hearth_local.commands_registry",
        "rollback",
        "Point a label back at where it was.",
    ),
    "policy": (
        "hearth_local.commands_registry",
        "policy",
        "Show or set a model's policies.",
    ),
    "load": ("hearth_local.commands_registry", "load", "Load a version again."),
    "unload": ("hearth_local.commands_registry", "unload", "Take a model out of service."),
    "optimize": (
        "hearth_local.commands_optimize",
        "optimize",
        "Look for a faster, smaller or cheaper variant.",
    ),
    "profile": ("hearth_local.commands_profile", "profile", "Show where a model's time goes."),
    "report": ("hearth_local.commands_report", "report", "Show how a model is doing."),
    "metrics": (
        "hearth_local.commands_metrics",
        "metrics",
        "Show what Prometheus scrapes, or serve it.",
    ),
    "logs": ("hearth_local.commands_logs", "logs", "Show what a function of the stack wrote."),
    "invoke": ("hearth_local.commands_invoke", "invoke", "Call a function directly."),
}


class LazyGroup(click.Group):
    """A group whose commands are found in COMMANDS."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Turn what a user can mend into one line instead of a traceback."""
        try:
            return super().invoke(ctx)
        except LocalError as error:
            raise click.ClickException(str(error)) from error
        except Exception as error:
            # The library is imported by now if one of its errors was raised, and not before.
            errors = sys.modules.get("hearth.domain.errors")
            if errors is None or not isinstance(error, errors.HearthError):
                raise
            raise click.ClickException(str(error)) from error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hearth")
def main() -> None:
    """Keep ONNX models warm, healthy and getting faster on AWS Lambda."""


if __name__ == "__main__":
    main()
