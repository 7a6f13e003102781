"""The README's generated tables: `python -m hearth_local.readme` rewrites them in place."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Sequence
from dataclasses import MISSING, fields
from pathlib import Path

from hearth.domain import errors
from hearth.edge import settings
from hearth.edge.gateway_routes import ROUTES
from hearth.edge.problem import STATUSES, meanings
from hearth.edge.settings import Settings

from hearth_local import project
from hearth_local.cli import COMMANDS

_BLOCK = re.compile(r"(<!-- (?P<name>[a-z-]+) -->\n).*?(<!-- /(?P=name) -->)", re.DOTALL)
_MEASURED = re.compile(r"^Measured on .*\n\n(?:\|.*\n)+", re.MULTILINE)
_ARGUMENT = re.compile(r"^\s{4,8}(\w+): (.+?)(?=^\s{4,8}\w+: |\Z)", re.MULTILINE | re.DOTALL)


def renew(text: str, root: Path) -> str:
    """Return a README with every generated block made anew."""
    made = {
        "alternatives": _measured((root / "tests/bench/results/alternatives.md").read_text()),
        "commands": commands(),
        "errors": error_table(),
        "handlers": (root / "tests/bench/results/handlers.md").read_text(),
        "imports": (root / "tests/bench/results/imports.md").read_text(),
        "layers": (root / "tests/bench/results/layers.md").read_text(),
        "optimize": _from_table((root / "tests/bench/results/optimize.md").read_text()),
        "routes": routes(),
        "settings": settings_table(),
    }
    return _BLOCK.sub(lambda match: match[1] + made[match["name"]] + match[3], text)


def _measured(text: str) -> str:
    """Return of a page of results what it was measured on, and its first table."""
    found = _MEASURED.search(text)
    return found[0] if found else ""


def _from_table(text: str) -> str:
    """Return a page of results without what explains its table."""
    return text[text.index("| ") :]


def commands() -> str:
    return _table(
        ("command", "does"), [(f"`hearth {n}`", line) for n, (_, _, line) in COMMANDS.items()]
    )


def routes() -> str:
    """Return the HTTP surface, one row a function."""
    functions = dict.fromkeys(route.function for route in ROUTES)
    rows = []
    for function in functions:
        paths = [f"`{r.method} {r.path}`" for r in ROUTES if r.function == function]
        rows.append((function, "<br>".join(paths)))
    return _table(("function", "routes"), rows)


def settings_table() -> str:
    rows = []
    for kind in (
        settings.Settings,
        settings.PredictSettings,
        settings.LoadAndWarmSettings,
        settings.HealthCheckSettings,
        settings.MetricsSettings,
        settings.OptimizeSettings,
    ):
        own = {f.name for base in kind.__mro__[1:-1] for f in fields(base)}
        meaning = _arguments(kind)
        title = kind.__name__.removesuffix("Settings") or "all"
        for field in fields(kind):
            if field.name not in own:
                default = "required" if field.default is MISSING else f"`{field.default}`"
                name = f"`{Settings.KEYS[field.name]}`"
                rows.append((title, name, default, meaning.get(field.name, "")))
    return _table(("function", "key", "default", "meaning"), rows)


def _arguments(kind: type) -> dict[str, str]:
    text = inspect.getdoc(kind) or ""
    _, _, listed = text.partition("Args:\n")
    return {m[1]: " ".join(m[2].split()) for m in _ARGUMENT.finditer(listed)}


def error_table() -> str:
    """Return every leaf of the exception tree with its statuses."""
    rows = []
    for name, says in meanings().items():
        kind = getattr(errors, name)
        v1, v2 = next(STATUSES[base] for base in kind.__mro__ if base in STATUSES)
        rows.append((f"`{name}`", says, str(v1), str(v2)))
    return _table(("error", "means", "/v1", "elsewhere"), rows)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join("| " + " | ".join(c.replace("|", "\\|") for c in row) + " |\n" for row in lines)


def main() -> None:
    root = project.find().folder
    path = root / "README.md"
    text = path.read_text(encoding="utf-8")
    fresh = renew(text, root)
    if "--check" in sys.argv:
        sys.exit(0 if fresh == text else "README.md is stale: make readme")
    path.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    main()
