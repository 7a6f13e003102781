"""Dataclasses that are made quickly are like those of the standard library."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import sys
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, asdict, field, fields, replace
from typing import Any, ClassVar

import pytest
from hearth.domain import frozen


def declare(dataclass: Any) -> tuple[type, type, type, type]:
    @dataclass(frozen=True, slots=True)
    class Point:
        """A point."""

        KIND: ClassVar[str] = "point"

        x: int
        y: float = 1.5
        names: Mapping[str, int] = field(default_factory=dict)
        secret: str = field(default="", repr=False)

        def __post_init__(self) -> None:
            if self.x < 0:
                raise ValueError(f"x is {self.x}")

        @property
        def doubled(self) -> int:
            return self.x * 2

    @dataclass(frozen=True, slots=True)
    class Named(Point):
        name: str = "origin"

    @dataclass(frozen=True, slots=True)
    class Closer(Named):
        """With another default for what it inherits."""

        x: int = 7
        further: tuple[int, ...] = ()

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Closer) and self.x == other.x

        __hash__ = None

    @dataclass(frozen=True, slots=True)
    class Empty:
        def __repr__(self) -> str:
            return "nothing"

    return Point, Named, Closer, Empty


Point, Named, Closer, Empty = declare(frozen.dataclass)
Plain, PlainNamed, PlainCloser, PlainEmpty = declare(dataclasses.dataclass)
PAIRS = [(Point, Plain), (Named, PlainNamed), (Closer, PlainCloser), (Empty, PlainEmpty)]
CALLS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((), {}),
    ((1,), {}),
    ((), {"x": 1}),
    ((1, 2.0), {}),
    ((1,), {"names": {"a": 1}}),
    ((1, 2.0, {}, "s", "n"), {}),
    ((1,), {"x": 1}),
    ((1,), {"z": 1}),
    ((-1,), {}),
    (tuple(range(9)), {}),
]


def outcome(kind: type, arguments: tuple[Any, ...], named: dict[str, Any]) -> object:
    try:
        made = kind(*arguments, **named)
    except (TypeError, ValueError) as error:
        return type(error)
    return repr(made).replace(kind.__qualname__, "-"), {
        f.name: getattr(made, f.name) for f in fields(made)
    }


@pytest.mark.parametrize("before", [0, 1000])
@pytest.mark.parametrize("which", range(len(PAIRS)))
@pytest.mark.parametrize(("arguments", "named"), CALLS)
def test_class_is_called_as_the_standard_one_is(
    which: int, arguments: tuple[Any, ...], named: dict[str, Any], before: int
) -> None:
    """The same arguments make the same value, or are refused with the same kind of error.

    The first values that a class makes, and those after many.
    """
    kind, plain = (declare(made)[which] for made in (frozen.dataclass, dataclasses.dataclass))
    for _ in range(before):
        outcome(kind, arguments, named)
    assert outcome(kind, arguments, named) == outcome(plain, arguments, named)


@pytest.mark.parametrize(("kind", "plain"), PAIRS)
def test_class_looks_like_the_standard_one(kind: type, plain: type) -> None:
    """Signature, slots, fields and pattern arguments are those of the standard decorator."""

    def look(of: Any) -> object:
        parameters = inspect.signature(of).parameters.values()
        return (
            [(p.name, p.kind, p.default is inspect.Parameter.empty) for p in parameters],
            of.__slots__,
            of.__match_args__,
            [(f.name, f.type, f.default, f.init, f.repr, f.kw_only) for f in fields(of)],
            (of.__module__, of.__qualname__, of.__doc__ and kind.__doc__),
        )

    assert look(kind) == look(plain)
    assert dataclasses.is_dataclass(kind)


def test_values_are_equal_by_class_and_fields() -> None:
    """Equal values of one class are equal and hash alike; of a subclass they are not."""
    assert Point(1) == Point(1, 1.5, {})
    assert Point(1) != Point(2)
    assert Point(1) != Named(1)
    assert Point(1) != Plain(1)
    assert hash(Point(1, 2.0, ())) == hash(Point(1, 2.0, ())) == hash(Plain(1, 2.0, ()))
    with pytest.raises(TypeError, match="unhashable"):
        hash(Point(1))


def test_equality_of_its_own_is_kept() -> None:
    """A class that says itself what is equal is asked."""
    assert Closer(1, name="a") == Closer(1, name="b")
    assert Closer().x == PlainCloser().x == 7


def test_mutable_default_is_refused() -> None:
    """One list for all values is never meant."""
    for dataclass in (frozen.dataclass, dataclasses.dataclass):
        with pytest.raises(ValueError, match="mutable default"):

            @dataclass(frozen=True, slots=True)
            class _Listed:
                names: list[str] = []  # noqa: RUF012


def test_defaults_are_made_for_each_value() -> None:
    """A default factory is called for every value."""
    assert Point(1).names is not Point(1).names


def test_value_cannot_be_changed() -> None:
    """Fields can neither be set nor deleted, and there is room for nothing else."""
    point = Point(1)

    with pytest.raises(FrozenInstanceError):
        point.x = 2
    with pytest.raises(FrozenInstanceError):
        del point.x
    with pytest.raises(FrozenInstanceError):
        point.other = 2
    assert not hasattr(point, "__dict__")


def test_standard_functions_take_values() -> None:
    """`replace`, `asdict`, copies, pickles and patterns work as with the standard ones."""
    point = Named(1, 2.0, {"a": 1}, "s", "n")

    assert replace(point, x=5) == Named(5, 2.0, {"a": 1}, "s", "n")
    assert asdict(point) == {"x": 1, "y": 2.0, "names": {"a": 1}, "secret": "s", "name": "n"}
    assert copy.copy(point) == copy.deepcopy(point) == point
    if sys.version_info >= (3, 13):
        assert copy.replace(point, x=5) == replace(point, x=5)
    assert copy.deepcopy(point).names is not point.names
    match point:
        case Point(x, y):
            assert (x, y, point.doubled) == (1, 2.0, 2)
    with pytest.raises(ValueError, match="x is -1"):
        replace(point, x=-1)


@frozen.dataclass(frozen=True, slots=True)
class Top:
    """Found again by its name, as a pickle needs it."""

    x: int


def test_value_survives_a_pickle() -> None:
    """A value comes back from a pickle as it was (Hearth itself loads none)."""
    assert pickle.loads(pickle.dumps(Top(3))) == Top(3)


def test_subclass_made_first_takes_nothing_from_its_base() -> None:
    """Constructors are compiled in any order, each for its own class."""
    base, derived, *_ = declare(frozen.dataclass)

    assert (derived(1).name, base(1).x, derived(2, name="n").name) == ("origin", 1, "n")
    assert "name" not in inspect.signature(base).parameters
