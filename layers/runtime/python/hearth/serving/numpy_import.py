"""numpy, imported without what only people and type checkers read.

Thousands of docstrings are put together at each import of numpy, signatures written down and type
aliases built: with the garbage collector's passes in between, a quarter of what numpy and ONNX
Runtime take to import.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from hearth.serving.deferred import Deferred, whole

# What numpy imports of its own for docstrings, and what for annotations.
DOCSTRINGS = ("numpy._core._add_newdocs", "numpy._core._add_newdocs_scalars")
ANNOTATIONS = "numpy._typing"


def import_numpy() -> None:
    """Import numpy, if nobody has; whoever wants `numpy.typing` later gets it whole."""
    if "numpy" in sys.modules:
        return
    stand_ins = _stand_ins()
    before = {name: sys.modules[name] for name in stand_ins if name in sys.modules}
    sys.modules.update(stand_ins)
    try:
        import numpy  # noqa: F401, ICN001
    finally:
        for name, stand_in in stand_ins.items():
            if sys.modules.get(name) is not stand_in:
                continue
            if name in before:
                sys.modules[name] = before[name]
            else:
                del sys.modules[name]


def _stand_ins() -> dict[str, ModuleType]:
    made = {name: ModuleType(name) for name in (*DOCSTRINGS, ANNOTATIONS)}
    # numpy.linalg subscripts it, for the fields of what it returns.
    vars(made[ANNOTATIONS])["NDArray"] = list
    # The signatures that it gives to its functions written in C, and their docstrings.
    made["inspect"] = Deferred("inspect", {"signature": _signature, "cleandoc": _cleandoc})
    return made


def _signature(of: Any, **how: Any) -> Any:  # noqa: ANN401 (any function, and what it takes)
    return None if _asked_by_numpy() else whole("inspect").signature(of, **how)


def _cleandoc(doc: str) -> str:
    return doc if _asked_by_numpy() else str(whole("inspect").cleandoc(doc))


def _asked_by_numpy() -> bool:
    """Return whether it is numpy that wants to know: another thread may be importing, too."""
    return str(sys._getframe(2).f_globals.get("__name__", "")).startswith("numpy.")  # noqa: SLF001
