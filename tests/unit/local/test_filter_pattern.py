"""Log lines pass a filter pattern as CloudWatch Logs has it."""

import pytest
from hearth_local.errors import TemplateError
from hearth_local.filter_pattern import compile_pattern


@pytest.mark.parametrize(
    ("pattern", "line", "passes"),
    [
        ("", "anything", True),
        ("ERROR model", "an ERROR in model a", True),
        ("ERROR model", "an ERROR", False),
        ('"an ERROR"', "an ERROR", True),
        ('{ $.record = "hearth.prediction/1" }', '{"record": "hearth.prediction/1"}', True),
        ('{ $.record = "hearth.prediction/1" }', '{"record": "hearth.prediction/2"}', False),
        ('{ $.record = "hearth.prediction/1" }', '{"other": 1}', False),
        ('{ $.record = "hearth.prediction/1" }', '{"record": {"a": 1}}', False),
        ('{ $.record = "hearth.prediction/1" }', "record = hearth.prediction/1", False),
        ('{ $.record = "hearth.prediction/1" }', "[1]", False),
        ('{ $.record = "hearth.*" }', '{"record": "hearth.x"}', True),
        ("{ $.a.b = 2 }", '{"a": {"b": 2.0}}', True),
        ("{ $.a.b = 2 }", '{"a": {"b": true}}', False),
        ("{ $.a = TRUE }", '{"a": true}', True),
        ("{ $.a != 2 }", '{"a": 3}', True),
        ("{ $.a != 2 }", "{}", False),
        ('{ $.a = 1 && $.b = "x" }', '{"a": 1, "b": "x"}', True),
        ('{ $.a = 1 && $.b = "x" }', '{"a": 1, "b": "y"}', False),
    ],
)
def test_line_passes_when_the_pattern_holds(pattern, line, passes):
    """Fields are compared by path, text by containment."""
    assert compile_pattern(pattern)(line) is passes


@pytest.mark.parametrize("pattern", ["{ $.a > 2 }", "{ a = 1 }", "{ $.a IS NULL }", "{}"])
def test_pattern_beyond_the_known_syntax_is_an_error(pattern):
    """A pattern that would be read wrongly is refused."""
    with pytest.raises(TemplateError, match="FilterPattern"):
        compile_pattern(pattern)
