"""`dataclass(frozen=True, slots=True)`, made in a twentieth of the time.

The standard decorator writes and compiles a program for each class: 0.7 ms, seventy times in a
cold start. Here a class takes 0.03 ms. Its constructor is compiled when many values were made, and
its other methods are shared. `fields`, `asdict` and `replace` take its values as their own:
tests/unit/domain holds it to the standard one, of each Python.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import MISSING, Field, FrozenInstanceError
from types import MethodType
from typing import TYPE_CHECKING, Any, NoReturn

__all__ = ["dataclass"]

# As often a class's constructor is called before it is compiled.
_FEW = 50

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen: bool, slots: bool) -> Any:  # noqa: ANN401 (a decorator)
        """Return what `dataclasses.dataclass` does with these arguments, both of them true."""
        assert (frozen, slots) == (True, True)
        return _made


def _made(cls: type) -> Any:  # noqa: ANN401 (a class of fields)
    own = {
        name: _field(name, kind, vars(cls).get(name, MISSING))
        for name, kind in vars(cls).get("__annotations__", {}).items()
        if not kind.startswith("ClassVar")
    }
    inherited: dict[str, Field[Any]] = {}
    for base in reversed(cls.__mro__[1:]):
        inherited |= vars(base).get("__dataclass_fields__", {})
    fields = inherited | own
    left_out = own.keys() | {"__dict__", "__weakref__"}  # these two a class of slots has none of
    body = {
        **_SHARED,
        # A class may have its own of these.
        **{name: of for name, of in vars(cls).items() if name not in left_out},
        "__slots__": tuple(name for name in own if name not in inherited),
        "__match_args__": tuple(fields),
        "__dataclass_fields__": fields,
        "__qualname__": cls.__qualname__,
        "__doc__": cls.__doc__ or cls.__name__,
    }
    made: Any = type(cls)(cls.__name__, cls.__bases__, body)
    made.__init__ = _Constructor(made)
    return made


def _field(name: str, kind: str, default: Any) -> Any:  # noqa: ANN401 (any default, and a Field)
    made: Any = default if isinstance(default, Field) else dataclasses.field(default=default)
    if made.default.__class__.__hash__ is None:
        raise ValueError(f"mutable default of {name}: give it a default_factory")
    made.name, made.type = name, kind
    made.kw_only, made._field_type = False, _ONE._field_type  # noqa: SLF001 (as the standard one)
    return made


class _Constructor:
    """Stands where `__init__` does until that is worth compiling.

    Of most classes a process makes few values: to compile takes as long as to make fifty.
    """

    def __init__(self, owner: Any) -> None:  # noqa: ANN401 (a class of fields)
        self._owner = owner
        self._calls = 0

    def __get__(self, value: Any, kind: type | None = None) -> Any:  # noqa: ANN401 (a method)
        self._calls += 1
        # Whoever looks for it without a value wants to read it.
        if self._calls > _FEW or not isinstance(value, self._owner):
            return self._compile().__get__(value, kind)
        return MethodType(self._construct, value)

    def _construct(self, value: Any, /, *given: Any, **named: Any) -> None:  # noqa: ANN401
        values = self._filled(given, named)
        if values is None:  # what is wrong is told by the compiled one
            self._compile()(value, *given, **named)
            return
        for name, one in values.items():
            object.__setattr__(value, name, one)
        if hasattr(value, "__post_init__"):
            value.__post_init__()

    def _filled(self, given: tuple[Any, ...], named: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return a value for each field, or None if that cannot be."""
        fields = self._owner.__dataclass_fields__
        values = dict(zip(fields, given, strict=False))
        if len(given) > len(fields) or not named.keys() <= fields.keys() - values.keys():
            return None
        values |= named
        for name in fields.keys() - values.keys():
            field = fields[name]
            if field.default is field.default_factory is MISSING:
                return None
            made = field.default_factory is not MISSING
            values[name] = field.default_factory() if made else field.default
        return values

    def _compile(self) -> Any:  # noqa: ANN401 (a function)
        compiled = self._owner.__init__ = _compiled(self._owner)
        return compiled


def _compiled(cls: Any) -> Any:  # noqa: ANN401 (a class of fields, and a function)
    """Return the constructor, which puts each value straight into its slot."""
    names: dict[str, Any] = {}
    accepted, lines = ["self"], []
    for field in dataclasses.fields(cls):
        names[f"_set_{field.name}"] = getattr(cls, field.name).__set__
        accepted.append(_accepted(field, names))
        lines.append(f" _set_{field.name}(self, {_given(field)})")
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()")
    exec(f"def __init__({', '.join(accepted)}):\n" + "\n".join(lines or [" pass"]), names)  # noqa: S102 (names of fields are all that is in it)
    made = names["__init__"]
    made.__qualname__, made.__module__ = f"{cls.__qualname__}.__init__", cls.__module__
    made.__annotations__ = {field.name: field.type for field in dataclasses.fields(cls)}
    return made


def _accepted(field: Field[Any], names: dict[str, Any]) -> str:
    default = f"_default_{field.name}"
    if field.default_factory is not MISSING:
        names[default] = field.default_factory
        names["_MADE"] = MISSING
        return f"{field.name}=_MADE"
    if field.default is MISSING:
        return field.name
    names[default] = field.default
    return f"{field.name}={default}"


def _given(field: Field[Any]) -> str:
    if field.default_factory is MISSING:
        return field.name
    return f"_default_{field.name}() if {field.name} is _MADE else {field.name}"


def _values(self: Any) -> tuple[Any, ...]:  # noqa: ANN401 (a value of any such class)
    return tuple([getattr(self, name) for name in self.__match_args__])


def _fill(self: Any, values: tuple[Any, ...]) -> None:  # noqa: ANN401
    for name, value in zip(self.__match_args__, values, strict=True):
        object.__setattr__(self, name, value)


def _equals(self: Any, other: object) -> Any:  # noqa: ANN401
    if other.__class__ is not self.__class__:
        return NotImplemented
    return _values(self) == _values(other)


def _hash(self: Any) -> int:  # noqa: ANN401
    return hash(_values(self))


def _repr(self: Any) -> str:  # noqa: ANN401
    shown = [f"{f.name}={getattr(self, f.name)!r}" for f in dataclasses.fields(self) if f.repr]
    return f"{self.__class__.__qualname__}({', '.join(shown)})"


def _refuse_to_set(_self: object, name: str, _value: object) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_self: object, name: str) -> NoReturn:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _replace(self: Any, /, **changes: Any) -> Any:  # noqa: ANN401
    return dataclasses.replace(self, **changes)


@dataclasses.dataclass(init=False, repr=False, eq=False)
class _Standard:
    """What the standard decorator puts into a class, for what is the same in each."""

    one: str


_ONE: Any = dataclasses.fields(_Standard)[0]
_SHARED: dict[str, Any] = {
    "__dataclass_params__": vars(_Standard)["__dataclass_params__"],
    "__eq__": _equals,
    "__hash__": _hash,
    "__setattr__": _refuse_to_set,
    "__delattr__": _refuse_to_delete,
    "__getstate__": _values,
    "__setstate__": _fill,
    "__replace__": _replace,
    "__repr__": _repr,
}
