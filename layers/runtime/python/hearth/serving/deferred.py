"""Modules that are imported on the way to a first answer, and that it does not look into.

numpy and `dataclasses` import `inspect`, which takes source code apart, and with it `ast`, `dis`
and `tokenize`; numpy imports `pickle`; ONNX Runtime asks `platform` for the system's name alone.
That is a tenth of what ONNX Runtime's start takes.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

# Two threads that look at once make one module.
_LOCK = threading.Lock()


class Deferred(ModuleType):
    """Stands for a module until somebody looks into it: then that is imported.

    Whoever has imported it by then goes on with this, which gives all that the module has.

    Args:
        name: The module's.
        known: What can be given without it.
    """

    def __init__(self, name: str, known: Mapping[str, Any]) -> None:
        super().__init__(name)
        vars(self).update(known)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (whatever the module has)
        return getattr(whole(self.__name__), name)


def defer() -> None:
    """Have those modules imported when somebody looks into them, if they are not there yet."""
    for name, known in _KNOWN.items():
        sys.modules.setdefault(name, Deferred(name, known))


def whole(name: str) -> ModuleType:
    """Return a module that may have been put off."""
    with _LOCK:
        if isinstance(sys.modules.get(name), Deferred):
            del sys.modules[name]
    return import_module(name)


def _annotations(of: Any, **how: Any) -> dict[str, Any]:  # noqa: ANN401 (as `inspect` has it)
    if how or not isinstance(of, type):
        found: dict[str, Any] = whole("inspect").get_annotations(of, **how)
        return found
    return dict(vars(of).get("__annotations__", {}))


def _system() -> str:
    return os.uname().sysname


# With what importing numpy and ONNX Runtime, and making a dataclass, ask of them.
_KNOWN: dict[str, dict[str, Any]] = {
    "ast": {},
    "inspect": {"get_annotations": _annotations},
    "pickle": {},
    "platform": {"system": _system} if hasattr(os, "uname") else {},
}
