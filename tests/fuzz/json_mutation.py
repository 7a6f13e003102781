"""JSON text with something wrong in one place of it."""

from __future__ import annotations

import json
import random
from typing import Any


class Raw(str):
    """Text that stands in JSON as it is, whether that is JSON or not."""

    __slots__ = ()


class Pairs(list):
    """An object's members in order; names may occur more than once."""


_NUMBERS = [
    "0",
    "-0",
    "-0.0",
    "1",
    "-1",
    "1.0",
    "1e0",
    "1.5",
    "2",
    "4",
    "127",
    "128",
    "255",
    "256",
    "-129",
    "65535",
    "65536",
    "2147483647",
    "2147483648",
    "-2147483649",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "1e19",
    "65504",
    "65520",
    "3.4028235e38",
    "3.5e38",
    "1e308",
    "1e309",
    "-1e400",
    "1e-400",
    "5e-324",
    "0.1e-999999999",
    "1e999999999",
    "0.1",
    "0.2",
    "0.3",
    "3",
    "5",
    "6",
    "7",
    "8",
    "9",
]
_NO_NUMBERS = [
    "NaN",
    "Infinity",
    "-Infinity",
    "nan",
    "Inf",
    "-Inf",
    "-NaN",
    "01",
    "+1",
    ".5",
    "1.",
    "0x10",
    "1_000",
    "1e",
    "1e+",
    "-",
]
_STRINGS = [
    '""', '"a"', '"x"', '"y"', '"\\u0000"', '"\\ud800"', '"\\udc00\\ud800"', '"\\ud83d\\ude00"',
    '"\\u00e9"', '"\ufeff"', '"\U0001d54f"', '"\u202e"', '"../../etc"', '"1"', '"NaN"', '"true"',
    '"BOOL"', '"FP16"', '"FP32"', '"BF16"', '"BYTES"', '"INT64"', '"fp32"', '"YQ=="',
    '"' + "x" * 5000 + '"', '"serving_default"',
]  # fmt: skip
_NO_STRINGS = ['"\\x"', '"\t"', '"', "'a'", '"\\u12"']
_CONTAINERS = [
    "[]", "{}", "[[]]", "[{}]", "[[],[]]", "[[1,2],[3]]", "[1,[2]]", "[[1],2]", "null",
    '[1,"a",null,true]', '["a",1]', "[1,NaN]", '{"b64":"YQ=="}', '{"b64":"!"}', '{"b64":1}',
    '{"b64":"/w=="}', '{"b64":"YQ==","x":1}', '{"x":1}', '{"x":1,"x":2}', "true", "false",
    "[-1]", "[0]", "[1,0]", "[4294967296,4294967296]", "[9223372036854775807,2]", "[1.0]", "[true]",
]  # fmt: skip
_NO_CONTAINERS = ["", "[1,]", "[,1]", '{"x"}', "{,}", "[1 2]", '{"x":1']
# What is JSON, and what is none or is so to some parsers alone.
_JSON = (_NUMBERS, _STRINGS, _CONTAINERS)
_NO_JSON = (_NO_NUMBERS, _NO_STRINGS, _NO_CONTAINERS)
_DEPTHS = (5, 63, 64, 65, 100, 500, 1000, 1023, 1024, 1025, 5000)
_KEYS = [
    "signature_name",
    "instances",
    "inputs",
    "examples",
    "context",
    "b64",
    "name",
    "shape",
    "datatype",
    "data",
    "parameters",
    "binary_data_size",
    "binary_data",
    "binary_data_output",
    "classification",
    "id",
    "outputs",
    "model_name",
    "timeout",
    "priority",
    "sequence_id",
    "sequence_start",
    "headers",
    "x",
    "a",
    "b",
]


def mutate(text: str, rng: random.Random) -> str:
    """Return JSON text with a few places of it changed."""
    tree: Any = json.loads(text, object_pairs_hook=Pairs)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        tree = _change(tree, rng, rng.random() * 0.5 + 0.3)
    return write(tree, ascii_only=rng.random() < 0.5)


def write(value: Any, *, ascii_only: bool) -> str:
    if isinstance(value, Raw):
        return value
    if isinstance(value, Pairs):
        members = (f"{_name(k, ascii_only)}:{write(v, ascii_only=ascii_only)}" for k, v in value)
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(write(item, ascii_only=ascii_only) for item in value) + "]"
    return json.dumps(value, ensure_ascii=ascii_only)


def _name(name: str, ascii_only: bool) -> str:
    return name if isinstance(name, Raw) else json.dumps(name, ensure_ascii=ascii_only)


def _change(value: Any, rng: random.Random, deeper: float) -> Any:
    """Change the value, or one of those inside it."""
    if isinstance(value, Pairs) and value:
        at = rng.randrange(len(value))
        if rng.random() < deeper:
            name, inner = value[at]
            value[at] = (name, _change(inner, rng, deeper))
            return value
        return _change_members(value, at, rng)
    if isinstance(value, list) and value:
        at = rng.randrange(len(value))
        if rng.random() < deeper:
            value[at] = _change(value[at], rng, deeper)
            return value
        return _change_items(value, at, rng)
    return _other(value, rng)


def _change_members(value: Pairs, at: int, rng: random.Random) -> Any:
    name, inner = value[at]
    how = rng.randrange(6)
    if how == 0:
        del value[at]
    elif how == 1:  # the same name twice
        value.insert(rng.randrange(len(value) + 1), (name, _other(inner, rng)))
    elif how == 2:
        value.insert(at, (rng.choice(_KEYS), _other(inner, rng)))
    elif how == 3:
        value[at] = (_key(rng), inner)
    elif how == 4:
        value[at] = (name, _other(inner, rng))
    else:
        return _other(value, rng)
    return value


def _change_items(value: list[Any], at: int, rng: random.Random) -> Any:
    how = rng.randrange(6)
    if how == 0:
        del value[at]
    elif how == 1:
        value.insert(at, _other(value[at], rng))
    elif how == 2:
        value[at] = _other(value[at], rng)
    elif how == 3:
        return value * rng.choice((2, 3, 50))
    elif how == 4:
        value.insert(at, value[at])
    else:
        return _other(value, rng)
    return value


def _key(rng: random.Random) -> str:
    return rng.choice((*_KEYS, Raw('"\\ud800"'), Raw("1"), "\u00fc", "", "x" * 3000))


def _other(value: Any, rng: random.Random) -> Any:
    """Return something that stands where a value stood."""
    how = rng.randrange(20)
    if how < 12:
        return Raw(rng.choice(rng.choice(_JSON)))
    if how < 15:
        return Raw(rng.choice(rng.choice(_NO_JSON)))
    if how < 18:
        return [value]
    if how == 18:
        return Raw(_deep(rng))
    return Raw("[" + ",".join([rng.choice(_NUMBERS)] * rng.choice((1, 7, 300, 20_000))) + "]")


def _deep(rng: random.Random) -> str:
    levels = rng.choice(_DEPTHS)
    before, after = rng.choice((("[", "]"), ('{"x":', "}"), ('[{"b64":', "}]")))
    return before * levels + rng.choice(("1", '"a"', "NaN", "")) + after * levels
