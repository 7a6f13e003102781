"""numpy, imported without what only people and type checkers read.

Thousands of docstrings are put together at each import of numpy, and type aliases built: with the
garbage collector's passes in between, a quarter of what numpy and ONNX Runtime take to import.
"""

from __future__ import annotations

import sys
from types import ModuleType

# What numpy imports of its own for docstrings, and what for annotations.
DOCSTRINGS = ("numpy._core._add_newdocs", "numpy._core._add_newdocs_scalars")
ANNOTATIONS = "numpy._typing"


def import_numpy() -> None:
    """Import numpy, if nobody has; whoever wants `numpy.typing` later gets it whole."""
    if "numpy" in sys.modules:
        return
    stand_ins = {name: ModuleType(name) for name in (*DOCSTRINGS, ANNOTATIONS)}
    # numpy.linalg subscripts it, for the fields of what it returns.
    vars(stand_ins[ANNOTATIONS])["NDArray"] = list
    sys.modules.update(stand_ins)
    try:
        import numpy  # noqa: F401, ICN001
    finally:
        for name, stand_in in stand_ins.items():
            if sys.modules.get(name) is stand_in:
                del sys.modules[name]
