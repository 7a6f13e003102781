"""CloudWatch Logs filter patterns, as far as subscriptions here use them.

Source: CloudWatch Logs user guide, "Filter pattern syntax": `{ $.path = value }` with `=`, `!=`,
`*` in values and `&&`; the empty pattern takes every line; other text takes lines that hold it all.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Callable
from typing import Any

from hearth_local.errors import TemplateError

_CONDITION = re.compile(r'\s*\$\.([\w.\-]+)\s*(!?=)\s*("[^"]*"|[^\s"&|]+)\s*')
_MISSING = object()

Test = Callable[[str], bool]


def compile_pattern(pattern: str) -> Test:
    """Return the test that a log line passes or not.

    Raises:
        TemplateError: If the pattern uses more of the syntax than this.
    """
    text = pattern.strip()
    if not text.startswith("{"):
        terms = [term.strip('"') for term in re.findall(r'"[^"]*"|\S+', text)]
        return lambda line: all(term in line for term in terms)
    conditions = [_condition(part, pattern) for part in text.strip("{}").split("&&")]

    def passes(line: str) -> bool:
        try:
            document = json.loads(line)
        except ValueError:
            return False
        return all(condition(document) for condition in conditions)

    return passes


def _condition(text: str, pattern: str) -> Callable[[Any], bool]:
    parsed = _CONDITION.fullmatch(text)
    if parsed is None:
        raise TemplateError(
            "FilterPattern", pattern, '{ $.path = "value" && ... }', "use that form"
        )
    path, operator, wanted = parsed[1].split("."), parsed[2], parsed[3]

    def holds(document: Any) -> bool:  # noqa: ANN401
        value: Any = document
        for key in path:
            value = value.get(key, _MISSING) if isinstance(value, dict) else _MISSING
        if value is _MISSING:
            return False
        return _equal(value, wanted) is (operator == "=")

    return holds


def _equal(value: Any, wanted: str) -> bool:  # noqa: ANN401
    if isinstance(value, str):
        return fnmatch.fnmatchcase(value, wanted.strip('"').replace("[", "[[]"))
    if isinstance(value, bool) or value is None:
        return json.dumps(value) == wanted.lower()
    try:
        return bool(value == float(wanted))
    except ValueError:
        return False
